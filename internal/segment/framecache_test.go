package segment

import "testing"

func TestFrameCacheIsBounded(t *testing.T) {
	c := frameCache{most: 1000}
	for i := range 100 {
		c.put(frameKey{1, i}, make([]byte, 99))
		c.put(frameKey{1, i}, make([]byte, 99))
		if i >= 5 && c.get(frameKey{1, 5}) == nil {
			t.Fatalf("the frame that is used all the time is gone after %d others", i-5)
		}
		if held := int64(len(c.entries)) * 99; c.bytes != held || held > c.most || c.order.Len() != len(c.entries) {
			t.Fatalf("%d frames are held, and %d bytes are counted", len(c.entries), c.bytes)
		}
	}
	if len(c.entries) != 10 || c.get(frameKey{1, 99}) == nil || c.get(frameKey{1, 50}) != nil || c.get(frameKey{2, 99}) != nil {
		t.Errorf("of the last frames, %d are held", len(c.entries))
	}
	c.put(frameKey{1, 1000}, make([]byte, 300))
	if c.get(frameKey{1, 1000}) != nil {
		t.Error("a frame that would push out many is held")
	}
}
