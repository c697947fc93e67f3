package core

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// reader is a host whose program reads pages, with a machine that does nothing but what ahead is told.
type reader struct {
	ahead ahead
	limit int                 // pages a request brings at most
	pages PageID              // allocated
	home  func(p PageID) bool // at this host; nil: nowhere
	here  map[PageID]bool     // copies; true: not read yet
	probe map[PageID]bool     // copies without a mapping
	cost  struct{ requests, pages, probes, wasted int }
}

func newReader(limit int, pages PageID) *reader {
	return &reader{limit: limit, pages: pages, here: map[PageID]bool{}, probe: map[PageID]bool{}}
}

func (r *reader) fetchable(p PageID) bool {
	_, here := r.here[p]
	return p < r.pages && !here && (r.home == nil || !r.home(p))
}

func (r *reader) read(p PageID) {
	if r.probe[p] {
		delete(r.probe, p)
		r.ahead.touched(p)
		r.cost.probes++
	}
	if r.fetchable(p) {
		with := r.ahead.miss(p, r.limit, r.fetchable, nil)
		for i, q := range with {
			r.here[q] = true
			r.probe[q] = i == len(with)-1
		}
		r.cost.requests++
		r.cost.pages += 1 + len(with)
	}
	r.here[p] = false
}

// drop is an invalidation of the pages from first to before end.
func (r *reader) drop(first, end PageID) {
	for _, p := range slices.Sorted(maps.Keys(r.here)) {
		if p < first || p >= end {
			continue
		}
		if r.here[p] {
			r.cost.wasted++
		}
		r.ahead.dropped(p)
		delete(r.here, p)
		delete(r.probe, p)
	}
}

// end counts what was never read.
func (r *reader) end() {
	for _, unread := range r.here {
		if unread {
			r.cost.wasted++
		}
	}
}

// microseconds is about what the reading costs: 20 for a request, 1.2 for a page, 2 for a fault without a message.
func (r *reader) microseconds() float64 {
	return 20*float64(r.cost.requests) + 1.2*float64(r.cost.pages) + 2*float64(r.cost.probes)
}

func dealt(hosts, self PageID) func(PageID) bool {
	return func(p PageID) bool { return p%hosts == self }
}

