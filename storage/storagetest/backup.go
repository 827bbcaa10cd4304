package storagetest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
)

func needsBackup(h *Harness) bool { return h.Features.Backup }

var backupCases = []testCase{
	{"Restored", backupRestored},
	{"Empty", backupEmpty},
	{"WhileInUse", backupWhileInUse},
	{"DirectoryThatExists", backupDirectoryThatExists},
}

func (x *trial) backup() (dir string) {
	x.Helper()
	dir = filepath.Join(x.TempDir(), "backup")
	if err := x.s.Backup(x.ctx, dir); err != nil {
		x.Fatalf("Backup: %v", err)
	}
	return dir
}

// restored is the trial on a store of what a backup wrote.
func (x *trial) restored(dir string) *trial {
	x.Helper()
	r := &trial{T: x.T, h: x.h, s: x.h.Restore(x.T, dir), ctx: x.ctx}
	x.Cleanup(func() {
		if err := r.s.Close(); err != nil {
			x.Errorf("Close: %v", err)
		}
	})
	return r
}

func backupRestored(x *trial) {
	want := fillFiltered(x)
	one := to("s-1", nacre.NoStream, named("t", "a", 1), named("t", "b", 2))
	first := x.commit(nil, one)
	want = append(want, first[0].Events...)
	pair := []nacre.Append{to("thing-1", nacre.Any, change(2), change(4, 2)), to("thing-2", nacre.Any, change(3))}
	merged := x.commit(nil, pair...)
	want = append(want, slices.Concat(merged[0].Events, merged[1].Events)...)
	if x.h.Features.Companion {
		if _, err := x.system().Append(x.ctx, "s-1", nacre.Any, fact("u", 1)); err != nil {
			x.Fatalf("Append: %v", err)
		}
	}
	if x.h.Features.Blobs {
		x.put("snapshot/a", []byte("one"))
	}
	dir := x.backup()
	later := x.append("s-1", nacre.Any, fact("t", 3)).Events

	r := x.restored(dir)
	r.finds(want...)
	for i := range later {
		r.findsNot(later[i].StreamID, later[i].ID)
	}
	expectEvents(x, "the restored log", r.all(), want)
	if r.head().Epoch == x.head().Epoch {
		x.Fatalf("the restored log has the epoch of the one that was copied")
	}
	for _, c := range filterTable[3:] {
		expectEvents(x, c.name, r.read(c.filter, nil), selected(want, c.filter, &nacre.ReadOptions{}))
	}
	r.again(first, nil, one)
	r.conflicts("other data", to("s-1", nacre.Any, named("t", "a", 2)))
	r.again(merged, nil, pair...)
	_, err := r.s.Append(r.ctx, "thing-3", nacre.Any, fact("t", 1))
	expectKind(r, "an ordered event in the restored log", err, "thing-3", true)
	_, err = r.s.Append(r.ctx, "thing-2", nacre.Any, change(5, 4))
	expectMissing(r, "a parent of another stream", err, "thing-2", 5, 4)
	r.append("thing-1", nacre.Any, change(5, 4))
	if x.h.Features.Companion {
		expectEvents(x, "the restored companion log", wholeLog(x, x.ctx, r.system()), wholeLog(x, x.ctx, x.system()))
	}
	if x.h.Features.Blobs {
		r.expectBlob("snapshot/a", []byte("one"))
		r.expectKeys("", "snapshot/a")
		r.put("snapshot/a", []byte("two"))
		x.expectBlob("snapshot/a", []byte("one"))
	}
	r.append("s-1", nacre.Exactly(1), fact("t", 4))
	expectEvents(x, "the log that was copied", x.all(), append(slices.Clip(want), later...))
}

func backupEmpty(x *trial) {
	r := x.restored(x.backup())
	expectEvents(x, "the restored log", r.all(), nil)
	r.append("s-1", nacre.NoStream, fact("t", 1))
	expectEvents(x, "the log that was copied", x.all(), nil)
}

// backupWhileInUse copies a store that is written to. What the companion log says of the log is true
// in the copy.
func backupWhileInUse(x *trial) {
	for range 20 {
		x.append("s-1", nacre.Any, facts("t", 3)...)
	}
	acknowledged := x.all()
	ctx, stop := context.WithCancel(x.ctx)
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				a, err := x.s.Append(x.ctx, "s-1", nacre.Any, facts("t", 1+i%3)...)
				if err != nil {
					x.Errorf("Append beside Backup: %v", err)
					return
				}
				if !x.h.Features.Companion {
					continue
				}
				if _, err := x.s.System().Append(x.ctx, "seen-1", nacre.Any, nacre.NewEvent("seen", a.Position())); err != nil {
					x.Errorf("Append to the companion log beside Backup: %v", err)
					return
				}
			}
		})
	}
	dir := filepath.Join(x.TempDir(), "backup")
	err := x.s.Backup(x.ctx, dir)
	stop()
	writers.Wait()
	if err != nil {
		x.Fatalf("Backup beside appends: %v", err)
	}
	r := x.restored(dir)
	got, source := r.all(), x.all()
	if len(got) < len(acknowledged) || len(got) > len(source) {
		x.Fatalf("the backup has %d events, %d were there when it began, %d at the end", len(got), len(acknowledged), len(source))
	}
	expectEvents(x, "the restored log", got, source[:len(got)])
	if k := len(got); k < len(source) && source[k].TransactionID != "" && source[k].TransactionID == source[k-1].TransactionID {
		x.Fatalf("the backup ends at %d, within a batch", k)
	}
	if !x.h.Features.Companion {
		return
	}
	for _, e := range wholeLog(x, x.ctx, r.system()) {
		var seen int
		if err := json.Unmarshal(e.Data, &seen); err != nil {
			x.Fatalf("%s: %v", describe(&e), err)
		}
		if seen > len(got) {
			x.Fatalf("the restored companion log speaks of position %d, the restored log ends at %d", seen, len(got))
		}
	}
}

func backupDirectoryThatExists(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	dir := x.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("kept"), 0o600); err != nil {
		x.Fatalf("%v", err)
	}
	if err := x.s.Backup(x.ctx, dir); err == nil {
		x.Fatalf("a backup into a directory that exists is taken")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		x.Fatalf("the refused backup left %v, %v in the directory", entries, err)
	}
	x.append("s-1", nacre.Any, fact("t", 2))
}
