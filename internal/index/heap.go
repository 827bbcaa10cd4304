package index

// heapify orders a slice as a binary heap, the least element first.
func heapify[T any](h []T, less func(a, b T) bool) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		siftDown(h, i, less)
	}
}

// siftDown restores the order of a heap whose element i grew.
func siftDown[T any](h []T, i int, less func(a, b T) bool) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && less(h[child+1], h[child]) {
			child++
		}
		if !less(h[child], h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// dropTop takes the least element out of a heap.
func dropTop[T any](h []T, less func(a, b T) bool) []T {
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	siftDown(h, 0, less)
	return h
}
