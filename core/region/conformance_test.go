package region_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// A load faults once and makes the page readable; the first store then faults once more.
func TestLoadThenStore(t *testing.T) {
	onBackends(t, 8, func(t *testing.T, h *host) {
		last := h.PageSize() - 1
		h.expectLoad(t, 3, last, 0)
		h.expectFaults(t, "first load", 1, 0)
		h.expectLoad(t, 3, 0, 0)
		h.expectFaults(t, "second load", 0, 0)
		regiontest.Store(h.addr(3)+uintptr(last), 7)
		h.expectFaults(t, "first store", 0, 1)
		regiontest.Store(h.addr(3), 8)
		h.expectFaults(t, "second store", 0, 0)
		if f := h.Frame(3); f[last] != 7 || f[0] != 8 {
			t.Errorf("the frame has %d and %d, want 7 and 8", f[last], f[0])
		}
		regiontest.Store(h.addr(4), 9)
		h.expectFaults(t, "store to a page never used", 0, 1)
		h.expectLoad(t, 4, 0, 9)
		h.expectFaults(t, "load after a store", 0, 0)
	})
}

// Bytes that arrive through the service view are there when the page is mapped, and later ones need no new mapping.
func TestServiceViewIsTheSameMemory(t *testing.T) {
	onBackends(t, 8, func(t *testing.T, h *host) {
		h.Frame(2)[5] = 55
		must(t, h.Map(2, 1, region.ReadOnly))
		h.expectLoad(t, 2, 5, 55)
		h.Frame(2)[5] = 56
		h.expectLoad(t, 2, 5, 56)
		h.expectFaults(t, "loads of a mapped page", 0, 0)
		regiontest.Store(h.addr(2)+6, 66)
		h.expectFaults(t, "store to a read-only page", 0, 1)
		if h.Frame(2)[6] != 66 {
			t.Error("the program's store is not in the frame")
		}
	})
}

func TestUnmapKeepsContentAndDiscardDoesNot(t *testing.T) {
	onBackends(t, 8, func(t *testing.T, h *host) {
		regiontest.Store(h.addr(1), 11)
		must(t, h.Unmap(0, 8))
		h.faults()
		h.expectLoad(t, 1, 0, 11)
		h.expectFaults(t, "load after Unmap", 1, 0)
		must(t, h.Discard(0, 8))
		h.expectLoad(t, 1, 0, 0)
		h.expectFaults(t, "load after Discard", 1, 0)
	})
}

func TestProtectRaisesNothing(t *testing.T) {
	onBackends(t, 8, func(t *testing.T, h *host) {
		must(t, h.Map(1, 1, region.ReadWrite))
		must(t, h.Map(2, 1, region.ReadOnly))
		must(t, h.Map(4, 2, region.ReadWrite))
		must(t, h.Protect(0, 8))
		h.expectLoad(t, 1, 0, 0)
		h.expectLoad(t, 2, 0, 0)
		h.expectLoad(t, 5, 0, 0)
		h.expectFaults(t, "loads of protected pages", 0, 0)
		for _, page := range []uint64{1, 2, 4, 5} {
			regiontest.Store(h.addr(page), 1)
		}
		h.expectFaults(t, "stores to protected pages", 0, 4)
		h.expectLoad(t, 3, 0, 0)
		h.expectFaults(t, "load of a page that was not mapped", 1, 0)
	})
}

// Fresh runs may contain frames that exist: received but never mapped, mapped read-only, and mapped once but revoked.
func TestMapFreshKeepsWhatIsThere(t *testing.T) {
	onBackends(t, 32, func(t *testing.T, h *host) {
		h.Frame(3)[0] = 3
		must(t, h.Map(5, 2, region.ReadOnly))
		h.Frame(6)[0] = 6
		regiontest.Store(h.addr(9), 9)
		must(t, h.Unmap(9, 1))
		h.Frame(31)[h.PageSize()-1] = 31
		h.faults()
		must(t, h.MapFresh(0, 32))
		want := map[uint64]byte{3: 3, 6: 6, 9: 9}
		for page := range uint64(32) {
			h.expectLoad(t, page, 0, want[page])
			regiontest.Store(h.addr(page)+1, byte(page))
		}
		h.expectLoad(t, 31, h.PageSize()-1, 31)
		h.expectFaults(t, "everything in the run", 0, 0)
	})
}

