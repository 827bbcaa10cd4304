package memory_test

import (
	"testing"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/entity/tablestest"
)

func TestTables(t *testing.T) {
	tablestest.Run(t, func(testing.TB) (entity.Tables, func() entity.Tables) { return memory.Open(), nil })
}
