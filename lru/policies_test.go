package lru

import "container/heap"

// A policy replays accesses against a cache of fixed size.
type policy interface {
	// access tells whether the page was in the cache.
	access(i int, a access) bool
}

// ours is the cache as a machine uses it: it hears of a hit only when the page was probed, and of a miss.
type ours struct {
	c        *Cache
	slack    int    // so many pages are to be free before a page comes in
	batch    int    // so many are given up at a time
	unmapped []bool // in the cache, but the next use faults
	faults   int    // uses of pages that were unmapped
	scratch  []uint64
}

func newOurs(t *trace, slack, batch int) *ours {
	return &ours{c: New(t.cache), slack: slack, batch: batch, unmapped: make([]bool, t.pages())}
}

func (o *ours) access(_ int, a access) bool {
	p := a.page()
	if o.c.Has(p) {
		if o.unmapped[p] {
			o.unmapped[p] = false
			o.faults++
			o.c.Touch(p)
		}
		return true
	}
	if o.c.Len() > o.c.Capacity()-o.slack {
		o.scratch = o.c.Victims(o.batch, func(uint64) bool { return true }, o.scratch[:0])
		for _, v := range o.scratch {
			o.c.Remove(v)
			o.unmapped[v] = false
		}
	}
	o.c.Insert(p)
	o.scratch = o.c.Probe(2, o.scratch[:0])
	for _, q := range o.scratch {
		o.unmapped[q] = true
	}
	return false
}

// faultLRU gives up the page whose last fault is the longest ago. A page faults when it comes in, and again at the first
// store if that was for a load.
type faultLRU struct {
	order    *Cache // its active list, as a plain list
	capacity int
	stored   []bool
	// all: every use counts as if it faulted, which makes this the real LRU. none: only coming in counts, FIFO.
	all, none bool
}

func newFaultLRU(t *trace) *faultLRU {
	return &faultLRU{order: New(t.cache), capacity: t.cache, stored: make([]bool, t.pages())}
}

func (f *faultLRU) access(_ int, a access) bool {
	p := a.page()
	i := f.order.index.of(p)
	hit := i != 0
	if hit && (f.all || !f.none && a.store() && !f.stored[p]) {
		f.order.move(i, active)
	}
	if !hit {
		if f.order.Len() >= f.capacity {
			i := f.order.coldest(active)
			f.stored[f.order.at(i).page] = false
			f.order.index.set(f.order.at(i).page, 0)
			f.order.move(i, unused)
		}
		f.order.Insert(p)
		f.order.move(f.order.index.of(p), active)
	}
	f.stored[p] = f.stored[p] || a.store()
	return hit
}

// clock gives each page that was used since the hand came by another round. It sees every hit.
type clock struct {
	ring []uint64
	used []bool
	in   []bool
	hand int
	size int
}

func newClock(t *trace) *clock {
	return &clock{used: make([]bool, t.pages()), in: make([]bool, t.pages()), size: t.cache}
}

func (c *clock) access(_ int, a access) bool {
	p := a.page()
	if c.in[p] {
		c.used[p] = true
		return true
	}
	c.in[p] = true
	if len(c.ring) < c.size {
		c.ring = append(c.ring, p)
		return false
	}
	for c.used[c.ring[c.hand]] {
		c.used[c.ring[c.hand]] = false
		c.hand = (c.hand + 1) % c.size
	}
	c.in[c.ring[c.hand]] = false
	c.ring[c.hand] = p
	c.hand = (c.hand + 1) % c.size
	return false
}

// belady knows the future: it gives up the page whose next use is the furthest away. No policy has more hits.
type belady struct {
	next []int // for each access, when its page is used again
	due  []int // for each page in the cache, when it is used next; -1 for others
	far  farthest
	in   int
	size int
}

type use struct {
	at   int
	page uint64
}

// farthest has the latest use on top; entries that are no longer true are passed over.
type farthest []use

func (f farthest) Len() int           { return len(f) }
func (f farthest) Less(i, j int) bool { return f[i].at > f[j].at }
func (f farthest) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *farthest) Push(x any)        { *f = append(*f, x.(use)) }
func (f *farthest) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

func newBelady(t *trace) *belady {
	b := &belady{next: make([]int, len(t.accesses)), due: make([]int, t.pages()), size: t.cache}
	last := make([]int, t.pages())
	for p := range last {
		last[p], b.due[p] = len(t.accesses), -1
	}
	for i := len(t.accesses) - 1; i >= 0; i-- {
		p := t.accesses[i].page()
		b.next[i], last[p] = last[p], i
	}
	return b
}

func (b *belady) access(i int, a access) bool {
	p := a.page()
	hit := b.due[p] >= 0
	if !hit {
		if b.in == b.size {
			for {
				u := heap.Pop(&b.far).(use)
				if b.due[u.page] == u.at {
					b.due[u.page] = -1
					break
				}
			}
			b.in--
		}
		b.in++
	}
	b.due[p] = b.next[i]
	heap.Push(&b.far, use{b.next[i], p})
	return hit
}
