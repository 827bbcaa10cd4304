package client

import (
	"context"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// Open gives the store of a server: url is its address, with the path that a proxy serves it under, if
// any. It asks the server nothing; the first use tells whether it is there.
func Open(url string, o *Options) (*nacre.Store, error) {
	base, err := parseBase(url)
	if err != nil {
		return nil, err
	}
	opts := o.withDefaults()
	if err := opts.validate(base); err != nil {
		return nil, err
	}
	p := &peer{
		url: base.String(), timeout: opts.Timeout, retries: opts.Retries, firstWait: opts.firstWait,
		header: opts.header(), slots: make(chan struct{}, opts.Appends),
		carrier: opts.Transport,
	}
	d := &driver{}
	if p.carrier == nil {
		pool := opts.transport()
		p.carrier, p.shared, d.idle = pool, true, pool.CloseIdleConnections
	}
	store := below(base, "/event-stores/"+opts.Store)
	d.log, d.system = newLog(p, store), newLog(p, below(store, "/system"))
	return nacre.NewStore(d, opts.Limits), nil
}

// driver is a store of a server.
type driver struct {
	*log
	system *log
	idle   func() // closes idle connections; nil where they are not the store's own
}

var (
	_ nacre.Driver       = (*driver)(nil)
	_ nacre.Companion    = (*driver)(nil)
	_ nacre.LineReader   = (*driver)(nil)
	_ nacre.EventFinder  = (*driver)(nil)
	_ nacre.StreamLister = (*driver)(nil)
	_ nacre.Statistician = (*driver)(nil)
	_ nacre.BlobKeeper   = (*driver)(nil)
	_ nacre.Backuper     = (*driver)(nil)
)

// System implements nacre.Companion.
func (d *driver) System() nacre.Driver { return d.system }

// Close lets appends that were sent be answered, and ends everything else.
func (d *driver) Close() error {
	var both sync.WaitGroup
	both.Go(d.system.close)
	both.Go(d.log.close)
	both.Wait()
	if d.idle != nil {
		d.idle()
	}
	return nil
}

// Stats implements nacre.Statistician.
func (d *driver) Stats(ctx context.Context) (nacre.Stats, error) {
	var reply wire.StoreReply
	if err := d.get(ctx, d.at("", nil), &reply); err != nil {
		return nacre.Stats{}, err
	}
	if reply.Statistics == nil {
		return nacre.Stats{}, d.peer.misfit("tells no statistics of the store")
	}
	return reply.Statistics.Stats, nil
}
