package main

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatiently(t *testing.T) {
	for takes, want := range map[time.Duration]string{time.Second: "", 5 * time.Second: "nacre: folding\n"} {
		synctest.Test(t, func(t *testing.T) {
			var told bytes.Buffer
			p := &program{err: &told}
			failed := errors.New("it failed")
			err := p.patiently(3*time.Second, "folding", func() error {
				time.Sleep(takes)
				return failed
			})
			time.Sleep(time.Minute)
			synctest.Wait()
			if told.String() != want || err != failed {
				t.Errorf("what takes %v tells %q, and gives %v", takes, told.String(), err)
			}
		})
	}
}