// walk reads count pages from first on.
func walk(r *reader, first PageID, stride, count int) {
	for i := range count {
		r.read(first + PageID(i*stride))
	}
}

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// The limits are a little above what is seen; those of patterns without order are the promise.
func TestReadAhead(t *testing.T) {
	const pages = 1 << 20
	type pattern struct {
		name     string
		home     func(PageID) bool
		read     func(r *reader)
		requests int // at most
		wasted   int // pages, at most
	}
	patterns := []pattern{
		{"10,000 pages upwards", nil, func(r *reader) { walk(r, 100, 1, 10000) }, 90, 127},
		{"10,000 pages downwards", nil, func(r *reader) { walk(r, 20000, -1, 10000) }, 90, 127},
		{"downwards to page 0", nil, func(r *reader) { walk(r, 999, -1, 1000) }, 20, 0},
		{"upwards to the last page", nil, func(r *reader) { walk(r, pages-1000, 1, 1000) }, 20, 0},
		{"three pages", nil, func(r *reader) { walk(r, 100, 1, 3) }, 3, 2},
		{"two pages", nil, func(r *reader) { walk(r, 100, 1, 2) }, 2, 0},
		{"two streams, one up, one down", nil, func(r *reader) {
			for i := range PageID(5000) {
				r.read(100 + i)
				r.read(30000 - i)
			}
		}, 110, 254},
		{"two streams 16 pages apart, far behind each other", nil, func(r *reader) {
			for i := range PageID(16) {
				r.read(1000 + i)
				r.read(1016 + i)
			}
		}, 16, 24},
		{"eight streams", nil, func(r *reader) {
			for i := range PageID(2000) {
				for s := range PageID(8) {
					r.read(s*10000 + i)
				}
			}
		}, 190, 8 * 127},
		{"eight streams, of threads at random", nil, func(r *reader) {
			var at [8]PageID
			for random := random(); at[0] < 2000; {
				s := random.IntN(8)
				r.read(PageID(s)*10000 + at[s])
				at[s]++
			}
		}, 250, 8 * 127},
		{"upwards with noise: every other page at random", nil, func(r *reader) {
			random := random()
			for i := range PageID(5000) {
				r.read(i)
				r.read(100000 + PageID(random.IntN(900000)))
			}
		}, 5000 + 60, 127 + 50},
		{"dealt over 2 hosts", dealt(2, 0), func(r *reader) { walk(r, 0, 1, 10000) }, 50, 127},
		{"dealt over 3 hosts", dealt(3, 1), func(r *reader) { walk(r, 0, 1, 10000) }, 65, 127},
		{"dealt over 4 hosts", dealt(4, 3), func(r *reader) { walk(r, 0, 1, 10000) }, 70, 127},
		{"dealt over 3 hosts, downwards", dealt(3, 1), func(r *reader) { walk(r, 9999, -1, 10000) }, 65, 127},
		{"dealt over 2 hosts, every third page", dealt(2, 0), func(r *reader) { walk(r, 0, 3, 5000) }, 30, 127},
		{"dealt over 4 hosts in blocks of 100 pages", func(p PageID) bool { return p/100%4 == 1 },
			func(r *reader) { walk(r, 0, 1, 10000) }, 70, 127},
		{"a third of the pages is here already, anywhere", func(p PageID) bool { return uint64(p)*0x9e3779b97f4a7c15>>32%3 == 0 },
			func(r *reader) { walk(r, 0, 1, 10000) }, 65, 127},
		{"columns of a matrix of 1,000 rows of 3 pages", nil, func(r *reader) {
			for c := range PageID(3) {
				walk(r, c, 3, 1000)
			}
		}, 50, 127},
		{"columns of a matrix of 512 rows of 512 pages", nil, func(r *reader) {
			for c := range PageID(20) {
				walk(r, c, 512, 512)
			}
		}, 20 * 16, 20 * 30},
		{"matrix multiplication: a row of A with each column of B", nil, func(r *reader) {
			for c := range PageID(8) {
				for i := range PageID(256) {
					r.read(600000 + i/128)
					r.read(i*8 + c)
				}
			}
		}, 90, 200},
		{"four interleaved columns", nil, func(r *reader) {
			for i := range PageID(500) {
				for c := range PageID(4) {
					r.read(c*500 + i*2000)
				}
			}
		}, 60, 4 * 127},
		{"10,000 pages in 1,000 iterations of 100 pages, the same in each", nil, func(r *reader) {
			for range 1000 {
				walk(r, 500, 1, 100)
				r.drop(0, pages)
			}
		}, 1030, 150},
		{"the border of a neighbour: 3 pages in each iteration", nil, func(r *reader) {
			for range 1000 {
				walk(r, 500, 1, 3)
				r.drop(0, pages)
			}
		}, 1005, 2},
		{"the borders of two neighbours: 2 pages and 2 pages", nil, func(r *reader) {
			for range 1000 {
				walk(r, 500, 1, 2)
				walk(r, 900, 1, 2)
				r.drop(0, pages)
			}
		}, 2005, 2},
		{"borders of 20 arrays, 5 pages each", nil, func(r *reader) {
			for range 100 {
				for i := range PageID(20) {
					walk(r, i*2000, 1, 5)
				}
				r.drop(0, pages)
			}
		}, 2200, 100},
		{"1,000 pages in each iteration", nil, func(r *reader) {
			for range 100 {
				walk(r, 500, 1, 1000)
				r.drop(0, pages)
			}
		}, 910, 300},
		{"dealt over 3 hosts, 300 pages in each iteration", dealt(3, 1), func(r *reader) {
			for range 100 {
				walk(r, 501, 1, 300)
				r.drop(0, pages)
			}
		}, 320, 150},
		{"rows of LU, each shorter than the last, elsewhere", nil, func(r *reader) {
			for k := range 200 {
				walk(r, PageID(k*210), 1, 200-k)
				r.drop(0, pages)
			}
		}, 200 * 11, 200 * 60},
		{"a run that becomes shorter", nil, func(r *reader) {
			for i := range 100 {
				walk(r, 500, 1, 200-i)
				r.drop(0, pages)
			}
		}, 900, 5000},
		{"one page after the other, each after an invalidation of all", nil, func(r *reader) {
			for i := range PageID(2000) {
				r.read(i)
				r.drop(0, pages)
			}
		}, 2000, 300},
		{"upwards, while now and then a page is dropped that comes soon", nil, func(r *reader) {
			for i := range PageID(10000) {
				r.read(i)
				if i%50 == 0 {
					r.drop(i+5, i+6)
				}
			}
		}, 320, 127 + 200},
		{"upwards, while all that was read ahead is dropped now and then", nil, func(r *reader) {
			for i := range PageID(10000) {
				r.read(i)
				if i%50 == 0 {
					r.drop(0, pages)
				}
			}
		}, 500, 10000},
		{"10,000 pages at random, once each", nil, func(r *reader) {
			for _, p := range random().Perm(10000) {
				r.read(PageID(p))
			}
		}, 10000, 100},
		{"10,000 pages at random, dropped at times", nil, func(r *reader) {
			random := random()
			for i := range 100000 {
				r.read(PageID(random.IntN(10000)))
				if i%1000 == 0 {
					r.drop(0, pages)
				}
			}
		}, 100000, 1000},
		{"10,000 pages at random, dropped always", nil, func(r *reader) {
			random := random()
			for range 200000 {
				r.read(PageID(random.IntN(10000)))
				r.drop(0, pages)
			}
		}, 200000, 2000},
		{"clusters of 3 pages at random", nil, clusters(3), 30000, 300},
		{"clusters of 4 pages at random", nil, clusters(4), 40000, 400},
		{"clusters of 1 to 5 pages at random", nil, clusters(0), 30000, 900},
		{"random after a walk over the same pages", nil, func(r *reader) {
			walk(r, 0, 1, 10000)
			random := random()
			for range 20000 {
				r.drop(0, pages)
				r.read(PageID(random.IntN(10000)))
			}
		}, 20090, 500},
	}
	for stride := 2; stride <= 1000; stride += 1 + stride/2 {
		patterns = append(patterns,
			pattern{fmt.Sprintf("stride %d", stride), nil, func(r *reader) { walk(r, 0, stride, 1000) }, 18, 127},
			pattern{fmt.Sprintf("stride -%d", stride), nil, func(r *reader) { walk(r, 1010000, -stride, 1000) }, 18, 127})
	}
	for _, pattern := range patterns {
		t.Run(pattern.name, func(t *testing.T) {
			on, off := newReader(128, pages), newReader(0, pages)
			on.home, off.home = pattern.home, pattern.home
			pattern.read(on)
			pattern.read(off)
			on.end()
			t.Logf("%6d requests for %6d pages, %5d wasted, %5d probes: %6.0f us; without %6d requests: %6.0f us; ratio %.3f",
				on.cost.requests, on.cost.pages, on.cost.wasted, on.cost.probes, on.microseconds(),
				off.cost.requests, off.microseconds(), on.microseconds()/off.microseconds())
			if on.cost.requests > pattern.requests || on.cost.wasted > pattern.wasted {
				t.Errorf("%d requests, %d pages wasted; at most %d and %d", on.cost.requests, on.cost.wasted, pattern.requests, pattern.wasted)
			}
			if on.microseconds() > 1.02*off.microseconds()+20 {
				t.Errorf("%.0f us, %.0f without", on.microseconds(), off.microseconds())
			}
			if on.cost.pages != on.cost.requests+int(on.ahead.asked) || off.ahead.asked != 0 {
				t.Errorf("counts %d of %d pages ahead, and %d without", on.ahead.asked, on.cost.pages-on.cost.requests, off.ahead.asked)
			}
		})
	}
}

