package access

import (
	"math"

	"github.com/nacredb/nacre"
)

const (
	// maxClaims is the most claims of a key.
	maxClaims = 100
	// maxClaimName is the most bytes of the name of one.
	maxClaimName = 64
	// maxClaimText is the most bytes of a text in one.
	maxClaimText = 1024
)

// claims are what a key's record says of its holder for policies.
type claims map[string]any

// check wants texts, booleans, numbers, and lists of these.
func (c claims) check() error {
	if len(c) > maxClaims {
		return nacre.Errorf(nacre.CodeInvalid, "there are %d claims, at most %d are taken", len(c), maxClaims)
	}
	for name, value := range c {
		if problem := checkText(name, maxClaimName); problem != "" {
			return nacre.Errorf(nacre.CodeInvalid, "the name %q of a claim %s", name, problem)
		}
		list, listed := value.([]any)
		if !listed {
			list = []any{value}
		}
		if len(list) > maxClaim {
			return nacre.Errorf(nacre.CodeInvalid, "the claim %q has %d entries, at most %d are taken", name, len(list), maxClaim)
		}
		for _, v := range list {
			if problem := checkClaim(v); problem != "" {
				return nacre.Errorf(nacre.CodeInvalid, "the claim %q %s", name, problem)
			}
		}
	}
	return nil
}

func checkClaim(v any) string {
	switch v := v.(type) {
	case bool:
		return ""
	case string:
		if v == "" {
			return ""
		}
		return checkText(v, maxClaimText)
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return ""
		}
	}
	return "is no text, boolean or number, and no list of these"
}
