package client

import "time"

// Hurried shortens the waits between attempts.
func Hurried(o Options) *Options {
	o.firstWait = time.Millisecond
	return &o
}