// clusters reads 10,000 groups of so many pages, or of 1 to 5, one after the other.
func clusters(size int) func(r *reader) {
	return func(r *reader) {
		random := random()
		for i := range 10000 {
			n := size
			if n == 0 {
				n = 1 + random.IntN(5)
			}
			walk(r, PageID(random.IntN(1<<20-8)), 1, n)
			if i%100 == 0 {
				r.drop(0, 1<<20)
			}
		}
	}
}

func TestReadAheadKeepsToTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const pages = 3000
		limit := rapid.IntRange(0, 128).Draw(t, "limit")
		homes := PageID(rapid.IntRange(1, 4).Draw(t, "homes"))
		missing := map[PageID]bool{} // homed elsewhere and fetched
		var a ahead
		var asked uint64
		for range rapid.IntRange(1, 40).Draw(t, "walks") {
			first, stride := rapid.IntRange(0, pages).Draw(t, "first"), rapid.IntRange(-1100, 1100).Draw(t, "stride")
			if rapid.Bool().Draw(t, "near") {
				stride %= 3
			}
			for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
				p := PageID(first + i*stride)
				fetchable := func(q PageID) bool { return q < pages && q%homes == 0 && !missing[q] }
				if !fetchable(p) {
					a.touched(p)
					continue
				}
				before := []PageID{7}
				got := a.miss(p, limit, fetchable, before)
				if len(got) < 1 || got[0] != 7 {
					t.Fatalf("what was there is gone: %v", got)
				}
				got = got[1:]
				asked += uint64(len(got))
				if len(got) > max(0, limit-1) || slices.Contains(got, p) {
					t.Fatalf("limit %d, page %d: %v", limit, p, got)
				}
				for _, q := range got {
					if !fetchable(q) {
						t.Fatalf("page %d is not fetchable, or twice in %v", q, got)
					}
					missing[q] = true
				}
				missing[p] = true
			}
			if rapid.Bool().Draw(t, "drop") {
				end := PageID(rapid.IntRange(0, pages).Draw(t, "end"))
				for p := range missing {
					if p < end {
						a.dropped(p)
						delete(missing, p)
					}
				}
			}
		}
		if a.asked != asked || a.unused > a.asked {
			t.Fatalf("counts %d asked, %d unused; %d were asked", a.asked, a.unused, asked)
		}
	})
}

