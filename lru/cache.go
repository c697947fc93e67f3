// Package lru decides which cached pages a host gives up. It is told when pages come in and go, but hits do not fault, so
// it cannot see use as such. Instead it names pages whose next use should show (Probe): the caller takes access to them
// away, and reports it (Touch) when one faults.
//
// Most pages are active; the others, which came in and have not been worth more so far, are inactive, and victims are
// taken from those. Both kinds are probed near their cold end. An inactive page that is used again, after a probe or soon
// after it was given up, becomes active in place of an active one that has not been used for longer than it was not:
// what counts is the time between two uses, not the last use. So neither a scan nor a loop through more
// pages than there is room for pushes out what is in use, or the part of the loop that fits. The idea is that of LIRS (S. Jiang and
// X. Zhang, SIGMETRICS 2002), as far as it can be had without seeing hits. docs/memory.md compares it with others.
package lru

// Cache orders the pages of a cache by how soon they should go. It is a plain data structure: not safe for concurrent
// use, without I/O, and it holds no pointer for each page. All calls take constant time, but Probe and Victims take time
// for each page that they return or pass over. Pages are numbers that follow each other more or less: memory follows the highest
// one, by 8 bytes for each 1024 pages.
type Cache struct {
	capacity int
	index    table // has every page on a list but unused
	chunks   [][]node
	size     [lists]int
	now      uint32 // time: how many pages have come in, modulo 2^32
}

// Shares of the pages that are not stale, as divisors. They were chosen by the traces of TestPolicies.
const (
	inactiveShare = 8 // one in so many is inactive at least, when others come in
	coolingShare  = 8 // one in so many of the active pages is probed at most
	probedShare   = 2 // of the inactive ones
	ghostShare    = 2 // of the capacity: pages that are remembered after they were given up
)

// New returns an empty cache that is to hold capacity pages.
func New(capacity int) *Cache {
	c := &Cache{}
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
func (c *Cache) Len() int { return c.live() + c.size[stale] }

func (c *Cache) live() int { return c.active() + c.size[inactive] + c.size[probed] }

func (c *Cache) active() int { return c.size[active] + c.size[cooling] }

// mayBeActive is the number of active pages below which others need not make room for one more.
func (c *Cache) mayBeActive() int { return c.live() - c.live()/inactiveShare }

// Has tells whether page p is in the cache, live or stale.
func (c *Cache) Has(p uint64) bool {
	i := c.index.of(p)
	return i != 0 && c.at(i).in != ghost
}

// Insert says that page p came in and is used now. It may be in the cache already, as stale.
func (c *Cache) Insert(p uint64) {
	c.now++
	i := c.index.of(p)
	known := i != 0
	if known && c.at(i).in != ghost && c.at(i).in != stale {
		c.Touch(p)
		return
	}
	if !known {
		if c.size[unused] == 0 {
			c.grow()
		}
		i = c.coldest(unused)
		*c.at(i) = node{page: p, prev: c.at(i).prev, next: c.at(i).next, in: unused}
		c.index.set(p, i)
	}
	c.place(i, known)
}

// Touch says that page p was used. That means something for a page that was probed; of others it is known that they may be
// used at any time.
func (c *Cache) Touch(p uint64) {
	i := c.index.of(p)
	if i == 0 {
		return
	}
	switch n := c.at(i); n.in {
	case probed:
		c.place(i, true)
	case cooling:
		n.used = c.now
		c.move(i, active)
	}
}

// place makes node i, which is used now, active or inactive. again: its last use before is known.
func (c *Cache) place(i uint32, again bool) {
	n, to := c.at(i), inactive
	switch {
	case c.active() < c.mayBeActive(), n.in == stale && n.wasActive:
		to = active
	case again && c.size[cooling] > 0:
		if k := c.coldest(cooling); c.now-c.at(k).used >= c.now-n.used {
			c.move(k, probed)
			to = active
		}
	}
	n.used = c.now
	c.move(i, to)
}

// Stale says that page p's content is worth nothing any more, but that its frame is still there.
func (c *Cache) Stale(p uint64) {
	if i := c.index.of(p); i != 0 && c.at(i).in != ghost && c.at(i).in != stale {
		n := c.at(i)
		n.wasActive = n.in == active || n.in == cooling
		c.move(i, stale)
	}
}

// Remove says that page p's frame is gone.
func (c *Cache) Remove(p uint64) {
	if i := c.index.of(p); i != 0 && c.at(i).in != ghost {
		c.move(i, ghost)
		c.forget()
	}
}

// forget keeps the number of ghosts down.
func (c *Cache) forget() {
	for c.size[ghost] > c.capacity/ghostShare {
		i := c.coldest(ghost)
		c.index.set(c.at(i).page, 0)
		c.move(i, unused)
	}
}

// Probe appends to dst up to n pages whose next use should show, and returns it. The caller takes access to them away,
// keeps their content, and reports a use by Touch. It may call Probe as often as it likes: there are none to probe while
// enough of them are out. Two for each page that has come in are as good as more.
func (c *Cache) Probe(n int, dst []uint64) []uint64 {
	for ; n > 0; n-- {
		var from, to listID
		switch {
		case c.size[inactive] > 0 && c.size[probed] < (c.size[inactive]+c.size[probed]+1)/probedShare:
			from, to = inactive, probed
		case c.size[active] > 0 && c.size[cooling] < c.active()/coolingShare:
			from, to = active, cooling
		default:
			return dst
		}
		i := c.coldest(from)
		if to == cooling {
			c.at(i).used = c.now
		}
		c.move(i, to)
		dst = append(dst, c.at(i).page)
	}
	return dst
}

// Victims appends to dst up to n pages to give up, and returns it: stale ones first, then the coldest. Pages that ok refuses
// are passed over, and go to the hot end of their list, so that the next call need not pass over them again. Pages stay in the
// cache until Remove: a call before that returns them again, unless ok refuses them. ok must not call the cache.
func (c *Cache) Victims(n int, ok func(p uint64) bool, dst []uint64) []uint64 {
	for _, l := range [...]listID{stale, probed, inactive, cooling, active} {
		i := c.coldest(l)
		for left := c.size[l]; left > 0 && n > 0; left-- {
			k := i
			i = c.at(k).prev
			if p := c.at(k).page; ok(p) {
				dst = append(dst, p)
				n--
			} else {
				c.move(k, l)
			}
		}
	}
	return dst
}
