package lru

// listID names a list; every node is on exactly one, and the node of that number is the list's sentinel.
type listID uint8

// The lists, each from its hot end (the sentinel's next) to its cold end (the sentinel's prev).
const (
	active  listID = iota
	cooling        // active, probed, and not used since
	inactive
	probed // inactive, probed, and not used since; or no longer active, having been cooling for too long
	stale  // content worth nothing
	ghost  // given up: not in the cache, only remembered
	unused // free nodes
	lists
)

// node is a page's place. Nodes refer to each other by number: the collector has no pointer to follow.
type node struct {
	page       uint64
	prev, next uint32
	// used is the time of the last use that is known of; of a cooling page, when it was probed.
	used      uint32
	in        listID
	wasActive bool // of a stale page: before it became that
}

// Nodes live in chunks, so that growing copies none.
const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

func (c *Cache) at(i uint32) *node { return &c.chunks[i>>chunkBits][i%chunkSize] }

// grow adds a chunk, whose nodes are unused.
func (c *Cache) grow() {
	first := uint32(len(c.chunks)) << chunkBits
	c.chunks = append(c.chunks, make([]node, chunkSize))
	for i := first; i < first+chunkSize; i++ {
		if i < uint32(lists) {
			*c.at(i) = node{prev: i, next: i, in: listID(i)}
			continue
		}
		c.link(i, unused)
	}
}

// link puts node i, which is on no list, at the hot end of a list.
func (c *Cache) link(i uint32, l listID) {
	head, n := c.at(uint32(l)), c.at(i)
	n.prev, n.next, n.in = uint32(l), head.next, l
	c.at(head.next).prev = i
	head.next = i
	c.size[l]++
}

func (c *Cache) unlink(i uint32) {
	n := c.at(i)
	c.at(n.prev).next = n.next
	c.at(n.next).prev = n.prev
	c.size[n.in]--
}

// move puts node i at the hot end of a list.
func (c *Cache) move(i uint32, l listID) {
	c.unlink(i)
	c.link(i, l)
}

// coldest returns the node at the cold end of a list that is not empty.
func (c *Cache) coldest(l listID) uint32 { return c.at(uint32(l)).prev }
