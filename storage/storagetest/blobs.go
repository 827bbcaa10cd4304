package storagetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
)

func needsBlobs(h *Harness) bool { return h.Features.Blobs }

var blobsCases = []testCase{
	{"PutGetDelete", blobsPutGetDelete},
	{"Contents", blobsContents},
	{"Keys", blobsKeys},
	{"List", blobsList},
	{"ReplacedAsAWhole", blobsReplaced},
	{"BesideTheLog", blobsBesideTheLog},
	{"Refused", blobsRefused},
}

func (x *trial) blobs() nacre.BlobKeeper {
	x.Helper()
	b, err := x.s.Blobs()
	if err != nil {
		x.Fatalf("Blobs: %v", err)
	}
	return b
}

func (x *trial) put(key string, data []byte) {
	x.Helper()
	if err := x.blobs().PutBlob(x.ctx, key, data); err != nil {
		x.Fatalf("PutBlob %q: %v", key, err)
	}
}

func (x *trial) expectBlob(key string, want []byte) {
	x.Helper()
	got, err := x.blobs().GetBlob(x.ctx, key)
	if err != nil || !bytes.Equal(got, want) {
		x.Fatalf("blob %q is %d bytes, %.50q, %v, want %d bytes, %.50q", key, len(got), got, err, len(want), want)
	}
}

func (x *trial) expectNoBlob(key string) {
	x.Helper()
	_, err := x.blobs().GetBlob(x.ctx, key)
	expectCode(x, "the absent blob "+key, err, nacre.CodeNotFound)
}

func (x *trial) expectKeys(prefix string, want ...string) {
	x.Helper()
	var got []string
	for key, err := range x.blobs().ListBlobs(x.ctx, prefix) {
		if err != nil {
			x.Fatalf("ListBlobs %q: %v", prefix, err)
		}
		got = append(got, key)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		x.Fatalf("the blobs that begin with %q are %q, want %q", prefix, got, want)
	}
}

func blobsPutGetDelete(x *trial) {
	x.expectNoBlob("a")
	x.expectKeys("")
	x.put("a", []byte("one"))
	x.put("b", []byte("two"))
	x.expectBlob("a", []byte("one"))
	x.put("a", []byte("three"))
	x.expectBlob("a", []byte("three"))
	x.expectBlob("b", []byte("two"))
	for range 2 { // also where there is none any more
		if err := x.blobs().DeleteBlob(x.ctx, "a"); err != nil {
			x.Fatalf("DeleteBlob: %v", err)
		}
		x.expectNoBlob("a")
	}
	x.expectBlob("b", []byte("two"))
	x.put("a", []byte("four"))
	x.expectBlob("a", []byte("four"))
}

func blobsContents(x *trial) {
	large := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	for i, data := range [][]byte{nil, {}, {0}, []byte("\n"), []byte(`{"crc":"00000000"}`), []byte("line\nline\n"), large, large[:4096], large[:4095]} {
		key := fmt.Sprintf("blob-%d", i)
		x.put(key, data)
		x.expectBlob(key, data)
		x.put("same", data)
		x.expectBlob("same", data)
	}
	given := []byte("given")
	x.put("copied", given)
	copy(given, "#####")
	x.expectBlob("copied", []byte("given"))
	got, err := x.blobs().GetBlob(x.ctx, "copied")
	if err != nil {
		x.Fatalf("GetBlob: %v", err)
	}
	copy(got, "#####")
	x.expectBlob("copied", []byte("given"))
}

// blobKeys are keys that a driver could mix up.
var blobKeys = []string{
	"a", "A", "a.", ".a", "a..b", "...", "a.tmp", "tmp", "-", "_", "a-b", "a_b", "a/b", "a/B", "a/b/c", "a-/b", "snapshot/order-1/0000000001",
	"manifest", "LOCK", "mark", "index/a", "blobs/a", "0", strings.Repeat("k", 200), strings.Repeat("k/", 99) + "kk",
}

func blobsKeys(x *trial) {
	for i, key := range blobKeys {
		x.put(key, []byte(key))
		for j, other := range blobKeys {
			if j <= i {
				x.expectBlob(other, []byte(other))
			} else {
				x.expectNoBlob(other)
			}
		}
	}
	x.expectKeys("", blobKeys...)
	for i, key := range blobKeys {
		if err := x.blobs().DeleteBlob(x.ctx, key); err != nil {
			x.Fatalf("DeleteBlob %q: %v", key, err)
		}
		x.expectKeys("", blobKeys[i+1:]...)
	}
}

func blobsList(x *trial) {
	for _, key := range []string{"snapshot/a", "snapshot/b", "snapshot/b/c", "snapshots", "module/a", "s"} {
		x.put(key, []byte(key))
	}
	x.expectKeys("snapshot/", "snapshot/a", "snapshot/b", "snapshot/b/c")
	x.expectKeys("snapshot", "snapshot/a", "snapshot/b", "snapshot/b/c", "snapshots")
	x.expectKeys("snapshot/b", "snapshot/b", "snapshot/b/c")
	x.expectKeys("snapshot/b/", "snapshot/b/c")
	x.expectKeys("none")
	x.expectKeys("b") // within keys, but not where they begin
	x.expectKeys("/")
	x.expectKeys("../")
	n := 0
	for _, err := range x.blobs().ListBlobs(x.ctx, "") {
		if err != nil {
			x.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
}

// blobsReplaced reads a blob while it is replaced: what comes is one of those that were put.
func blobsReplaced(x *trial) {
	x.put("a", bytes.Repeat([]byte{0}, 1000))
	blobs := x.blobs()
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range 20 {
				if err := blobs.PutBlob(x.ctx, "a", bytes.Repeat([]byte{byte(2*i + w)}, 1000*(1+i%3))); err != nil {
					x.Errorf("PutBlob: %v", err)
					return
				}
			}
		})
	}
	for range 50 {
		got, err := blobs.GetBlob(x.ctx, "a")
		if err != nil {
			x.Errorf("GetBlob beside PutBlob: %v", err)
			break
		}
		if want := bytes.Repeat(got[:1], 1000*(1+int(got[0])/2%3)); !bytes.Equal(got, want) {
			x.Errorf("GetBlob gave %d bytes of a blob of %d", len(got), len(want))
			break
		}
	}
	writers.Wait()
	x.expectKeys("", "a")
}

func blobsBesideTheLog(x *trial) {
	x.append("a", nacre.Any, fact("t", 1))
	x.nothingWritten(func() {
		x.put("a", []byte("one"))
		x.put("system/a", []byte("two"))
	})
}

func blobsRefused(x *trial) {
	for _, key := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a b", "ä", "a\\b", "a\x00", "a:b", "a*", strings.Repeat("k", 201)} {
		expectCode(x, "putting a blob "+key, x.blobs().PutBlob(x.ctx, key, []byte("x")), nacre.CodeInvalid)
		_, err := x.blobs().GetBlob(x.ctx, key)
		expectCode(x, "getting a blob "+key, err, nacre.CodeInvalid)
		expectCode(x, "deleting a blob "+key, x.blobs().DeleteBlob(x.ctx, key), nacre.CodeInvalid)
	}
	x.expectKeys("")
}
