package lru

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// harness runs operations on a cache beside what is known of it without any order: which pages are in it, and how.
type harness struct {
	c     *Cache
	live  map[uint64]bool // in the cache: false for stale
	steps []string
}

func newHarness(capacity int) *harness {
	return &harness{c: New(capacity), live: make(map[uint64]bool)}
}

// step carries out one operation, with a page and a number, and returns what is wrong with the outcome.
func (h *harness) step(op byte, page uint64, n int) error {
	c := h.c
	_, in := h.live[page]
	h.steps = append(h.steps, fmt.Sprint(op%8, " ", page, " ", n))
	switch op % 8 {
	case 0, 1:
		c.Insert(page)
		h.live[page] = true
	case 2:
		c.Touch(page)
	case 3:
		c.Stale(page)
		if in {
			h.live[page] = false
		}
	case 4:
		c.Remove(page)
		delete(h.live, page)
	case 5:
		c.Resize(n)
		if c.Capacity() != max(n, 1) {
			return fmt.Errorf("capacity is %d", c.Capacity())
		}
	case 6:
		return h.probe(n)
	case 7:
		return h.victims(n, page)
	}
	return h.check()
}

func (h *harness) probe(n int) error {
	got := h.c.Probe(n, []uint64{12345})
	if got[0] != 12345 || len(got) > n+1 {
		return fmt.Errorf("Probe(%d) made %v of a list", n, got)
	}
	seen := make(map[uint64]bool)
	for _, p := range got[1:] {
		if !h.live[p] || seen[p] {
			return fmt.Errorf("Probe returned page %d, which is stale, not there, or twice", p)
		}
		seen[p] = true
	}
	return h.check()
}

// victims asks for victims, of which the divisor spares some.
func (h *harness) victims(n int, divisor uint64) error {
	ok := func(p uint64) bool { return divisor < 2 || p%divisor != 0 }
	could, stale := 0, 0
	for p, live := range h.live {
		if ok(p) {
			could++
			if !live {
				stale++
			}
		}
	}
	got := h.c.Victims(n, ok, []uint64{12345})
	if got[0] != 12345 || len(got) != 1+min(n, could) {
		return fmt.Errorf("Victims(%d) made %v of a list, where %d could be", n, got, could)
	}
	seen := make(map[uint64]bool)
	for i, p := range got[1:] {
		live, in := h.live[p]
		if !in || seen[p] || !ok(p) || live != (i >= stale) {
			return fmt.Errorf("Victims(%d): %v, %d of them stale: page %d should not be there", n, got, stale, p)
		}
		seen[p] = true
	}
	if again := h.c.Victims(n, ok, nil); !slices.Equal(again, got[1:]) {
		return fmt.Errorf("Victims(%d) returned %v, then %v", n, got[1:], again)
	}
	return h.check()
}

func (t *table) entries() (n int) {
	for _, chunk := range t.chunks {
		for k := range chunk {
			if chunk[k] != 0 {
				n++
			}
		}
	}
	return n
}

func (h *harness) check() error {
	c := h.c
	if c.Len() != len(h.live) {
		return fmt.Errorf("%d pages, should be %d", c.Len(), len(h.live))
	}
	nodes := 0
	for l := range lists {
		nodes += c.size[l]
		i := uint32(l)
		for range c.size[l] {
			next := c.at(i).next
			if c.at(next).prev != i || c.at(next).in != l {
				return fmt.Errorf("node %d of list %d is linked wrongly", next, l)
			}
			i = next
			if l == unused {
				continue
			}
			p := c.at(i).page
			live, in := h.live[p]
			if c.index.of(p) != i || in == (l == ghost) || in && live == (l == stale) {
				return fmt.Errorf("page %d is on list %d", p, l)
			}
			if c.Has(p) != in {
				return fmt.Errorf("Has(%d) is %v", p, !in)
			}
		}
		if c.at(i).next != uint32(l) || c.at(uint32(l)).prev != i {
			return fmt.Errorf("list %d is longer than %d", l, c.size[l])
		}
	}
	if nodes+int(lists) != len(c.chunks)*chunkSize || c.index.entries() != c.Len()+c.size[ghost] {
		return fmt.Errorf("%d nodes, %d chunks, %d of %d pages indexed", nodes, len(c.chunks), c.index.entries(), c.Len())
	}
	if c.size[ghost] > c.capacity/ghostShare {
		return fmt.Errorf("%d pages remembered, capacity %d", c.size[ghost], c.capacity)
	}
	return nil
}

