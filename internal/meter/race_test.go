//go:build race

package meter_test

// racing: what is detected is slow, and nothing here is concurrent, so that less is run.
const racing = true
