package process

import (
	"cmp"
	"container/heap"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// alarm is something that is due at a time. Whether it still means anything is for its finder to see: what was
// cancelled stays in the heap until its time.
type alarm struct {
	at   time.Time
	who  string // an instance, or a line
	name string // of a timer
	set  int64
}

func (a *alarm) compare(b *alarm) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.who, b.who), strings.Compare(a.name, b.name), cmp.Compare(a.set, b.set))
}

// alarms gives the one that is due first.
type alarms struct{ list alarmList }

func (a *alarms) add(x alarm) { heap.Push(&a.list, x) }

// next is false where there is none.
func (a *alarms) next() (time.Time, bool) {
	if len(a.list) == 0 {
		return time.Time{}, false
	}
	return a.list[0].at, true
}

func (a *alarms) pop() alarm { return heap.Pop(&a.list).(alarm) }

type alarmList []alarm

func (l alarmList) Len() int           { return len(l) }
func (l alarmList) Less(i, j int) bool { return l[i].compare(&l[j]) < 0 }
func (l alarmList) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *alarmList) Push(x any)        { *l = append(*l, x.(alarm)) }
func (l *alarmList) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	(*l)[last] = alarm{}
	*l = (*l)[:last]
	return x
}

// marks counts what is yet to be done for each position, and knows the first one.
type marks struct {
	count map[nacre.Position]int
	heap  positionList
	total int
}

func (m *marks) add(p nacre.Position) {
	if m.count == nil {
		m.count = map[nacre.Position]int{}
	}
	m.total++
	if m.count[p]++; m.count[p] == 1 {
		heap.Push(&m.heap, p)
	}
}

func (m *marks) remove(p nacre.Position) {
	m.total--
	if m.count[p]--; m.count[p] == 0 {
		delete(m.count, p)
	}
}

// first is false where nothing is to be done.
func (m *marks) first() (nacre.Position, bool) {
	for len(m.heap) > 0 {
		if m.count[m.heap[0]] > 0 {
			return m.heap[0], true
		}
		heap.Pop(&m.heap)
	}
	return 0, false
}

type positionList []nacre.Position

func (l positionList) Len() int           { return len(l) }
func (l positionList) Less(i, j int) bool { return l[i] < l[j] }
func (l positionList) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *positionList) Push(x any)        { *l = append(*l, x.(nacre.Position)) }
func (l *positionList) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}
