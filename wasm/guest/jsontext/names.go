package jsontext

// names are those of members that nobody asked for, by the depth of their object.
type names []depthName

type depthName struct {
	depth int
	name  []byte          // a part of the text that is read, or a copy
	set   map[string]bool // of all names of the object, where there are many; in the object's first
}

// many is from how many names of an object on they are looked up in a map.
const many = 16

// add is false where the object has the name already. It keeps the name.
func (n *names) add(depth int, name []byte) bool {
	all := *n
	first := len(all)
	for first > 0 && all[first-1].depth == depth {
		if first--; len(all)-first > many {
			break
		}
	}
	if len(all)-first > many {
		return n.addToSet(name)
	}
	for i := first; i < len(all); i++ {
		if string(all[i].name) == string(name) {
			return false
		}
	}
	all = append(all, depthName{depth: depth, name: name})
	if len(all)-first > many { // from now on, the last one has a set of all of them
		set := make(map[string]bool, 4*many)
		for i := first; i < len(all); i++ {
			set[string(all[i].name)] = true
		}
		all[len(all)-1].set = set
	}
	*n = all
	return true
}

func (n *names) addToSet(name []byte) bool {
	set := (*n)[len(*n)-1].set
	if set[string(name)] {
		return false
	}
	set[string(name)] = true
	return true
}

// leave forgets the names of an object that ended, and of those in it.
func (n *names) leave(depth int) {
	all := *n
	for len(all) > 0 && all[len(all)-1].depth >= depth {
		all[len(all)-1] = depthName{}
		all = all[:len(all)-1]
	}
	*n = all
}
