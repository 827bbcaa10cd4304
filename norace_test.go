//go:build !race

package nacre

const racing = false
