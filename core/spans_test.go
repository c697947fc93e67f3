package core

import (
	"math/rand/v2"
	"testing"
)

// The spans of all hosts are the allocation, each page in that of its home.
func TestHomeSpansCoverEachAllocationOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for hosts := 1; hosts <= 5; hosts++ {
		var ms []*Machine
		for i := range hosts {
			ms = append(ms, New(Config{Self: HostID(i), Hosts: hosts, Pages: 1 << 30, PageSize: 64}))
		}
		for range 200 {
			size := 1 + rng.Uint64N(5000)
			call := AllocCall(rng.IntN(int(CallAllocRandom) + 1))
			args := map[AllocCall][]uint64{
				CallAlloc2: {1 + rng.Uint64N(700)}, CallAlloc2p: {rng.Uint64N(uint64(hosts))}, CallAlloc3: {1 + rng.Uint64N(700), rng.Uint64N(uint64(hosts))},
				CallAlloc4: {rng.Uint64N(uint64(hosts)), 1 + rng.Uint64N(300), rng.Uint64N(300)}, CallAllocArray: {1 + rng.Uint64N(900)},
			}[call]
			var first PageID
			homes := make(map[PageID]HostID)
			for _, m := range ms {
				var err error
				if first, err = m.Alloc(call, append([]uint64{size}, args...)...); err != nil {
					t.Fatal(err)
				}
				last := PageID(0)
				for _, s := range m.HomeSpans(nil) {
					if s.Page < last || s.Count == 0 {
						t.Fatalf("%s: spans of host %d are out of order or not joined", allocNames[call], m.cfg.Self)
					}
					last = s.Page + PageID(s.Count) + 1
					for i := range s.Count {
						homes[s.Page+PageID(i)] = m.cfg.Self
					}
				}
			}
			for p := first; p < ms[0].allocated; p++ {
				home, _ := ms[0].Home(p)
				if got, ok := homes[p]; !ok || got != home {
					t.Fatalf("%s: page %d of %d hosts is homed at %d and in a span of host %d (%v)", allocNames[call], p-first, hosts, home, got, ok)
				}
				delete(homes, p)
			}
			if len(homes) > 0 {
				t.Fatalf("%s: spans hold pages beyond the allocation", allocNames[call])
			}
		}
	}
}

// A large allocation of single pages makes no longer list than others, in no longer time.
func TestHomeSpansOfManySinglePages(t *testing.T) {
	m := New(Config{Self: 1, Hosts: 2, Pages: 1 << 40, PageSize: 4096})
	if _, err := m.Alloc(CallAlloc, 1<<44); err != nil {
		t.Fatal(err)
	}
	if s := m.HomeSpans(nil); len(s) != 1 || s[0] != (Span{1, 1<<32 - 1}) {
		t.Errorf("%d spans, the first one %+v", len(s), s[0])
	}
}
