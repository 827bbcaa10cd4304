package jsontext

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Keys are a map's, in the order in which they are written.
func Keys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// IntKeys are a map's, in the order of their texts.
func IntKeys[K ~int | ~int8 | ~int16 | ~int32 | ~int64, V any](m map[K]V) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		return cmp.Compare(strconv.FormatInt(int64(a), 10), strconv.FormatInt(int64(b), 10))
	})
}

// UintKeys are a map's, in the order of their texts.
func UintKeys[K ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr, V any](m map[K]V) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		return cmp.Compare(strconv.FormatUint(uint64(a), 10), strconv.FormatUint(uint64(b), 10))
	})
}

// IsZero tells whether a value is its type's zero value, bit by bit.
func IsZero[T any](v *T) bool { return reflect.ValueOf(v).Elem().IsZero() }

// ToBytes gives bytes that have a type of their own.
func ToBytes[T ~uint8](v []T) []byte {
	out := make([]byte, len(v))
	for i := range v {
		out[i] = byte(v[i])
	}
	return out
}

// FromBytes gives bytes a type of their own; nil stays nil.
func FromBytes[T ~uint8](b []byte) []T {
	if b == nil {
		return nil
	}
	out := make([]T, len(b))
	for i := range b {
		out[i] = T(b[i])
	}
	return out
}
