package node

// discard takes all access to a run of pages away and makes them read as zero. Their frames are given back.
func (n *Node) discard(page, count uint64) error { return n.region.Discard(page, count) }
