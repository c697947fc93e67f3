package core

import (
	"cmp"
	"fmt"
	"slices"
)

// Saved is what a checkpoint has to say of the machine besides the pages: enough to give the program its allocations again, on any
// number of hosts. It is plain data, which JSON carries. All hosts of a job have the same, but for names.
type Saved struct {
	Hosts    int          `json:"hosts"`
	PageSize int          `json:"page_size"`
	Random   uint64       `json:"random"` // of the generator of jia_alloc_random
	Allocs   []Allocation `json:"allocations"`
}

// An Allocation is one that was not freed. A Saved has them in the order in which the program made them.
type Allocation struct {
	Call  AllocCall `json:"call"`
	Args  []uint64  `json:"args"` // as Machine.Alloc takes them, or those of Machine.AllocAttr as hosts compare them
	Page  PageID    `json:"page"` // the first one
	Pages uint64    `json:"pages"`
	Draw  uint64    `json:"draw,omitempty"` // CallAllocRandom: what was drawn
	Name  string    `json:"name,omitempty"`
	Hosts int       `json:"hosts,omitempty"` // of the run whose call this was; 0: as many as Saved has
}

// Saved describes the allocations that all hosts have made and not freed by the barrier under way, or the last one if none is.
func (m *Machine) Saved() Saved {
	st := Saved{Hosts: m.cfg.Hosts, PageSize: m.cfg.PageSize, Random: m.random}
	var live []*extent
	for _, e := range m.extents {
		if e.waits || e.made < m.comparedCalls() {
			live = append(live, e)
		}
	}
	slices.SortFunc(live, func(a, b *extent) int {
		switch {
		case a.waits == b.waits:
			return cmp.Compare(a.made, b.made)
		case b.waits: // the program makes no other call before it has got these
			return -1
		}
		return 1
	})
	for _, e := range live {
		a := Allocation{Call: e.call, Args: e.args, Page: e.first, Pages: e.pages, Draw: e.draw, Name: e.name}
		if e.waits && e.askedBy != m.cfg.Hosts {
			a.Hosts = e.askedBy
		}
		st.Allocs = append(st.Allocs, a)
	}
	return st
}

// SetCVs returns the condition variables that are set, of those that this host manages, in rising order.
func (m *Machine) SetCVs() []CVID {
	var set []CVID
	for id, c := range m.cvs {
		if c.set {
			set = append(set, id)
		}
	}
	slices.Sort(set)
	return set
}

// MarshalText names the function, for files: they outlive the order of the constants.
func (c AllocCall) MarshalText() ([]byte, error) {
	if c >= AllocCall(len(allocNames)) {
		return nil, fmt.Errorf("an allocation call %d", uint64(c))
	}
	return []byte(allocNames[c]), nil
}

// UnmarshalText is the reverse of MarshalText.
func (c *AllocCall) UnmarshalText(text []byte) error {
	i := slices.Index(allocNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("an allocation by %q, which this version does not know", text)
	}
	*c = AllocCall(i)
	return nil
}
