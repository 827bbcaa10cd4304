package main

import "github.com/nacredb/nacre/entity"

// Artist is an entity of the collection "artists".
type Artist struct {
	ID   string
	Name string
}

// Album is an entity of the collection "albums". What a field becomes when two write at once, its kind says.
type Album struct {
	ID     string             `entity:"id"`
	Name   string             // one value: a register
	Year   int                `entity:"year,index"`
	Artist entity.Ref[Artist] // the id of an artist
	Plays  int64              `entity:",counter"`
	Tags   []string           `entity:",set"`
	Tracks []string           `entity:",list"`
	Notes  map[string]string  `entity:",map"`
}
