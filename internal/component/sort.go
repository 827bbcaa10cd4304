package component

// sort is what an index space is of.
type sort int

const (
	sortCoreFunc sort = iota
	sortCoreTable
	sortCoreMemory
	sortCoreGlobal
	sortCoreTag
	sortCoreType
	sortCoreModule
	sortCoreInstance
	sortFunc
	sortValue
	sortType
	sortComponent
	sortInstance
	sorts // how many there are
)

// sortNames are what people call them.
var sortNames = [sorts]string{
	"core function", "table", "memory", "global", "tag", "core type", "core module", "core instance",
	"function", "value", "type", "component", "instance",
}

func (s sort) String() string { return sortNames[s] }

// readSort reads a sort; core is true for what core modules know.
func readSort(r *reader) (s sort, core bool) {
	begin := r.at
	switch c := r.byte(); {
	case c == 0:
		return readCoreSort(r), true
	case c >= 1 && c <= 5:
		return sortFunc + sort(c-1), false
	default:
		r.fail(begin, "something of the unknown sort %#x", c)
		return 0, false
	}
}

func readCoreSort(r *reader) sort {
	begin := r.at
	switch c := r.byte(); {
	case c <= 4:
		return sort(c)
	case c >= 0x10 && c <= 0x12:
		return sortCoreType + sort(c-0x10)
	default:
		r.fail(begin, "something of the unknown core sort %#x", c)
		return 0
	}
}
