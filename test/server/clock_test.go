package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// jumpy is what is put into package time of the program: the wall clock is off as the environment says, in pairs of a second
// of the process and of how many seconds the clock is off from then on. The clock that nobody sets goes on as it is.
const jumpy = `package time

import (
	"sync"
	"syscall"
)

var jumps = sync.OnceValue(func() (out []int64) {
	text, _ := syscall.Getenv("TEST_CLOCK_JUMPS")
	n, sign, in := int64(0), int64(1), false
	for i := 0; i <= len(text); i++ {
		switch {
		case i < len(text) && text[i] == '-':
			sign = -1
		case i < len(text) && '0' <= text[i] && text[i] <= '9':
			n, in = n*10+int64(text[i]-'0'), true
		case in:
			out = append(out, sign*n)
			n, sign, in = 0, 1, false
		}
	}
	return out
})

func jumped(mono int64) (off int64) {
	all := jumps()
	for i := 0; i+1 < len(all); i += 2 {
		if mono-startNano >= all[i]*1e9 {
			off = all[i+1]
		}
	}
	return off
}
`

// jumpingProgram is the file of the program with a clock that can be set, built once.
var jumpingProgram = sync.OnceValues(func() (string, error) {
	if _, err := program(); err != nil { // whose folder is removed in the end
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(folder, "time.go"))
	if err != nil {
		return "", err
	}
	const asks = "sec, nsec, mono := runtimeNow()\n"
	changed := strings.Replace(string(source), asks, asks+"\tsec += jumped(mono)\n", 1)
	if changed == string(source) {
		return "", fmt.Errorf("this Go's time.Now is written in another way: the test does not know how to set its clock")
	}
	replaced := map[string]string{}
	for name, text := range map[string]string{"time.go": changed, "jumps.go": jumpy} {
		file := filepath.Join(programDir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
		replaced[filepath.Join(folder, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	list, file := filepath.Join(programDir, "overlay.json"), filepath.Join(programDir, "nacre-jumping.exe")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", file, "../../cmd/nacre").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// TestEverythingArrivesThroughClockJumps has the server's wall clock set forward and back by hours, and by more than a year,
// again and again while events flow, attempts and acknowledgements are waited for, and a receiver gives dates to come back at:
// nothing is lost, and nothing waits for hours.
func TestEverythingArrivesThroughClockJumps(t *testing.T) {
	t.Parallel()
	if os.Getenv("NACRE_SOAK") == "" {
		t.Skip("SKIPPED: set NACRE_SOAK, as make soak does: all of the program is built anew for this")
	}
	file, err := jumpingProgram()
	if err != nil {
		t.Fatal(err)
	}
	const hour = 3600
	var jumps strings.Builder
	for i, off := range []int{5 * hour, -9 * hour, 0, 400 * 24 * hour, -2 * hour, 12 * hour, -30 * 24 * hour, 1 * hour, -1 * hour, 0} {
		fmt.Fprintf(&jumps, "%d:%d,", 2*i+1, off)
	}
	var latest atomic.Int64 // second at which something was signed, as the server says
	f := flood{
		events: 12_000, kills: 1, pace: 30 * time.Millisecond, hook: func(y *tally) http.HandlerFunc { return fussy(y, &latest) },
		launch: func(t *testing.T, data, address string, args ...string) *process {
			return launchOf(t, func(t *testing.T, args ...string) *exec.Cmd {
				c := command(t, args...)
				c.Path, c.Args[0] = file, file
				c.Env = append(c.Env, "TEST_CLOCK_JUMPS="+jumps.String())
				return c
			}, data, address, args...)
		},
	}
	f.run(t)
	if ahead := time.Until(time.Unix(latest.Load(), 0)); ahead < 300*24*time.Hour {
		t.Errorf("the clock has not jumped: the latest signature is ahead by %v", ahead)
	}
}

// fussy is a receiver that counts, and now and then wants to be asked again, at a time by its own clock, or answers with an
// error.
func fussy(y *tally, latest *atomic.Int64) http.HandlerFunc {
	taken := hook(y)
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		switch n := n.Add(1); {
		case n%500 == 0:
			w.Header().Set("Retry-After", time.Now().Add(time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		case n%20 == 0:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			taken(w, r)
			if at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64); err == nil && at > latest.Load() {
				latest.Store(at) // one more that is greater may be missed
			}
		}
	}
}
