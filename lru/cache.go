// Package lru decides which cached pages a host gives up. It is told when pages come in and go, but hits do not fault, so
// it cannot see use as such. Instead it names pages whose next use should show (Probe): the caller takes access to them
// away, and reports it (Touch) when one faults.
//
// Pages come in on the inactive list. Near its cold end they are probed; a page that is used then goes to the active list,
// one that is not is a victim. So a page that is read once passes without pushing out those in use. A page that comes back
// soon after it was given up goes to the active list too, and the coldest of that list come back to the inactive one.
package lru

// Cache orders the pages of a cache by how soon they should go. It is a plain data structure: not safe for concurrent
// use, without I/O, and it holds no pointer for each page. All calls take constant time, but Probe and Victims take time
// for each page that they return or pass over.
type Cache struct {
	capacity int
	index    map[uint64]uint32 // of every page on a list but unused
	chunks   [][]node
	size     [lists]int
}

// New returns an empty cache that is to hold capacity pages.
func New(capacity int) *Cache {
	c := &Cache{index: make(map[uint64]uint32)}
	c.grow()
	c.Resize(capacity)
	return c
}

// Resize changes the capacity. The caller finds victims for what is too much.
func (c *Cache) Resize(capacity int) {
	c.capacity = max(capacity, 1)
	c.forget()
}

// Capacity is the number of pages that the cache is to hold. It may hold more: only Remove takes pages out.
func (c *Cache) Capacity() int { return c.capacity }

// Len is the number of pages in the cache, live and stale.
func (c *Cache) Len() int { return c.size[active] + c.size[inactive] + c.size[probed] + c.size[stale] }

// Has tells whether page p is in the cache, live or stale.
func (c *Cache) Has(p uint64) bool {
	i, ok := c.index[p]
	return ok && c.at(i).in != ghost
}

// Insert says that page p came in and is used now. It may be in the cache already, as stale.
func (c *Cache) Insert(p uint64) {
	i, ok := c.index[p]
	if !ok {
		if c.size[unused] == 0 {
			c.grow()
		}
		i = c.coldest(unused)
		c.at(i).page = p
		c.index[p] = i
		c.move(i, inactive)
		return
	}
	switch c.at(i).in {
	case ghost, stale:
		c.move(i, active)
	default:
		c.Touch(p)
	}
}

// Touch says that page p was used. That means something for a page that was probed; of others it is known that they may be
// used at any time.
func (c *Cache) Touch(p uint64) {
	if i, ok := c.index[p]; ok && c.at(i).in == probed {
		c.move(i, active)
	}
}

// Stale says that page p's content is worth nothing any more, but that its frame is still there.
func (c *Cache) Stale(p uint64) {
	if i, ok := c.index[p]; ok && c.at(i).in != ghost && c.at(i).in != stale {
		c.move(i, stale)
	}
}

// Remove says that page p's frame is gone.
func (c *Cache) Remove(p uint64) {
	i, ok := c.index[p]
	if !ok {
		return
	}
	switch c.at(i).in {
	case ghost:
	case stale:
		c.drop(i)
	default:
		c.move(i, ghost)
		c.forget()
	}
}

// drop forgets node i's page.
func (c *Cache) drop(i uint32) {
	delete(c.index, c.at(i).page)
	c.move(i, unused)
}

// forget keeps the number of ghosts down to the capacity.
func (c *Cache) forget() {
	for c.size[ghost] > c.capacity {
		c.drop(c.coldest(ghost))
	}
}

// Probe appends to dst up to n pages whose next use should show, and returns it. The caller takes access to them away,
// keeps their content, and reports a use by Touch. It may call Probe as often as it likes, best whenever pages were
// inserted: there are none to probe when enough of them are out.
func (c *Cache) Probe(n int, dst []uint64) []uint64 {
	for ; n > 0 && c.size[probed] < c.capacity/4; n-- {
		for c.size[active] > c.capacity/2 {
			c.move(c.coldest(active), inactive)
		}
		if c.size[inactive] == 0 {
			break
		}
		i := c.coldest(inactive)
		c.move(i, probed)
		dst = append(dst, c.at(i).page)
	}
	return dst
}

// Victims appends to dst up to n pages to give up, and returns it: stale ones first, then the coldest. Pages that ok refuses
// are passed over, and count as used a little later than they were, so that the next call need not pass over them
// again. Pages stay in the cache until Remove: a call before that returns them again, unless ok refuses them.
// ok must not call the cache.
func (c *Cache) Victims(n int, ok func(p uint64) bool, dst []uint64) []uint64 {
	for _, l := range [...]listID{stale, probed, inactive, active} {
		i := c.coldest(l)
		for left := c.size[l]; left > 0 && n > 0; left-- {
			at := c.at(i)
			colder := i
			i = at.prev
			if ok(at.page) {
				dst = append(dst, at.page)
				n--
				continue
			}
			c.move(colder, l)
		}
	}
	return dst
}
