package crashfs

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/nacredb/nacre/internal/vfs"
)

// CrashOptions says how a crash treats what is not synced. The zero value draws
// everything from the generator, the extremes included, anew for each crash and
// for each file.
type CrashOptions struct {
	// KeepAll is the end of the process only, such as kill -9: everything that
	// was written is there, and what was not synced is still not durable.
	KeepAll bool

	// LoseAll leaves exactly what is durable. It wins over KeepAll.
	LoseAll bool

	// Old, New and Zero weigh what an unsynced sector holds: its durable
	// content, its newest content, or zeros. Where all are 0 they are drawn
	// for each file. A negative weight counts as 0.
	Old, New, Zero float64

	// Names is the probability, from 0 to 1, that an unsynced operation on a
	// name is kept, of which others may depend. 0 draws it for each crash; a
	// negative one keeps none.
	Names float64
}

// Crash returns a new file system as a power loss at this instant may leave
// this one, which goes on as it was. Locks, handles, hooks and watchers stay
// behind; capacity and unreadable ranges go along. rng may be nil with KeepAll
// and LoseAll.
func (fsys *FS) Crash(rng *rand.Rand, options CrashOptions) *FS {
	crashed := fsys.Clone()
	if options.KeepAll && !options.LoseAll {
		return crashed
	}
	if rng == nil {
		rng = rand.New(rand.NewPCG(0, 0))
	}
	crashed.loseNames(rng, options)
	for _, node := range crashed.settleNames() {
		if !node.isDir() {
			node.loseData(rng, options)
			crashed.used += node.allocated()
		}
	}
	return crashed
}

// Clone returns an exact copy of the present state, with what is durable and
// what is not, but without locks, handles, hooks and watchers.
func (fsys *FS) Clone() *FS {
	fsys.mutex.RLock()
	defer fsys.mutex.RUnlock()
	copied := &FS{
		nextInode: fsys.nextInode,
		capacity:  fsys.capacity,
		used:      fsys.used,
		watchers:  map[*vfs.Signal]struct{}{},
	}
	cloner := cloner{}
	copied.root = cloner.node(fsys.root)
	copied.pending = make([]nameChange, len(fsys.pending))
	for i, change := range fsys.pending {
		copied.pending[i] = nameChange{
			node:    cloner.node(change.node),
			from:    cloner.place(change.from),
			to:      cloner.place(change.to),
			removed: cloner.node(change.removed),
		}
	}
	return copied
}

// cloner maps each inode to its copy.
type cloner map[*inode]*inode

func (c cloner) node(node *inode) *inode {
	if node == nil {
		return nil
	}
	if copied, ok := c[node]; ok {
		return copied
	}
	copied := &inode{
		id:         node.id,
		names:      node.names,
		content:    node.content.clone(),
		unreadable: slices.Clone(node.unreadable),
	}
	c[node] = copied
	copied.parent = c.node(node.parent)
	if node.isDir() {
		copied.entries, copied.durable = c.names(node.entries), c.names(node.durable)
	}
	return copied
}

func (c cloner) names(names map[string]*inode) map[string]*inode {
	copied := make(map[string]*inode, len(names))
	for name, node := range names {
		copied[name] = c.node(node)
	}
	return copied
}

func (c cloner) place(at place) place { return place{dir: c.node(at.dir), name: at.name} }

// loseNames decides which changes of names the disk has seen.
func (fsys *FS) loseNames(rng *rand.Rand, options CrashOptions) {
	probability := options.Names
	if probability == 0 {
		probability = drawn(rng)
	}
	if options.LoseAll {
		probability = -1
	}
	fsys.commitSome(func() bool { return rng.Float64() < probability })
}

// drawn is a probability with its extremes as likely as all between them.
func drawn(rng *rand.Rand) float64 { return min(max(rng.Float64()*2-0.5, 0), 1) }

