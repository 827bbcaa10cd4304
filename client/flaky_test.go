package client_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// flaky is a proxy that cuts connections off at random points, in both directions. What a cut leaves of a
// piece is passed on first, so that requests arrive whose answers do not, and halves of both.
type flaky struct {
	to       string
	listener net.Listener
	all      sync.WaitGroup

	mu     sync.Mutex
	rand   *rand.Rand
	chance float64 // of a cut, for each piece
	cuts   int
	open   map[net.Conn]bool
}

// between starts a flaky proxy in front of an address, and gives its own.
func between(t *testing.T, to string, seed uint64, chance float64) *flaky {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &flaky{
		to: to, listener: listener, rand: rand.New(rand.NewPCG(seed, 1)), chance: chance, open: map[net.Conn]bool{},
	}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		for c := range p.open {
			_ = c.Close()
		}
		p.chance = 1
		p.mu.Unlock()
		p.all.Wait()
	})
	return p
}

func (p *flaky) url() string { return "http://" + p.listener.Addr().String() }

// heal ends the cuts, and tells how many there were.
func (p *flaky) heal() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance = 0
	return p.cuts
}

func (p *flaky) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if keep, _ := p.cut(0); keep < 0 {
			p.carry(client)
			continue
		}
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
	}
}

// carry passes a connection on, both ways.
func (p *flaky) carry(client net.Conn) {
	server, err := new(net.Dialer).Dial("tcp", p.to)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.open[client], p.open[server] = true, true
	p.mu.Unlock()
	end := sync.OnceFunc(func() {
		_ = client.Close()
		_ = server.Close()
		p.mu.Lock()
		delete(p.open, client)
		delete(p.open, server)
		p.mu.Unlock()
	})
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		p.all.Go(func() {
			defer end()
			p.copy(way[1], way[0])
		})
	}
}

func (p *flaky) copy(to, from net.Conn) {
	buf := make([]byte, 2048)
	for {
		n, err := from.Read(buf)
		if keep, hard := p.cut(n); keep >= 0 {
			_, _ = to.Write(buf[:keep])
			if hard {
				_ = to.(*net.TCPConn).SetLinger(0) // a reset, no end
			}
			return
		}
		if _, e := to.Write(buf[:n]); e != nil || err != nil {
			return
		}
	}
}

// cut decides about a piece of n bytes: how many of them pass before the end, -1 for no cut.
func (p *flaky) cut(n int) (keep int, hard bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rand.Float64() >= p.chance {
		return -1, false
	}
	p.cuts++
	return p.rand.IntN(n + 1), p.rand.IntN(2) == 0
}
