package core

import "slices"

// Names of allocations, by which the statistics tell apart what a program waits for. Allocations of one name are one, also those that
// were freed; a machine never forgets a name.

// MostNames is how many names a host tells apart. What is allocated under further ones has the name OtherName.
const (
	MostNames = 64
	OtherName = "others"
)

// A Name is one that allocations of this host have. Call is the number of the allocation that had it first, which is the
// same allocation on all hosts, whatever name they give it.
type Name struct {
	Name string
	Call uint64
}

// Names returns the names in the order in which they came. A name keeps its index; the slice is valid until the next allocation.
func (m *Machine) Names() []Name { return m.names }

// Named returns the index of the name of p's allocation, -1 if it has none, and for how many pages from p on that is so.
func (m *Machine) Named(p PageID) (name int, count uint64) {
	e := m.extentOf(p)
	if e == nil {
		return -1, 1
	}
	return int(e.named) - 1, uint64(e.end() - p)
}

// named returns the number of a name, its index in names plus 1, for the allocation that is about to be noted; 0 for no name.
func (m *Machine) named(name string) uint8 {
	if name == "" {
		return 0
	}
	is := func(n Name) bool { return n.Name == name }
	i := slices.IndexFunc(m.names, is)
	if i < 0 && len(m.names) >= MostNames {
		name = OtherName
		i = slices.IndexFunc(m.names, is)
	}
	if i < 0 {
		i = len(m.names)
		m.names = append(m.names, Name{name, m.allocCalls})
	}
	return uint8(i + 1)
}
