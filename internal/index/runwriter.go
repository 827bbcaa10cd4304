package index

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/nacredb/nacre/internal/vfs"
)

// runWriter writes a run's file. The number of terms is known before, so every
// part but the names has its place, and all of them are written side by side.
//
// Terms come in ascending order, each as begin, add for each position, end;
// then the names, kind by kind.
type runWriter struct {
	head  header
	out   *output
	parts [partCount]section

	filter  filterWriter
	buckets ladderWriter

	// directory is the block of the present bucket.
	directory []byte
	bucket    uint64
	terms     uint64

	term  uint64
	count uint64
	// leaf holds the last positions of the term, relative to the first.
	leaf [leafPostings]uint64
	n    int
	// nodes holds the open node of each level above the leaves.
	nodes   [maxLevels][]byte
	levels  int
	scratch []byte

	names namesWriter
}

// newRunWriter creates the file of a run. Of the header everything that is
// known is set: the range, the counts but those of names, and the identity.
func newRunWriter(fsys vfs.FS, dir string, head header) (*runWriter, error) {
	head.fix()
	out, err := createOutput(fsys, filepath.Join(dir, RunName(head.first, head.last)))
	if err != nil {
		return nil, err
	}
	out.salt = head.salt()
	w := &runWriter{head: head, out: out}
	for i := range w.parts {
		w.parts[i].out = out
		if i <= partPostings {
			w.parts[i].at = head.start(i)
		}
	}
	w.filter = filterWriter{to: &w.parts[partFilter], lines: filterLines(head.terms)}
	w.buckets.to = &w.parts[partBuckets]
	w.buckets.add(0)
	return w, nil
}

// begin begins a term.
func (w *runWriter) begin(term uint64) {
	w.reachBucket(scale(term, w.head.buckets()))
	w.term, w.count, w.n, w.levels = term, 0, 0, 0
	w.filter.add(term)
}

// reachBucket writes the blocks of the directory before a bucket's.
func (w *runWriter) reachBucket(bucket uint64) {
	for w.bucket < bucket {
		w.parts[partDirectory].block(w.directory)
		w.directory = w.directory[:0]
		w.bucket++
		w.buckets.add(w.terms)
	}
}

// add adds a position of the term.
func (w *runWriter) add(pos uint64) {
	if w.n == leafPostings {
		w.flushLeaf()
	}
	w.leaf[w.n] = pos - w.head.first
	w.n++
	w.count++
}

func (w *runWriter) flushLeaf() {
	w.scratch = appendGaps(w.scratch[:0], w.leaf[:w.n])
	w.addEntry(0, w.leaf[w.n-1], w.postingsBlock(w.scratch))
	w.n = 0
}

// postingsBlock writes a block into the part of postings and returns its place.
func (w *runWriter) postingsBlock(content []byte) place {
	part := &w.parts[partPostings]
	at := placeOf(part.size, len(content)+checkSize)
	part.block(content)
	return at
}

// addEntry adds what was written below to the open node of a level.
func (w *runWriter) addEntry(level int, last uint64, below place) {
	if level == w.levels {
		w.nodes[level] = w.nodes[level][:0]
		w.levels++
	}
	if len(w.nodes[level]) == nodeEntries*entrySize {
		w.flushNode(level)
	}
	node := binary.LittleEndian.AppendUint64(w.nodes[level], last)
	w.nodes[level] = binary.LittleEndian.AppendUint64(node, uint64(below))
}

func (w *runWriter) flushNode(level int) {
	node := w.nodes[level]
	last, _ := nodeEntry(node, len(node)/entrySize-1)
	at := w.postingsBlock(node)
	w.nodes[level] = node[:0]
	w.addEntry(level+1, last, at)
}

// end ends the term: it gets its entry in the directory.
func (w *runWriter) end() error {
	var v value
	last := w.leaf[w.n-1]
	switch {
	case w.count == 1:
		v = value(last)
	case w.levels == 0:
		w.scratch = binary.AppendUvarint(w.scratch[:0], last)
		w.scratch = appendGaps(w.scratch, w.leaf[:w.n])
		at := w.postingsBlock(w.scratch)
		if at.offset() > maxShortOffset {
			return fmt.Errorf("index: a run of more than %d bytes of postings cannot be written: merge fewer runs", uint64(maxShortOffset))
		}
		v = shortValue(w.n, int(at.length()), at.offset())
	default:
		v = value(formLong)<<62 | value(w.endTree(last))
	}
	w.directory = binary.LittleEndian.AppendUint64(w.directory, w.term)
	w.directory = binary.LittleEndian.AppendUint64(w.directory, uint64(v))
	if w.terms++; w.terms%pauseEvery == 0 {
		runtime.Gosched()
	}
	return w.out.err
}

// pauseEvery is how many terms are written between two pauses for others: runs are written beside appends,
// which wait for a processor in microseconds and not in a scheduler's slices.
const pauseEvery = 256

// endTree writes the open leaf and nodes, and the list's head, and returns
// where the head stands.
func (w *runWriter) endTree(last uint64) (offset uint64) {
	w.flushLeaf()
	level := 0
	for ; level < w.levels-1 || len(w.nodes[level]) > entrySize; level++ {
		w.flushNode(level)
	}
	_, root := nodeEntry(w.nodes[level], 0)
	w.scratch = binary.LittleEndian.AppendUint64(w.scratch[:0], w.count)
	w.scratch = binary.LittleEndian.AppendUint64(w.scratch, last)
	w.scratch = binary.LittleEndian.AppendUint64(w.scratch, uint64(root))
	// The open node that holds nothing but the root is not written.
	w.scratch = append(w.scratch, byte(level))
	return w.postingsBlock(w.scratch).offset()
}

// finishTerms writes what the last term left open, and makes the parts of the
// names follow.
func (w *runWriter) finishTerms() error {
	w.reachBucket(w.head.buckets())
	w.buckets.close()
	w.filter.close()
	for i := range w.parts[:partNames] {
		w.parts[i].flush()
	}
	w.head.sizes[partPostings] = w.parts[partPostings].size
	for i := range w.parts[:partNames] {
		if w.parts[i].size != w.head.sizes[i] {
			return fmt.Errorf("index: part %d of a run over %d to %d got %d bytes instead of %d: the number of terms changed while it was written",
				i, w.head.first, w.head.last, w.parts[i].size, w.head.sizes[i])
		}
	}
	return w.out.err
}

// beginNames begins the names of the next kind.
func (w *runWriter) beginNames(kind Kind) {
	part := &w.parts[partNames+int(kind)-1]
	part.at = w.head.start(partNames + int(kind) - 1)
	w.names.begin(part)
}

// endNames ends the names of a kind.
func (w *runWriter) endNames(kind Kind) error {
	w.head.names[kind-1] = w.names.end()
	part := &w.parts[partNames+int(kind)-1]
	part.flush()
	w.head.sizes[partNames+int(kind)-1] = part.size
	return w.out.err
}

// finish writes the header and the footer and gives the file its name.
func (w *runWriter) finish() (path string, err error) {
	for i := range w.parts {
		w.head.sums[i] = w.parts[i].sum
	}
	w.out.writeAt(encodeFooter(&w.head), w.head.fileSize()-footerSize)
	w.out.writeAt(w.head.encode(), 0)
	return w.out.path, w.out.commit()
}
