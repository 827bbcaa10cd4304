//go:build !race

package tablestest

const raceEnabled = false
