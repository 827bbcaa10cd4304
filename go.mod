module github.com/nacredb/nacre

go 1.26

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/oklog/ulid/v2 v2.1.2 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
