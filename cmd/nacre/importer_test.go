package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
)

// recording is a store in memory that remembers the batches that it was given, and fails on demand.
type recording struct {
	nacre.Driver
	batches [][]nacre.Append
	failAt  int // the batch from which on everything fails; 0 never
}

func (r *recording) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if r.failAt > 0 && len(r.batches) >= r.failAt {
		return nil, nacre.Errorf(nacre.CodeFailed, "the disk is gone")
	}
	out, err := r.Driver.Append(ctx, batch, c)
	if err == nil {
		r.batches = append(r.batches, batch)
	}
	return out, err
}

func newRecording(t *testing.T) (*recording, *nacre.Store) {
	t.Helper()
	inner := memstore.Open(nil)
	t.Cleanup(func() { _ = inner.Close() })
	r := &recording{Driver: inner.Driver()}
	return r, nacre.NewStore(r, nil)
}

// importText imports a text and returns what came of it, and what was skipped.
func importText(t *testing.T, s *nacre.Store, text string, batch int, skip bool) (tally, []string, error) {
	t.Helper()
	from, err := openSource("-", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer from.close()
	var skipped []string
	im := &importer{store: s, from: from, batch: batch, progress: func(tally) {}}
	if skip {
		im.skip = func(err *lineError) { skipped = append(skipped, err.Error()) }
	}
	err = im.run(context.Background())
	return im.tally, skipped, err
}

// logOf is the data of all events, in the order of the log.
func logOf(t *testing.T, s *nacre.Store) []string {
	t.Helper()
	var out []string
	for e, err := range s.Read(context.Background(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(e.Data))
	}
	return out
}

// randomSeeds runs a test with some seeds, or with that of NACRE_SEED.
func randomSeeds(t *testing.T, n int, f func(*testing.T, *rand.Rand)) {
	t.Helper()
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if text := os.Getenv("NACRE_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		f(t, rand.New(rand.NewPCG(seed, 0)))
		if t.Failed() {
			t.Fatalf("seed %d; replay: NACRE_SEED=%d go test -run '^%s$' ./cmd/nacre", seed, seed, t.Name())
		}
	}
}

// randomText is lines to import, of few or many streams, some of them in transactions. want is each
// line's data, in order; transactions tells which lines belong together.
func randomText(rng *rand.Rand) (text string, want []string, transactions map[string]string) {
	var b bytes.Buffer
	transactions = make(map[string]string)
	streams := 1 + rng.IntN(12)
	for n := 0; n < 300; {
		size, tx := 1, ""
		if rng.IntN(5) == 0 {
			size = 1 + rng.IntN(6)
			tx = fmt.Sprintf("t%d", n)
		}
		used := make(map[int]bool) // a batch names each stream once, and so does what a store exports
		stream := rng.IntN(streams)
		for range size {
			if rng.IntN(2) == 0 {
				stream = rng.IntN(streams)
			}
			for tx != "" && used[stream] && len(used) < streams && rng.IntN(2) == 0 {
				stream = (stream + 1) % streams
			}
			if tx != "" && used[stream] {
				break
			}
			for range 1 + rng.IntN(2) {
				data := strconv.Itoa(n)
				fmt.Fprintf(&b, `{"streamId":"s-%d","type":"x","data":%s`, stream, data)
				if tx != "" {
					fmt.Fprintf(&b, `,"transactionId":%q`, tx)
					transactions[data] = tx
				}
				b.WriteString("}\n")
				want = append(want, data)
				n++
			}
			used[stream] = true
		}
	}
	return b.String(), want, transactions
}

// Whatever the lines and the size of batches: the log has their order, a batch has at most as many
// events as was said, a transaction is in one batch; and an import that failed somewhere and is run
// again, with another size of batches, comes to the same log.
func TestImportKeepsOrderAndTransactions(t *testing.T) {
	randomSeeds(t, 200, func(t *testing.T, rng *rand.Rand) {
		text, want, transactions := randomText(rng)
		most := 1 + rng.IntN(40)
		r, s := newRecording(t)
		if rng.IntN(2) == 0 {
			r.failAt = 1 + rng.IntN(60)
		}
		first, _, err := importText(t, s, text, most, false)
		failed := err != nil
		if failed && nacre.CodeOf(err) != nacre.CodeFailed {
			t.Errorf("failed with %v", err)
			return
		}
		checkBatches(t, r.batches, most, transactions)
		if failed {
			r.failAt = 0
			second, _, err := importText(t, s, text, 1+rng.IntN(40), false)
			if err != nil || second.held != first.appended || second.appended != int64(len(want))-first.appended {
				t.Errorf("first %+v, then %+v, %v", first, second, err)
			}
		} else if first.appended != int64(len(want)) || first.held != 0 {
			t.Errorf("%+v, with %d lines", first, len(want))
		}
		if got := logOf(t, s); !slices.Equal(got, want) {
			t.Errorf("the log has another order than the file:\n%v\n%v", got, want)
		}
	})
}

func checkBatches(t *testing.T, batches [][]nacre.Append, most int, transactions map[string]string) {
	t.Helper()
	whole := make(map[string]int)
	for _, tx := range transactions {
		whole[tx]++
	}
	for _, batch := range batches {
		n, parts := 0, make(map[string]int)
		for _, a := range batch {
			n += len(a.Events)
			for _, e := range a.Events {
				if e.TransactionID != "" {
					parts[e.TransactionID]++
				}
			}
		}
		for tx, got := range parts {
			if got != whole[tx] {
				t.Errorf("a batch has %d of the %d events of transaction %s", got, whole[tx], tx)
			}
		}
		if n > most && len(parts) != 1 {
			t.Errorf("a batch has %d events, at most %d were asked for", n, most)
		}
	}
}

// Lines that are wrong are skipped one by one, wherever they stand among good ones.
func TestImportSkipsOnlyWhatIsWrong(t *testing.T) {
	randomSeeds(t, 50, func(t *testing.T, rng *rand.Rand) {
		_, s := newRecording(t)
		var b strings.Builder
		var want, wrong []string
		for i := range 200 {
			switch rng.IntN(12) {
			case 0:
				b.WriteString("{]\n")
				wrong = append(wrong, fmt.Sprintf("line %d:", i+1))
			case 1:
				fmt.Fprintf(&b, `{"streamId":"s-%d","type":"*","data":%d}`+"\n", rng.IntN(5), i)
				wrong = append(wrong, fmt.Sprintf("line %d:", i+1))
			default:
				fmt.Fprintf(&b, `{"streamId":"s-%d","type":"x","data":%d}`+"\n", rng.IntN(5), i)
				want = append(want, strconv.Itoa(i))
			}
		}
		got, skipped, err := importText(t, s, b.String(), 1+rng.IntN(100), true)
		if err != nil || got.appended != int64(len(want)) || got.skipped != int64(len(wrong)) {
			t.Errorf("%+v, %v; good %d, wrong %d", got, err, len(want), len(wrong))
		}
		if log := logOf(t, s); !slices.Equal(log, want) {
			t.Errorf("got %v, want %v", log, want)
		}
		slices.Sort(skipped)
		slices.Sort(wrong)
		for i := range min(len(wrong), len(skipped)) {
			if !strings.Contains(skipped[i], wrong[i]) {
				t.Errorf("skipped %q, want %q", skipped[i], wrong[i])
			}
		}
		// Without skipping, it ends with the first one, and all before it is there.
		_, s = newRecording(t)
		_, _, err = importText(t, s, b.String(), 1+rng.IntN(100), false)
		if len(wrong) == 0 {
			return
		}
		end, ok := errors.AsType[*lineError](err)
		if !ok {
			t.Errorf("ended with %v", err)
			return
		}
		before := slices.IndexFunc(want, func(data string) bool {
			n, _ := strconv.Atoi(data)
			return n >= int(end.first)-1
		})
		if before < 0 {
			before = len(want)
		}
		if log := logOf(t, s); !slices.Equal(log, want[:before]) {
			t.Errorf("ended at line %d with %v", end.first, log)
		}
	})
}

// A line that is not there yet does not hold back those that are.
func TestImportCommitsWhenIdle(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, s := newRecording(t)
	done := make(chan error, 1)
	go func() {
		from, err := openSource("-", in)
		if err == nil {
			im := &importer{store: s, from: from, batch: 500, progress: func(tally) {}}
			err = im.run(context.Background())
		}
		done <- err
	}()
	if _, err := out.WriteString(`{"streamId":"a","type":"x","data":1}` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A canceled import ends, though its source has more to say only later.
func TestImportEndsWhenCanceled(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, s := newRecording(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		im := &importer{store: s, from: &source{name: "pipe", size: -1}, batch: 500, progress: func(tally) {}}
		from, err := openSource("-", in)
		if err == nil {
			im.from = from
			err = im.run(ctx)
		}
		done <- err
	}()
	if _, err := out.WriteString(`{"streamId":"a","type":"x","data":1}` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	_ = out.Close()
	_ = in.Close()
}

// What was erased, and what no store takes, is refused with its line.
func TestImportRefuses(t *testing.T) {
	for _, c := range []struct {
		line, want string
		code       nacre.Code
	}{
		{`{"streamId":"a","type":"x","dataHash":"abc"}`, "line 1: dataHash: is given by the store", nacre.CodeInvalid},
		{`{"streamId":"a","type":"x","data":1,"parents":[]}`, "line 1: eventId: is missing", nacre.CodeInvalid},
		{`{"streamId":"a","type":"x","data":"` + strings.Repeat("x", 1<<20) + `"}`, "line 1: the event has 10", nacre.CodeTooLarge},
		{`{"streamId":"a","type":"x","data":"` + strings.Repeat("x", maxLine) + `"}`, "line 1: is longer than", nacre.CodeInvalid},
		{`{"streamId":"a","type":"x","data":1,"createdAt":"yesterday"}`, `line 1: member "createdAt"`, nacre.CodeInvalid},
		{`[]`, "line 1: ", nacre.CodeInvalid},
	} {
		_, s := newRecording(t)
		got, _, err := importText(t, s, c.line+"\n", 500, false)
		if err == nil || !strings.Contains(err.Error(), c.want) || nacre.CodeOf(err) != c.code || got.appended != 0 {
			t.Errorf("%.60s: %+v, %v, want %s %q", c.line, got, err, c.code, c.want)
		}
	}
}

// A transaction that is too large to be committed at once is imported nevertheless, in order.
func TestImportOfALargeTransaction(t *testing.T) {
	r, s := newRecording(t)
	var b strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&b, `{"streamId":"a","type":"x","data":%d,"transactionId":"t"}`+"\n", i)
	}
	got, _, err := importText(t, s, b.String(), 10, false)
	if err != nil || got.appended != 2500 || len(r.batches) != 3 {
		t.Fatalf("%+v in %d batches, %v", got, len(r.batches), err)
	}
}

func TestSourceLines(t *testing.T) {
	long := strings.Repeat("y", 700<<10)
	text := "\xef\xbb\xbfone\r\n\n  \ntwo\n" + long + "\n" + strings.Repeat("z", maxLine+1) + "\nlast"
	s, err := openSource("-", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		number int64
		text   string
		err    error
	}{{1, "one", nil}, {4, "two", nil}, {5, long, nil}, {6, "", errLongLine}, {7, "last", nil}} {
		got, err := s.next()
		if string(got) != want.text || !errors.Is(err, want.err) || s.number != want.number {
			t.Fatalf("line %d: %.20q, %v; want line %d: %.20q, %v", s.number, got, err, want.number, want.text, want.err)
		}
	}
	if _, err := s.next(); err == nil {
		t.Fatal("more lines than were given")
	}
	if n := s.bytes.Load(); n != int64(len(text)) {
		t.Fatalf("counted %d bytes of %d", n, len(text))
	}
}

// These ids are in logs: an import that is resumed with a newer program must make the same ones.
func TestIDOfLine(t *testing.T) {
	for _, c := range []struct {
		number     int64
		text, want string
	}{
		{1, `{"streamId":"a-1","type":"x","data":1}`, "nmkps6ni3pzz4fyc6as7qcpamv"},
		{2, `{"streamId":"a-1","type":"x","data":1}`, "astvih36exezjgooismwo3vhzq"},
		{12345678901, "", "iw34xkxo7rizmse5inunw35cx7"},
	} {
		if got := idOfLine(c.number, []byte(c.text)); got != c.want {
			t.Errorf("line %d %q has the id %q, want %q", c.number, c.text, got, c.want)
		}
	}
}

// An exported line, imported, exported again, has the same body.
func TestImportedEventIsWhatWasExported(t *testing.T) {
	ctx := context.Background()
	_, s := newRecording(t)
	want := nacre.Event{
		Type: "x", ID: "id", Data: json.RawMessage(`{"n":1e400,"s":"\u00fc\/"}`), Tags: []string{"a", "b"},
		Metadata: json.RawMessage(`{"occurredAt":"2017-01-09T00:00:00.000+01:00"}`),
	}
	out, err := s.Append(ctx, "a-1", nacre.Any, want)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out.Events[0])
	if err != nil {
		t.Fatal(err)
	}
	_, other := newRecording(t)
	if _, _, err := importText(t, other, string(text), 500, false); err != nil {
		t.Fatal(err)
	}
	for e, err := range other.Read(ctx, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if got, first := e.AppendBody(nil), out.Events[0].AppendBody(nil); !bytes.Equal(got, first) || !e.CreatedAt.Equal(out.Events[0].CreatedAt) {
			t.Fatalf("got %s of %v, want %s of %v", got, e.CreatedAt, first, out.Events[0].CreatedAt)
		}
	}
}
