package core

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/wire"
)

// homes makes one allocation on so many hosts, with pages of 64 bytes, and lists the homes of its pages.
func homes(t *testing.T, hosts int, call AllocCall, args ...uint64) (list []HostID) {
	t.Helper()
	m := New(Config{Self: 0, Hosts: hosts, Pages: 1000, PageSize: 64})
	if _, err := m.Alloc(CallAlloc1, 64); err != nil { // not at the region's beginning
		t.Fatal(err)
	}
	first, err := m.Alloc(call, args...)
	if err != nil {
		t.Fatal(err)
	}
	for p := first; p < m.allocated; p++ {
		h, ok := m.Home(p)
		if !ok {
			t.Fatalf("page %d has no home", p)
		}
		list = append(list, h)
	}
	return list
}

func TestHomes(t *testing.T) {
	for _, c := range []struct {
		name  string
		hosts int
		call  AllocCall
		args  []uint64
		want  []HostID
	}{
		{"jia_alloc deals single pages, beginning with host 0", 3, CallAlloc, []uint64{5 * 64}, []HostID{0, 1, 2, 0, 1}},
		{"a size is rounded up to pages", 2, CallAlloc, []uint64{65}, []HostID{0, 1}},
		{"no size is one page", 2, CallAlloc, []uint64{0}, []HostID{0}},
		{"jia_alloc1 is all on host 0", 3, CallAlloc1, []uint64{3 * 64}, []HostID{0, 0, 0}},
		{"jia_alloc2 deals blocks", 2, CallAlloc2, []uint64{5 * 64, 128}, []HostID{0, 0, 1, 1, 0}},
		{"a block is rounded up to pages", 2, CallAlloc2, []uint64{4 * 64, 65}, []HostID{0, 0, 1, 1}},
		{"jia_alloc2p is all on one host", 3, CallAlloc2p, []uint64{128, 2}, []HostID{2, 2}},
		{"jia_alloc3 begins with any host", 3, CallAlloc3, []uint64{5 * 64, 64, 1}, []HostID{1, 2, 0, 1, 2}},
		{"jia_alloc4 gives lap i blocks[i mod n]", 2, CallAlloc4, []uint64{9 * 64, 1, 64, 128}, []HostID{1, 0, 1, 1, 0, 0, 1, 0, 1}},
		{"jia_alloc_array gives host i array[i] bytes, over and over", 3, CallAllocArray, []uint64{8 * 64, 128, 0, 64}, []HostID{0, 0, 2, 0, 0, 2, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, homes(t, c.hosts, c.call, c.args...)); diff != "" {
				t.Errorf("homes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRandomAllocationsFallOnAllHostsAndTheSameOnAll(t *testing.T) {
	var drawn [4][]HostID
	for self := range drawn {
		m := New(Config{Self: HostID(self), Hosts: 4, Pages: 1000, PageSize: 64})
		for range 50 {
			p, err := m.Alloc(CallAllocRandom, 2*64)
			if err != nil {
				t.Fatal(err)
			}
			h, _ := m.Home(p)
			if again, _ := m.Home(p + 1); again != h {
				t.Fatalf("one allocation lies on hosts %d and %d", h, again)
			}
			drawn[self] = append(drawn[self], h)
		}
	}
	seen := map[HostID]bool{}
	for _, h := range drawn[0] {
		seen[h] = true
	}
	if len(seen) != 4 {
		t.Errorf("50 allocations fell on %d of 4 hosts", len(seen))
	}
	for self := 1; self < 4; self++ {
		if diff := cmp.Diff(drawn[0], drawn[self]); diff != "" {
			t.Errorf("hosts 0 and %d differ:\n%s", self, diff)
		}
	}
}

func TestAllocationsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name string
		call AllocCall
		args []uint64
		says string
	}{
		{"more than is reserved", CallAlloc, []uint64{101 * 64}, "raise JIA_REGION_SIZE"},
		{"more than there are numbers for", CallAlloc, []uint64{1<<63 - 1}, "raise JIA_REGION_SIZE"},
		{"a negative size", CallAlloc, []uint64{^uint64(0)}, "jia_alloc(-1): -1 bytes"},
		{"a negative block", CallAlloc3, []uint64{64, ^uint64(4), 0}, "a block of -5 bytes"},
		{"a host that is not there", CallAlloc2p, []uint64{64, 2}, "host 2 does not exist"},
		{"a negative host", CallAlloc3, []uint64{64, 64, ^uint64(0)}, "host -1 does not exist"},
		{"no blocks", CallAlloc4, []uint64{64, 0}, "no block"},
		{"more shares than hosts", CallAllocArray, []uint64{64, 64, 64, 64}, "3 shares for 2 hosts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New(Config{Self: 0, Hosts: 2, Pages: 100, PageSize: 64})
			_, err := m.Alloc(c.call, c.args...)
			var m2 *Misuse
			if !errors.As(err, &m2) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

// TestAllocationsDuringABarrier: what another thread allocates while its host is in a barrier is compared at the next one,
// whatever has been heard of the other host by then.
func TestAllocationsDuringABarrier(t *testing.T) {
	const w, owner = Waiter(1), Owner(1)
	m := [2]*Machine{}
	for i := range m {
		m[i] = New(Config{Self: HostID(i), Hosts: 2, Pages: 100, PageSize: 64})
	}
	alloc := func(i int, size uint64) {
		t.Helper()
		if _, err := m[i].Alloc(CallAlloc, size); err != nil {
			t.Fatal(err)
		}
	}
	// barrier passes both hosts through a barrier and returns what they say of it.
	barrier := func(during func()) error {
		t.Helper()
		var sent [2]wire.Message
		var fx Effects
		for i := range m {
			if st, err := m[i].Barrier(w, owner, wire.KindBarrier, &fx); st != Await || err != nil {
				t.Fatal(st, err)
			}
			sent[i] = fx.Msgs[0]
			sent[i].From = HostID(i)
			fx.Reset()
		}
		during()
		var errs [2]error
		for i := range m {
			if err := m[i].Handle(&sent[1-i], &fx); err != nil {
				t.Fatal(err)
			}
			var st Status
			if st, errs[i] = m[i].Resume(w, &fx); errs[i] == nil && st != Done {
				t.Fatal(st)
			}
			fx.Reset()
		}
		return errors.Join(errs[:]...)
	}
	for range 3 {
		if err := barrier(func() { alloc(0, 100); alloc(1, 100); alloc(0, 7); alloc(1, 7) }); err != nil {
			t.Fatal(err)
		}
	}
	alloc(0, 8)
	alloc(1, 8)
	if err := barrier(func() { alloc(0, 64) }); err != nil {
		t.Fatal(err)
	}
	alloc(1, 65)
	err := barrier(func() {})
	const words = "allocation number 8 host 0 called jia_alloc(64), host 1 called jia_alloc(65)"
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v, which does not say %q", err, words)
	}
}