// settleNames makes the durable names the present ones and returns what they
// lead to, in order of creation. The space is counted anew by the caller.
func (fsys *FS) settleNames() []*inode {
	fsys.used = 0
	reached := map[*inode]bool{fsys.root: true}
	queue := []*inode{fsys.root}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		dir.entries = maps.Clone(dir.durable)
		for _, node := range dir.entries {
			if !reached[node] {
				reached[node] = true
				node.names = 0
				if node.isDir() {
					queue = append(queue, node)
				}
			}
			node.names++
		}
	}
	return slices.SortedFunc(maps.Keys(reached), func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
}

// fate is what a sector holds after a power loss.
type fate int

const (
	keepsOld fate = iota
	getsNew
	reads0
)

// fates draws the fates of one file's sectors.
type fates struct {
	rng              *rand.Rand
	old, fresh, zero float64 // weights
	run              int     // how many sectors in a row share a fate, on average
	left             int
	current          fate
}

func newFates(rng *rand.Rand, options CrashOptions) *fates {
	f := &fates{rng: rng, old: max(options.Old, 0), fresh: max(options.New, 0), zero: max(options.Zero, 0), run: 1}
	switch {
	case options.LoseAll:
		f.old, f.fresh, f.zero = 1, 0, 0
	case f.old+f.fresh+f.zero > 0:
	default:
		f.old, f.fresh, f.zero = drawn(rng), drawn(rng), drawn(rng)
		if f.old+f.fresh+f.zero == 0 {
			f.fresh = 1
		}
		// The kernel writes pages and runs of them: besides lone sectors there
		// must be long stretches of one fate.
		f.run = 1 << rng.IntN(6)
	}
	return f
}

func (f *fates) next() fate {
	if f.left > 0 {
		f.left--
		return f.current
	}
	f.left = f.rng.IntN(2*f.run - 1)
	switch at := f.rng.Float64() * (f.old + f.fresh + f.zero); {
	case at < f.old:
		f.current = keepsOld
	case at < f.old+f.fresh:
		f.current = getsNew
	default:
		f.current = reads0
	}
	return f.current
}

// loseData makes the file's content what a power loss may leave.
func (c *content) loseData(rng *rand.Rand, options CrashOptions) {
	disk := c.platter
	floor, ceiling := c.durableSize, c.size()
	landing := sectors(ceiling) // sectors before this one may have landed
	if c.lowSize < c.durableSize {
		if options.LoseAll || rng.IntN(2) == 0 {
			// The truncation is lost, and with it what was written behind it,
			// to blocks that the file got only then.
			ceiling = c.durableSize
			landing = c.lowSize / sectorSize
		} else {
			floor = c.lowSize
			disk = disk[:min(floor, int64(len(disk)))]
		}
	}
	data := make([]byte, drawSize(rng, options, floor, ceiling))
	copy(data, disk)
	fates := newFates(rng, options)
	var newest [sectorSize]byte
	for sector := range min(landing, sectors(int64(len(data)))) {
		if !c.unsynced(sector, disk) {
			continue
		}
		at := sector * sectorSize
		landed := data[at:min(at+sectorSize, int64(len(data)))]
		switch fates.next() {
		case getsNew:
			c.copySector(newest[:], c.cached, sector)
			copy(landed, newest[:])
		case reads0:
			// Of the sector in which the durable file ends only what is
			// behind that end can be lost.
			spared := floor - at
			if spared < 0 || spared >= sectorSize {
				spared = 0
			}
			clear(landed[min(spared, int64(len(landed))):])
		}
	}
	c.settle(data)
}

// drawSize draws a size between two; as often as not one of the ends.
func drawSize(rng *rand.Rand, options CrashOptions, floor, ceiling int64) int64 {
	if options.LoseAll || floor == ceiling {
		return floor
	}
	switch between := floor + rng.Int64N(ceiling-floor+1); rng.IntN(4) {
	case 0:
		return floor
	case 1:
		return ceiling
	case 2:
		return min(sectors(between)*sectorSize, ceiling)
	default:
		return between
	}
}
