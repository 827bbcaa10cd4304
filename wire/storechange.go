package wire

import (
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// StoreChange is the body of a PATCH …/settings; what is nil stays as it is.
type StoreChange struct {
	Description *string        `json:"description,omitzero"`
	Settings    *StoreSettings `json:"settings,omitzero"`
}

// DecodeStoreChange reads a StoreChange. One that changes nothing is refused.
func DecodeStoreChange(body []byte) (StoreChange, error) {
	var c StoreChange
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(storeMembers[:2]) {
		case 0:
			text := s.text()
			if c.Description = &text; utf8.RuneCountInString(text) > maxDescription {
				s.fail("has more than %d characters", maxDescription)
			}
		case 1:
			c.Settings = s.settings()
		}
	}
	if err := s.end(); err != nil {
		return StoreChange{}, err
	}
	if c.Description == nil && (c.Settings == nil || *c.Settings == StoreSettings{}) {
		return StoreChange{}, &nacre.Error{Code: nacre.CodeInvalid, Field: "body", Message: "changes nothing: give description or settings"}
	}
	return c, nil
}
