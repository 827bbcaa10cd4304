package relay

import (
	"net/url"
	"strings"
)

// Hidden stands where a secret is not shown. Given back with a change, it means the secret that was there.
const Hidden = "-hidden-"

// HideURL is a URL, or several with commas in between, with Hidden in the place of passwords.
func HideURL(raw string) string {
	all := strings.Split(raw, ",")
	for i, one := range all {
		u, err := url.Parse(one)
		if err != nil {
			all[i] = Hidden // nothing that was checked; but show none of it
			continue
		}
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), Hidden)
			all[i] = u.String()
		}
	}
	return strings.Join(all, ",")
}

// RestoreURL is a URL, or several, whose hidden passwords are those of before. Where before is not the same URL apart
// from them, a password stays hidden: it must not be sent to another place.
func RestoreURL(raw, before string) string {
	if HidesURL(raw) && HideURL(raw) == HideURL(before) {
		return before
	}
	return raw
}

// HidesURL tells whether a URL has a hidden password, which nothing can be done with.
func HidesURL(raw string) bool {
	for one := range strings.SplitSeq(raw, ",") {
		u, err := url.Parse(one)
		if err != nil {
			continue
		}
		if password, _ := u.User.Password(); password == Hidden {
			return true
		}
	}
	return false
}
