// Package entity keeps entities: things that many writers change, whose changes are immutable events that merge the same
// way everywhere.
package entity
