package bank_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/examples/bank/app"
	"github.com/nacredb/nacre/examples/bank/model"
)

// tellerEnv tells the test's own program to be a teller.
const tellerEnv = "NACRE_TEST_TELLER"

type orders struct {
	Where, Tables string
	Seed          uint64
}

// runTeller moves money until it is killed, and tells of each transfer that was acknowledged.
func runTeller(text string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx := context.Background()
	store, err := openStore(o.Where)
	if err != nil {
		return err
	}
	b, err := app.Start(ctx, store, o.Tables)
	if err != nil {
		return err
	}
	if err := prepare(ctx, b); err != nil {
		return err
	}
	fmt.Println("ready")
	const hands = 4
	failed := make(chan error, hands)
	var mu sync.Mutex
	for hand := range hands {
		random := rand.New(rand.NewPCG(o.Seed, uint64(hand)))
		go func() {
			for {
				id, err := transfer(ctx, b, random)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println("requested", id)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// transfer requests one: of what is there, of too much, to somebody whose account is closed.
func transfer(ctx context.Context, b *app.Bank, random *rand.Rand) (string, error) {
	id := nacre.NewID()
	from, to := random.IntN(accounts-1), random.IntN(accounts)
	if from == to {
		to = (to + 1) % (accounts - 1)
	}
	cents := int64(1 + random.IntN(500))
	if random.IntN(10) == 0 {
		cents += 5 * opening
	}
	ctx = decider.With(ctx, decider.Context{CommandID: "request", Actor: "teller", CorrelationID: id})
	_, err := b.Transfers.Get(id).Execute(ctx, model.Request{From: account(from), To: account(to), Cents: cents})
	return id, err
}

// teller is a process.
type teller struct {
	t         *testing.T
	cmd       *exec.Cmd
	output    bytes.Buffer // its standard error
	done      chan struct{}
	requested map[string]bool
}

// startTeller starts one, and waits until it is at work.
func startTeller(t *testing.T, where, tables string, seed uint64) *teller {
	t.Helper()
	text, err := json.Marshal(orders{where, tables, seed})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &teller{t: t, cmd: exec.Command(self), done: make(chan struct{}), requested: map[string]bool{}}
	x.cmd.Env = append(os.Environ(), tellerEnv+"="+string(text))
	x.cmd.Stderr = &x.output
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(x.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			word, id, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "ready":
				close(ready)
			case "requested":
				x.requested[id] = true
			}
		}
	}()
	select {
	case <-ready:
	case <-x.done:
		_ = x.cmd.Wait()
		t.Fatalf("a teller ended before it was ready:\n%s", x.output.String())
	case <-time.After(time.Minute):
		x.kill()
		t.Fatalf("a teller is not ready after a minute:\n%s", x.output.String())
	}
	return x
}

// kill ends the process without a word, and gives what it had acknowledged.
func (x *teller) kill() map[string]bool {
	x.t.Helper()
	_ = x.cmd.Process.Kill()
	<-x.done
	err := x.cmd.Wait()
	if !strings.Contains(fmt.Sprint(err), "killed") {
		x.t.Errorf("a teller ended by itself: %v\n%s", err, x.output.String())
	}
	return x.requested
}