func TestReadAheadAllocatesNothing(t *testing.T) {
	var a ahead
	random := random()
	dst := make([]PageID, 0, 128)
	if n := testing.AllocsPerRun(1000, func() {
		p := PageID(random.IntN(10000))
		dst = a.miss(p, 128, func(PageID) bool { return true }, dst[:0])
		a.touched(p)
		a.dropped(p)
	}); n != 0 {
		t.Errorf("%v allocations for each miss", n)
	}
}

func BenchmarkReadAhead(b *testing.B) {
	absent := func(PageID) bool { return true }
	b.Run("random", func(b *testing.B) {
		var a ahead
		var places [1 << 12]PageID
		for i, random := 0, random(); i < len(places); i++ {
			places[i] = PageID(random.IntN(10000))
		}
		dst := make([]PageID, 0, 128)
		for i := 0; b.Loop(); i++ {
			dst = a.miss(places[i%len(places)], 128, absent, dst[:0])
		}
	})
	b.Run("sequential, for each page", func(b *testing.B) {
		var a ahead
		dst := make([]PageID, 0, 128)
		for p := PageID(0); b.Loop(); p++ {
			if len(dst) > 0 && p <= dst[len(dst)-1] {
				continue
			}
			dst = a.miss(p, 128, absent, dst[:0])
		}
	})
	b.Run("dropped", func(b *testing.B) {
		var a ahead
		for p := range PageID(1000) {
			a.miss(p%8*5000+p/8, 128, absent, nil)
		}
		for p := PageID(0); b.Loop(); p++ {
			a.dropped(p & 0xffff)
		}
	})
}