func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(rapid.IntRange(1, 20).Draw(t, "capacity"))
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			op := rapid.Byte().Draw(t, "operation")
			if err := h.step(op, uint64(rapid.IntRange(0, 40).Draw(t, "page")), rapid.IntRange(0, 30).Draw(t, "n")); err != nil {
				t.Fatalf("%v after %v", err, h.steps)
			}
		}
	})
}

// FuzzOperations does the same with sequences that the fuzzer makes up: three bytes an operation.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 0, 6, 0, 2, 2, 1, 0, 3, 2, 0, 7, 0, 2, 4, 1, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		h := newHarness(8)
		for ; len(program) >= 3; program = program[3:] {
			if err := h.step(program[0], uint64(program[1]), int(program[2]%64)); err != nil {
				t.Fatalf("%v after %v", err, h.steps)
			}
		}
	})
}

var all = func(uint64) bool { return true }

// Into an empty cache pages come as active ones, but an eighth of them.
func TestOrder(t *testing.T) {
	c := New(9)
	for p := range uint64(9) {
		c.Insert(p)
	}
	want := func(what string, got []uint64, pages ...uint64) {
		t.Helper()
		if !slices.Equal(got, pages) {
			t.Errorf("%s: %v, want %v", what, got, pages)
		}
	}
	want("inactive pages go first", c.Victims(9, all, nil), 0, 8, 1, 2, 3, 4, 5, 6, 7)
	want("half of them are probed", c.Probe(9, nil), 0)
	c.Touch(0)
	want("one that was used is active", c.Victims(9, all, nil), 8, 1, 2, 3, 4, 5, 6, 7, 0)
	c.Touch(8)
	want("one that was not probed is not", c.Victims(9, all, nil), 8, 1, 2, 3, 4, 5, 6, 7, 0)
	c.Stale(5)
	want("stale ones go before all", c.Victims(2, all, nil), 5, 8)
	want("refused ones do not go", c.Victims(3, func(p uint64) bool { return p > 5 }, nil), 8, 6, 7)
	c.Insert(5)
	want("one that was active before it was stale is active again", c.Victims(9, all, nil), 8, 6, 7, 0, 1, 2, 3, 4, 5)
	c.Remove(8)
	want("one that is gone is gone", c.Victims(9, all, nil), 6, 7, 0, 1, 2, 3, 4, 5)
}

// A page that comes back sooner than an active one was used becomes active in its place; one that comes back later does not.
func TestShorterDistanceWins(t *testing.T) {
	const capacity = 64
	c := New(capacity)
	for p := range uint64(capacity) {
		c.Insert(p)
	}
	in := func(p uint64) listID { return c.at(c.index.of(p)).in }
	for p := range uint64(capacity) {
		if in(p) == inactive {
			c.Remove(p) // so that there is no room among the active ones
		}
	}
	cooled := c.Probe(capacity, nil)
	if len(cooled) < 3 {
		t.Fatalf("active pages that were probed: %v", cooled)
	}
	comeAndGo := func(p uint64) {
		c.Insert(p)
		c.Remove(p)
	}
	comeAndGo(1000)
	for p := range uint64(3) {
		comeAndGo(2000 + p)
	}
	for _, p := range cooled {
		c.Touch(p)
	}
	c.Probe(capacity, nil)
	for p := range uint64(3) {
		comeAndGo(3000 + p)
	}
	coldest := c.at(c.coldest(cooling)).page
	c.Insert(1000) // distance 7
	if in(1000) != inactive || in(coldest) != cooling {
		t.Errorf("a page at a longer distance is on list %d, the coldest active one on %d", in(1000), in(coldest))
	}
	c.Insert(3001) // distance 3
	if in(3001) != active || in(coldest) != probed {
		t.Errorf("a page at a shorter distance is on list %d, the coldest active one on %d", in(3001), in(coldest))
	}
}
