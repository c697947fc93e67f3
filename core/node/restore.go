package node

// restored is the checkpoint that this run began from, as far as it is still needed.
type restored struct {
	generation uint64            // 0 after a fresh start; fixed by Restore
	private    map[string][]byte // registered memory that the program has not asked for yet, by name; guarded by mu
}

// Restored returns the generation that this run began from, 0 after a fresh start.
func (n *Node) Restored() uint64 { return n.restored.generation }
