//go:build !race

package meter_test

const racing = false
