package access

import "time"

// Clock tells the time. Nil is the machine's clock wherever one is taken.
type Clock func() time.Time

func (c Clock) orMachine() Clock {
	if c == nil {
		return time.Now
	}
	return c
}
