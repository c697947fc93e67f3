package region_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// base is where the tests put their regions.
const base = region.DefaultBase

// host is the smallest user of a region: it grants every access that the program asks for, a page at a time.
type host struct {
	*region.Region
	mu     sync.Mutex // serialises changes of access
	reads  atomic.Int64
	writes atomic.Int64
	// entered counts faults before they wait for mu.
	entered atomic.Int64
	failed  atomic.Pointer[error] // first error of Map within a fault
	// cramped makes each fault allocate, and take access to another page away.
	cramped bool
	garbage []byte
	// busy makes each fault spend about as many nanoseconds in a loop that only a signal can preempt.
	busy int
}

func compute(loops int) (x uint64) {
	for range loops {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func (h *host) onFault(page uint64, write region.Write) bool {
	h.entered.Add(1)
	if h.busy > 0 && compute(h.busy) == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	access := region.ReadWrite
	if write == region.No {
		access = region.ReadOnly
		h.reads.Add(1)
	} else {
		h.writes.Add(1)
	}
	err := h.Map(page, 1, access)
	if err == nil && h.cramped {
		h.garbage = make([]byte, 1<<10)
		err = h.Unmap((page+h.Pages()/2)%h.Pages(), 1)
	}
	if err != nil {
		failure := err // on the heap only when there is one
		h.failed.CompareAndSwap(nil, &failure)
		return false
	}
	return true
}

// addr returns the address of the first byte of a page in the application view.
func (h *host) addr(page uint64) uintptr { return base + uintptr(page)*uintptr(h.PageSize()) }

// faults returns how many loads and stores have faulted since the last call.
func (h *host) faults() (reads, writes int64) { return h.reads.Swap(0), h.writes.Swap(0) }

func openHost(t testing.TB, mode region.Mode, pages uint64, pageSize int) *host {
	t.Helper()
	h := &host{}
	r, err := region.Open(region.Config{Size: pages * uint64(pageSize), PageSize: pageSize, Mode: mode, OnFault: h.onFault})
	if err != nil {
		if mode == region.Uffd && !uffdWorks() {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	h.Region = r
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := h.failed.Load(); err != nil {
			t.Error(*err)
		}
	})
	return h
}

// uffdWorks tells a host where userfaultfd is refused from a broken backend: there, auto falls back.
var uffdWorks = sync.OnceValue(func() bool {
	r, err := region.Open(region.Config{Size: 1 << 20, OnFault: func(uint64, region.Write) bool { return false }})
	return err == nil && errors.Join(r.Close()) == nil && r.Backend() == "uffd"
})

// onBackends runs a test on both backends, with pages of one and of several kernel pages.
func onBackends(t *testing.T, pages uint64, test func(t *testing.T, h *host)) {
	for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"4K", 4096}, {"12K", 3 * 4096}} {
			t.Run(string(mode)+"/"+size.name, func(t *testing.T) { test(t, openHost(t, mode, pages, size.bytes)) })
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expectFaults checks how many loads and stores have faulted since it was last asked.
func (h *host) expectFaults(t testing.TB, what string, reads, writes int64) {
	t.Helper()
	if r, w := h.faults(); r != reads || w != writes {
		t.Errorf("%s: %d load and %d store faults, want %d and %d", what, r, w, reads, writes)
	}
}

// expectLoad checks the value that the program sees.
func (h *host) expectLoad(t testing.TB, page uint64, offset int, want byte) {
	t.Helper()
	if got := regiontest.Load(h.addr(page) + uintptr(offset)); got != want {
		t.Errorf("the program loads %d from page %d+%d, want %d", got, page, offset, want)
	}
}
