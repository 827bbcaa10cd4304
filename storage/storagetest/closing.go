package storagetest

import (
	"fmt"
	"sync"

	"github.com/nacredb/nacre"
)

var closingCases = []testCase{
	{"EverythingIsClosed", closingEverything},
	{"TheDriverIsClosed", closingDriver},
	{"TwiceDoesNothing", closingTwice},
	{"FinishesWhatWasAccepted", closingFinishes},
}

// expectClosed asks a closed store for everything.
func expectClosed(x *trial, s *nacre.Store) {
	x.Helper()
	check := func(what string, err error) {
		x.Helper()
		expectCode(x, what+" after Close", err, nacre.CodeClosed)
	}
	_, err := s.Append(x.ctx, "s-1", nacre.Any, fact("t", 1))
	check("Append", err)
	_, err = s.Import(x.ctx, to("s-1", nacre.Any, fact("t", 1)))
	check("Import", err)
	check("Read", readError(x, x.ctx, s, nil, nil))
	_, err = s.Version(x.ctx, "s-1")
	check("Version", err)
	_, _, err = s.FindEvent(x.ctx, "s-1", "a")
	check("FindEvent", err)
	_, err = s.Head(x.ctx)
	check("Head", err)
	check("Wait", s.Wait(x.ctx, 0))
	for _, err := range s.Subscribe(x.ctx, nil, nil) {
		check("Subscribe", err)
	}
	for _, err := range s.ReadLines(x.ctx, nil, nil) {
		if x.h.Features.Lines {
			check("ReadLines", err)
		}
	}
	for _, err := range s.Streams(x.ctx, nacre.StreamQuery{}) {
		check("Streams", err)
	}
	_, err = s.Stats(x.ctx)
	check("Stats", err)
	check("Backup", s.Backup(x.ctx, x.TempDir()+"/backup"))
	if !x.h.Features.Blobs || s != x.s {
		return
	}
	blobs, err := s.Blobs()
	if err != nil {
		x.Fatalf("Blobs: %v", err)
	}
	check("PutBlob", blobs.PutBlob(x.ctx, "a", nil))
	_, err = blobs.GetBlob(x.ctx, "a")
	check("GetBlob", err)
	check("DeleteBlob", blobs.DeleteBlob(x.ctx, "a"))
	for _, err := range blobs.ListBlobs(x.ctx, "") {
		check("ListBlobs", err)
	}
}

func closingEverything(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectClosed(x, x.s)
}

// closingDriver asks the driver itself, which others than a Store may hold.
func closingDriver(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	d := x.s.Driver()
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectDriverClosed(x, d)
}

func expectDriverClosed(x *trial, d nacre.Driver) {
	x.Helper()
	_, err := d.Append(x.ctx, []nacre.Append{to("s-1", nacre.Any, fact("t", 1))}, nil)
	expectCode(x, "the driver's Append after Close", err, nacre.CodeClosed)
	_, err = d.Head(x.ctx)
	expectCode(x, "the driver's Head after Close", err, nacre.CodeClosed)
	expectCode(x, "the driver's Wait after Close", d.Wait(x.ctx, 0), nacre.CodeClosed)
	for _, err := range d.Read(x.ctx, nil, &nacre.ReadOptions{}) {
		expectCode(x, "the driver's Read after Close", err, nacre.CodeClosed)
	}
	if finder, ok := d.(nacre.EventFinder); ok {
		_, _, err := finder.FindEvent(x.ctx, "s-1", "a")
		expectCode(x, "the driver's FindEvent after Close", err, nacre.CodeClosed)
	}
}

func closingTwice(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	for range 3 {
		if err := x.s.Close(); err != nil {
			x.Fatalf("Close: %v", err)
		}
		if err := x.s.Driver().Close(); err != nil {
			x.Fatalf("the driver's Close, again: %v", err)
		}
	}
}

// closingFinishes closes a store that is written to: each append took place, or is told to be refused.
func closingFinishes(x *trial) {
	const writers = 4
	acknowledged := make([][]nacre.Event, writers)
	started := make(chan struct{}, writers)
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for i := range 10_000 {
				a, err := x.s.Append(x.ctx, nacre.StreamID(fmt.Sprintf("s-%d", n)), nacre.Exactly(int64(i-1)), fact("t", i))
				if err != nil {
					expectCode(errorsOnly{x.T}, "an append beside Close", err, nacre.CodeClosed)
					return
				}
				acknowledged[n] = append(acknowledged[n], a.Events...)
				if i == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for range 1000 {
				for _, err := range x.s.Read(x.ctx, nil, nil) {
					if err != nil {
						expectCode(errorsOnly{x.T}, "a read beside Close", err, nacre.CodeClosed)
						return
					}
				}
			}
		})
	}
	for range writers {
		select {
		case <-started:
		case <-x.ctx.Done():
			x.Errorf("the writers did not begin")
		}
	}
	if err := x.s.Close(); err != nil {
		x.Errorf("Close: %v", err)
	}
	all.Wait()
	readers.Wait()
	if x.Failed() || !x.h.Features.Durable {
		return
	}
	x.reopen()
	log := x.all()
	for n := range writers {
		got := selected(log, stream(nacre.StreamID(fmt.Sprintf("s-%d", n))), &nacre.ReadOptions{})
		if len(got) < len(acknowledged[n]) {
			x.Fatalf("writer %d was told of %d events, %d are there", n, len(acknowledged[n]), len(got))
		}
		expectEvents(x, "what was acknowledged before Close", got[:len(acknowledged[n])], acknowledged[n])
	}
}