// Frames that others have written before the first use here are mapped like fresh ones, at whatever place of a run they are.
func TestMapFreshOfFramesThatOthersMade(t *testing.T) {
	onBackends(t, 128, func(t *testing.T, h *host) {
		peer, err := unix.Mmap(h.Fd(), 0, 128*h.PageSize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		must(t, err)
		defer unix.Munmap(peer)
		for page := range 128 {
			if page < 64 || page%3 == 0 {
				peer[page*h.PageSize()] = byte(page + 1)
			}
		}
		must(t, h.MapFresh(0, 64))
		must(t, h.MapFresh(64, 64))
		for page := range uint64(128) {
			want := byte(0)
			if page < 64 || page%3 == 0 {
				want = byte(page + 1)
			}
			h.expectLoad(t, page, 0, want)
			regiontest.Store(h.addr(page)+1, byte(page))
			if got := peer[int(page)*h.PageSize()+1]; got != byte(page) {
				t.Errorf("a store to page %d is %d for the peer", page, got)
			}
		}
		h.expectFaults(t, "everything in the runs", 0, 0)
	})
}

// Store makes frames, replaces the content of others, and what is mapped shows it.
func TestStore(t *testing.T) {
	onBackends(t, 32, func(t *testing.T, h *host) {
		bytes := make([]byte, 8*h.PageSize())
		fill := func(value byte) {
			for i := range bytes {
				bytes[i] = value + byte(i/h.PageSize())
			}
		}
		must(t, h.Map(6, 2, region.ReadOnly))
		h.Frame(12)[0] = 99
		for page, want := range map[uint64]bool{5: false, 6: true, 7: true, 8: false, 12: false} {
			if h.Known(page) != want {
				t.Errorf("the frame of page %d is known: %v", page, !want)
			}
		}
		fill(1)
		must(t, h.Store(5, bytes))
		must(t, h.Map(5, 8, region.ReadOnly))
		for i := range uint64(8) {
			h.expectLoad(t, 5+i, 0, 1+byte(i))
			h.expectLoad(t, 5+i, h.PageSize()-1, 1+byte(i))
			if !h.Known(5 + i) {
				t.Errorf("the frame of page %d is not known", 5+i)
			}
		}
		fill(51)
		must(t, h.Store(5, bytes[:h.PageSize()]))
		h.expectLoad(t, 5, 0, 51)
		h.expectLoad(t, 6, 0, 2)
		h.expectLoad(t, 4, 0, 0)
		must(t, h.Discard(5, 8))
		if h.Known(5) || h.Known(12) {
			t.Error("a discarded frame is known")
		}
	})
}

// Map of a run works whatever each page's state was before.
func TestMapMixedRun(t *testing.T) {
	for _, access := range []region.Access{region.ReadOnly, region.ReadWrite} {
		onBackends(t, 8, func(t *testing.T, h *host) {
			must(t, h.Map(1, 2, region.ReadOnly))
			must(t, h.MapFresh(4, 2))
			h.Frame(7)[0] = 7
			must(t, h.Map(0, 8, access))
			for page := range uint64(8) {
				h.expectLoad(t, page, 1, 0)
			}
			h.expectLoad(t, 7, 0, 7)
			h.expectFaults(t, "loads", 0, 0)
			for page := range uint64(8) {
				regiontest.Store(h.addr(page), 1)
			}
			if access == region.ReadWrite {
				h.expectFaults(t, "stores", 0, 0)
			} else {
				h.expectFaults(t, "stores", 0, 8)
			}
		})
	}
}

// awaitStores returns when the storer is storing without faults: any fault it was waiting in is over.
func awaitStores(s regiontest.Storer) {
	for start := s.Count(); s.Count() < start+10; {
		runtime.Gosched()
	}
}

// Once Protect has returned, a thread that stores without a pause is stopped at a fault: the frame does not change any more.
func TestProtectStopsAWriter(t *testing.T) {
	onBackends(t, 2, func(t *testing.T, h *host) {
		s := regiontest.StartStorer(h.addr(1))
		word := func() uint64 { return atomic.LoadUint64((*uint64)(wordOf(h.Frame(1)))) }
		for range 50 {
			awaitStores(s)
			h.mu.Lock()
			entered := h.entered.Load()
			must(t, h.Protect(1, 1))
			atReturn := word()
			for h.entered.Load() == entered { // the fault waits for our mutex
				runtime.Gosched()
			}
			if now := word(); now != atReturn {
				t.Errorf("the frame went from %d to %d after Protect", atReturn, now)
			}
			h.mu.Unlock()
		}
		if last, now := s.Stop(), word(); now != last {
			t.Errorf("the last store was %d, but the frame has %d", last, now)
		}
	})
}

// The same for Unmap, which also must not lose the last store.
func TestUnmapStopsAWriter(t *testing.T) {
	onBackends(t, 2, func(t *testing.T, h *host) {
		s := regiontest.StartStorer(h.addr(1))
		for range 50 {
			awaitStores(s)
			h.mu.Lock()
			entered := h.entered.Load()
			must(t, h.Unmap(1, 1))
			for h.entered.Load() == entered {
				runtime.Gosched()
			}
			if got, want := binary.NativeEndian.Uint64(h.Frame(1)), s.Count(); got != want {
				t.Errorf("the frame has %d, but the last store was %d", got, want)
			}
			h.mu.Unlock()
		}
		s.Stop()
	})
}

// Threads that never called Go fault on the same pages at once, on all kinds of stacks, while the garbage collector runs
// all the time and each fault takes another page away. No store is lost and every thread finishes.
func TestThreadsFaultDuringCollections(t *testing.T) {
	const pages, threads, laps = 64, 6, 10
	for _, stack := range []struct {
		name string
		kind regiontest.Stack
	}{
		{"thread stack", regiontest.NoStack},
		{"alternate stack", regiontest.AltStack},
		{"autodisarm stack", regiontest.AutodisarmStack},
	} {
		t.Run(stack.name, func(t *testing.T) {
			onBackends(t, pages, func(t *testing.T, h *host) {
				h.cramped = true
				stop := make(chan struct{})
				var storm sync.WaitGroup
				storm.Go(func() {
					for running(stop) {
						runtime.GC()
					}
				})
				storm.Go(func() {
					for page := uint64(0); running(stop); page = (page + 1) % pages {
						h.mu.Lock()
						err := h.Protect(page, min(4, pages-page))
						h.mu.Unlock()
						if err != nil {
							t.Error(err)
						}
						runtime.Gosched()
					}
				})
				if err := regiontest.Walk(base, pages, h.PageSize(), threads, laps, stack.kind); err != nil {
					t.Error(err)
				}
				close(stop)
				storm.Wait()
				reads, writes := h.faults()
				if reads+writes < pages*laps {
					t.Errorf("only %d load and %d store faults", reads, writes)
				}
				t.Logf("%d load and %d store faults", reads, writes)
				for page := range uint64(pages) {
					for thread, got := range h.Frame(page)[:threads] {
						if got != laps {
							t.Errorf("page %d: thread %d added %d, want %d", page, thread, got, laps)
						}
					}
				}
			})
		})
	}
}

// The first fault of a thread is also the first time that Go meets it, and Go then lets its preemption signal in. Here Go
// computes in that very call and is preempted by collections; the thread's own alternate stack must not be hit.
func TestPreemptionDuringTheFirstFaultOfAThread(t *testing.T) {
	onBackends(t, 2, func(t *testing.T, h *host) {
		h.cramped, h.busy = true, 400_000
		stop := make(chan struct{})
		var storm sync.WaitGroup
		storm.Go(func() {
			for running(stop) {
				runtime.GC()
			}
		})
		for range 8 {
			if err := regiontest.Walk(base, 2, h.PageSize(), 16, 1, regiontest.AltStack); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		storm.Wait()
	})
}

func running(stop chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

func TestFaultsDoNotAllocate(t *testing.T) {
	if sanitized {
		t.Skip("the sanitizers allocate")
	}
	onBackends(t, 2, func(t *testing.T, h *host) {
		allocs := testing.AllocsPerRun(100, func() {
			must(t, h.Unmap(1, 1))
			regiontest.Load(h.addr(1))
			regiontest.Store(h.addr(1), 1)
			must(t, h.Protect(1, 1))
			regiontest.Store(h.addr(1), 1)
		})
		if allocs != 0 {
			t.Errorf("%v allocations a round", allocs)
		}
	})
}

func TestFaultKeepsErrnoAndMask(t *testing.T) {
	onBackends(t, 2, func(t *testing.T, h *host) {
		must(t, regiontest.KeepsSignalState(h.addr(1)))
	})
}

// Alternating access to many more pages than the kernel allows mappings.
func TestAlternatingPagesBeyondTheMappingLimit(t *testing.T) {
	const pages = 150_000 // 75,000 are mapped, each a mapping of its own; the usual limit is 65,530
	for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
		t.Run(string(mode), func(t *testing.T) {
			h := openHost(t, mode, pages, 4096)
			for page := uint64(0); page < pages; page += 2 {
				regiontest.Store(h.addr(page), byte(page))
			}
			h.expectFaults(t, "stores", 0, pages/2)
			for page := uint64(0); page < pages; page += 2 {
				if got := regiontest.Load(h.addr(page)); got != byte(page) {
					t.Fatalf("page %d reads %d", page, got)
				}
			}
			must(t, h.Discard(0, pages))
		})
	}
}

// A forked child dies of SIGSEGV on shared memory; it must neither read it nor run the protocol.
func TestForkedChildCrashes(t *testing.T) {
	onBackends(t, 2, func(t *testing.T, h *host) {
		regiontest.Store(h.addr(1), 1)
		h.faults()
		if status := regiontest.ForkAndLoad(h.addr(1)); !status.Signaled() || status.Signal() != syscall.SIGSEGV {
			t.Errorf("the child ended with status %#x, want SIGSEGV", int(status))
		}
		h.expectFaults(t, "the parent", 0, 0)
	})
}

// Random operations against a model of three states a page. Without memory pressure no mapping is lost, so the model is exact.
func TestRandomOperations(t *testing.T) {
	const pages = 12
	onBackends(t, pages, func(t *testing.T, h *host) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		var access [pages]region.Access
		var content [pages]byte
		set := func(page, n uint64, a region.Access) {
			for i := page; i < page+n; i++ {
				access[i] = a
			}
		}
		for step := range 2000 {
			page := rng.Uint64N(pages)
			n := 1 + rng.Uint64N(pages-page)
			value := byte(rng.Uint32())
			switch rng.IntN(9) {
			case 0:
				must(t, h.Map(page, n, region.ReadOnly))
				set(page, n, region.ReadOnly)
			case 1:
				must(t, h.Map(page, n, region.ReadWrite))
				set(page, n, region.ReadWrite)
			case 2:
				must(t, h.MapFresh(page, n))
				set(page, n, region.ReadWrite)
			case 3:
				must(t, h.Protect(page, n))
				for i := page; i < page+n; i++ {
					access[i] = min(access[i], region.ReadOnly)
				}
			case 4:
				must(t, h.Unmap(page, n))
				set(page, n, region.None)
			case 5:
				must(t, h.Discard(page, n))
				set(page, n, region.None)
				clear(content[page : page+n])
			case 6:
				h.Frame(page)[0], content[page] = value, value
			case 7:
				h.expectLoad(t, page, 0, content[page])
				wantReads := int64(0)
				if access[page] == region.None {
					wantReads, access[page] = 1, region.ReadOnly
				}
				h.expectFaults(t, "load", wantReads, 0)
			case 8:
				regiontest.Store(h.addr(page), value)
				content[page] = value
				wantWrites := int64(0)
				if access[page] != region.ReadWrite {
					wantWrites, access[page] = 1, region.ReadWrite
				}
				h.expectFaults(t, "store", 0, wantWrites)
			}
			if t.Failed() {
				t.Fatalf("at step %d", step)
			}
		}
	})
}
