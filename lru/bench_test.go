package lru

import (
	"math/rand/v2"
	"testing"
)

// A cache of a million pages that is full, and pages from 4 x as many.
func fullCache() (*Cache, []uint64) {
	const capacity = 1 << 20
	c := New(capacity)
	for p := range uint64(capacity) {
		c.Insert(p)
	}
	r := rand.New(rand.NewPCG(1, 1))
	pages := make([]uint64, 1<<16)
	for i := range pages {
		pages[i] = r.Uint64N(4 * capacity)
	}
	return c, pages
}

func BenchmarkHas(b *testing.B) {
	c, pages := fullCache()
	for i := 0; b.Loop(); i++ {
		c.Has(pages[i%len(pages)])
	}
}

// A miss: a page comes in, and another goes.
func BenchmarkMiss(b *testing.B) {
	c, pages := fullCache()
	var list []uint64
	ok := func(uint64) bool { return true }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if c.Len() >= c.Capacity() {
			for _, v := range c.Victims(64, ok, list[:0]) {
				c.Remove(v)
			}
		}
		c.Insert(pages[i%len(pages)])
	}
}

// A page is probed, and used.
func BenchmarkProbeTouch(b *testing.B) {
	c, _ := fullCache()
	list := make([]uint64, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		list = c.Probe(1, list[:0])
		c.Touch(list[0])
	}
}

// Pages are invalidated, and come again.
func BenchmarkStale(b *testing.B) {
	c, pages := fullCache()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := pages[i%len(pages)] % (1 << 20)
		c.Stale(p)
		c.Insert(p)
	}
}
