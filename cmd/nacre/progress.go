package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// redrawEvery is how often a bar is drawn, at most.
const redrawEvery = 100 * time.Millisecond

// progress shows people on a terminal how far a long piece of work has come, with its rate and the time
// left; elsewhere it shows nothing.
type progress struct {
	p     *program
	what  string
	begun time.Time
	drawn time.Time
	shown bool
	bar   *progressbar.ProgressBar // nil as long as nothing was drawn
}

func (p *program) progress(what string) *progress {
	now := time.Now()
	return &progress{p: p, what: what, begun: now, drawn: now, shown: isTerminal(p.err)}
}

// bytes is how many bytes have been read, of how many.
func (g *progress) bytes(done, total int64) {
	if g.due() {
		g.draw(g.what+g.left(done, total), done, total)
	}
}

// events is how many events were found in the bytes that have been read; total is below 0 where nobody
// knows how many there are.
func (g *progress) events(events, done, total int64) {
	if g.due() {
		perSecond := float64(events) / time.Since(g.begun).Seconds()
		g.draw(fmt.Sprintf("%s: %d events, %.0f/s%s", g.what, events, perSecond, g.left(done, total)), done, total)
	}
}

// due tells whether it is time to draw; not at once, since most work is done before anybody looks.
func (g *progress) due() bool { return g.shown && time.Since(g.drawn) >= redrawEvery }

// left is the time that the rest will take, at the rate so far.
func (g *progress) left(done, total int64) string {
	if done <= 0 || total < done {
		return ""
	}
	rest := float64(time.Since(g.begun)) / float64(done) * float64(total-done)
	return fmt.Sprintf(", %v left", time.Duration(rest).Round(time.Second))
}

func (g *progress) draw(what string, done, total int64) {
	if g.bar == nil {
		g.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(g.p.err), progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetSpinnerChangeInterval(0))
	}
	g.drawn = time.Now()
	g.bar.Describe(what)
	if total >= 0 {
		done = min(done, total)
	}
	// A bar that cannot be drawn is no reason to stop the work.
	_ = g.bar.Set64(done)
}

// clear takes the bar away, so that a line can be written; the next draw brings it back.
func (g *progress) clear() {
	if g.bar != nil {
		_ = g.bar.Clear()
	}
}

// done takes the bar away for good.
func (g *progress) done() {
	g.clear()
	g.shown = false
}
