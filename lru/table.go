package lru

// table finds the nodes of pages: node 0, which is none's, stands for a page that has none.
type table struct {
	chunks []*[1024]uint32
}

func (t *table) of(p uint64) uint32 {
	if c := p / 1024; c < uint64(len(t.chunks)) && t.chunks[c] != nil {
		return t.chunks[c][p%1024]
	}
	return 0
}

func (t *table) set(p uint64, node uint32) {
	c := p / 1024
	if c >= uint64(len(t.chunks)) {
		t.chunks = append(t.chunks, make([]*[1024]uint32, c+1-uint64(len(t.chunks)))...)
	}
	if t.chunks[c] == nil {
		t.chunks[c] = new([1024]uint32)
	}
	t.chunks[c][p%1024] = node
}
