package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

// writerEnv makes the test binary be a writer; its value is the job.
const writerEnv = "NACRE_CRASH_WRITER"

// job is what a writer does, until it is killed.
type job struct {
	Dir           string
	Seed          uint64
	Run           int // distinguishes the ids of one writer from those of another
	Goroutines    int
	Durability    filestore.Durability
	SegmentBytes  int64
	CompressAfter int
}

// ack is what a writer tells of a batch that was acknowledged.
type ack struct {
	Batch  string
	Events []ackEvent
}

type ackEvent struct {
	Stream         nacre.StreamID
	StreamPosition int64
	Position       nacre.Position
	ID             string
}

// runWriter appends from several goroutines. Each acknowledgement is one write to the standard output, of
// one line.
func runWriter(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	s, err := filestore.Open(j.Dir, &filestore.Options{
		Durability: j.Durability, SegmentBytes: j.SegmentBytes, CompressAfter: j.CompressAfter,
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make(chan error, j.Goroutines)
	for g := range j.Goroutines {
		wg.Go(func() { errs <- appendForEver(s, &j, g) })
	}
	wg.Wait()
	return <-errs
}

func appendForEver(s *nacre.Store, j *job, g int) error {
	rng := rand.New(rand.NewPCG(j.Seed, uint64(g)))
	ctx := context.Background()
	for n := 0; ; n++ {
		batch := makeBatch(rng, fmt.Sprintf("r%d-g%d-%d", j.Run, g, n))
		out, err := s.Commit(ctx, nil, batch...)
		if err != nil {
			return err
		}
		a := ack{Batch: batchOf(batch[0].Events[0].ID)}
		for i := range out {
			for _, e := range out[i].Events {
				a.Events = append(a.Events, ackEvent{e.StreamID, e.StreamPosition, e.GlobalPosition, e.ID})
			}
		}
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
}

// makeBatch is 1 to 3 appends of 1 to 4 events, to streams that all writers share.
func makeBatch(rng *rand.Rand, name string) []nacre.Append {
	streams := rng.Perm(50)[:1+rng.IntN(3)]
	if rng.IntN(3) > 0 {
		streams = streams[:1]
	}
	batch := make([]nacre.Append, len(streams))
	total := 0
	for i := range batch {
		batch[i].Stream = nacre.StreamID("shared-" + strconv.Itoa(streams[i]))
		for range 1 + rng.IntN(4) {
			batch[i].Events = append(batch[i].Events, nacre.Event{ID: fmt.Sprintf("%s.%d", name, total)})
			total++
		}
	}
	for i := range batch {
		for k := range batch[i].Events {
			e := &batch[i].Events[k]
			// The number of events is in the id, so that a batch of which a part is there is found.
			e.ID = fmt.Sprintf("%s.%d", e.ID, total)
			*e = eventOf(e.ID)
		}
	}
	return batch
}

// batchOf is the name of the batch that an id belongs to.
func batchOf(id string) string {
	name, _, _ := strings.Cut(id, ".")
	return name
}

// sizeOf is how many events that batch has.
func sizeOf(id string) int {
	n, _ := strconv.Atoi(id[strings.LastIndexByte(id, '.')+1:])
	return n
}

// eventOf is the event of an id: all of its content follows from it.
func eventOf(id string) nacre.Event {
	h := fnv.New64a()
	h.Write([]byte(id))
	sum := h.Sum64()
	var data bytes.Buffer
	fmt.Fprintf(&data, `{"id":%q,"sum":%d,"pad":"%s"}`, id, sum, strings.Repeat("p", int(sum%600)))
	return nacre.Event{ID: id, Type: "crash.tested", Data: data.Bytes(), Tags: []string{"n:" + strconv.FormatUint(sum%10, 10)}}
}
