package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An allocator makes the calls of a program on a machine.
type allocator func(m *Machine) (PageID, error)

// byCall and byAttr are the two kinds of calls.
func byCall(call AllocCall, args ...uint64) allocator {
	return func(m *Machine) (PageID, error) { return m.Alloc(call, args...) }
}

func byAttr(size uint64, a Attr) allocator {
	return func(m *Machine) (PageID, error) { return m.AllocAttr(size, &a) }
}

// everyCall is a program of 4 hosts that allocates in every way.
var everyCall = []allocator{
	byCall(CallAlloc, 5*64),
	byCall(CallAlloc1, 2*64),
	byCall(CallAllocRandom, 2*64),
	byCall(CallAlloc2, 9*64, 128),
	byCall(CallAlloc2p, 3*64, 3),
	byCall(CallAlloc3, 8*64, 64, 2),
	byCall(CallAlloc4, 20*64, 3, 64, 0, 128),
	byCall(CallAllocArray, 12*64, 128, 0, 64, 64),
	byCall(CallAllocRandom, 64),
	byAttr(7*64, Attr{Block: 128, Host: 3, Alignment: 1024, Name: "aligned"}),
	byAttr(9*64, Attr{Placement: Blocks, Host: 1}),
	byAttr(3*64, Attr{Placement: OneHost, Host: 3}),
	byAttr(9*64, Attr{Placement: Listed, Sizes: []uint64{64, 128, 0}, Hosts: []uint64{3, 0, 1}, Name: "list"}),
	byAttr(9*64, Attr{Placement: Listed, Host: 1, Sizes: []uint64{64, 65}}),
	byAttr(6*64, Attr{Placement: FirstTouch, Host: 2}),
	byCall(CallAlloc, 0),
}

func machineOf(hosts int) *Machine {
	return New(Config{Hosts: hosts, Pages: 1000, PageSize: 64, Base: 1 << 20})
}

// allocate makes the calls and returns the pages.
func allocate(t *testing.T, m *Machine, calls []allocator) (pages []PageID) {
	t.Helper()
	for i, call := range calls {
		p, err := call(m)
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		pages = append(pages, p)
	}
	return pages
}

// passBarrier has the machine believe that a barrier has compared its calls, and taken these allocations back.
func passBarrier(m *Machine, freed ...PageID) {
	for _, p := range freed {
		e := m.extentOf(p)
		m.freed = append(m.freed, e)
		m.called(CallFree, p, []uint64{m.address(p)})
	}
	m.newAllocs = nil
	m.bar.frees = len(m.freed)
	if len(m.freed) > 0 {
		m.beginRecycle(&op{})
		m.recycle(&Effects{})
		m.recycled()
	}
}

// savedBy returns what a machine of 4 hosts saves that has made every call, with others between them that were freed.
func savedBy(t *testing.T) (*Machine, *Saved, []PageID) {
	t.Helper()
	m := machineOf(4)
	var pages, gone []PageID
	for i, call := range everyCall {
		pages = append(pages, allocate(t, m, []allocator{call})...)
		if i%3 == 1 {
			gone = append(gone, allocate(t, m, []allocator{byCall(CallAlloc, uint64(i)*100)})...)
		}
	}
	passBarrier(m, gone...)
	again := allocate(t, m, []allocator{byCall(CallAlloc1, 64)}) // in a gap
	passBarrier(m)
	st := m.Saved()
	text, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	read := new(Saved)
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&st, read); diff != "" {
		t.Fatalf("JSON changes what is saved (-before +after):\n%s", diff)
	}
	return m, read, append(pages, again...)
}

func TestRestoredCallsReturnTheOldPlaces(t *testing.T) {
	before, st, pages := savedBy(t)
	calls := append(append([]allocator{}, everyCall...), byCall(CallAlloc1, 64))
	for _, hosts := range []int{1, 2, 3, 4, 6, 8} {
		t.Run(fmt.Sprint(hosts, " hosts"), func(t *testing.T) {
			m := machineOf(hosts)
			if err := m.Restore(st); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(pages, allocate(t, m, calls)); diff != "" {
				t.Errorf("pages (-before +restored):\n%s", diff)
			}
			for p := PageID(0); p < before.allocated; p++ {
				old, was := before.Home(p)
				home, is := m.Home(p)
				if was != is || int(home) >= hosts || hosts == 4 && home != old {
					t.Errorf("page %d was at %d (%v), is at %d (%v)", p, old, was, home, is)
				}
			}
			passBarrier(m)
			if hosts == 4 {
				if diff := cmp.Diff(*st, m.Saved()); diff != "" {
					t.Errorf("what is saved changes (-before +restored):\n%s", diff)
				}
			}
			if err := m.Check(); err != nil {
				t.Error(err)
			}
			more := []allocator{byCall(CallAllocRandom, 64), byCall(CallAlloc, 64*7), byAttr(64, Attr{Alignment: 4096})}
			next := machineOf(4)
			if err := next.Restore(st); err != nil {
				t.Fatal(err)
			}
			allocate(t, next, calls)
			if diff := cmp.Diff(allocate(t, next, more), allocate(t, m, more)); diff != "" {
				t.Errorf("the next allocations (-of 4 hosts +here):\n%s", diff)
			}
			if m.random != next.random {
				t.Error("the generator of jia_alloc_random goes on elsewhere")
			}
		})
	}
}

// What was saved with 4 hosts is dealt out as the same calls deal it out with 3, where they may be made there.
func TestRestoredHomesAreThoseOfTheCalls(t *testing.T) {
	for _, call := range []allocator{everyCall[0], everyCall[1], everyCall[3], everyCall[5], byCall(CallAlloc4, 20*64, 1, 64, 0, 128), everyCall[10], everyCall[13]} {
		four, three, restored := machineOf(4), machineOf(3), machineOf(3)
		allocate(t, four, []allocator{call})
		allocate(t, three, []allocator{call})
		passBarrier(four)
		st := four.Saved()
		if err := restored.Restore(&st); err != nil {
			t.Fatal(err)
		}
		for p := PageID(0); p < four.allocated; p++ {
			a, _ := three.Home(p)
			if b, _ := restored.Home(p); a != b {
				t.Errorf("%+v: page %d is at %d and not %d", st.Allocs, p, b, a)
			}
		}
	}
}

func TestCallsThatTheCheckpointDoesNotHave(t *testing.T) {
	_, st, _ := savedBy(t)
	for _, c := range []struct {
		name  string
		hosts int
		calls []allocator
		says  string // "": they are taken
	}{
		{"another call", 4, []allocator{byCall(CallAlloc1, 5*64)}, "jia_alloc1(320), but the checkpoint has jia_alloc(320) next"},
		{"another size", 4, []allocator{byCall(CallAlloc, 6*64)}, "jia_alloc(384), but the checkpoint has jia_alloc(320) next"},
		{"another size on other hosts", 2, []allocator{byCall(CallAlloc, 6*64)}, "jia_alloc(320) next"},
		{"later", 4, []allocator{everyCall[0], everyCall[1], everyCall[3]}, "jia_alloc2(576, 128), but the checkpoint has jia_alloc_random(128) next after 2 others"},
		{"another host", 4, append(everyCall[:4:4], byCall(CallAlloc2p, 3*64, 2)), "jia_alloc2p(192, 2), but the checkpoint has jia_alloc2p(192, 3) next after 4 others"},
		{"another host on other hosts", 3, append(everyCall[:4:4], byCall(CallAlloc2p, 3*64, 2)), ""},
		{"the host of old on fewer", 2, append(everyCall[:4:4], byCall(CallAlloc2p, 3*64, 3)), ""},
		{"an attribute", 4, append(everyCall[:9:9], byAttr(7*64, Attr{Block: 64, Host: 3, Alignment: 1024})), "jia_alloc_attr(448, 0, 3, 64, 1024, 0), but"},
		{"another name", 4, append(everyCall[:9:9], byAttr(7*64, Attr{Block: 128, Host: 3, Alignment: 1024, Name: "new"})), ""},
		{"the attribute of old on fewer", 2, everyCall[:11], ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machineOf(c.hosts)
			if err := m.Restore(st); err != nil {
				t.Fatal(err)
			}
			var err error
			for _, call := range c.calls {
				if _, err = call(m); err != nil {
					break
				}
			}
			var mismatch *Mismatch
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// A program that names the hosts of its first run goes on naming them, on fewer, from one checkpoint to the next.
func TestRestoredOverAndOver(t *testing.T) {
	_, st, pages := savedBy(t)
	calls := append(append([]allocator{}, everyCall...), byCall(CallAlloc1, 64))
	for _, hosts := range []int{2, 2, 3, 1, 4} {
		m := machineOf(hosts)
		if err := m.Restore(st); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pages, allocate(t, m, calls)); diff != "" {
			t.Errorf("on %d hosts, pages (-before +restored):\n%s", hosts, diff)
		}
		passBarrier(m)
		next := m.Saved()
		st = &next
	}
}

// A checkpoint that is taken before the program has asked for everything has the rest, too, behind what it has asked for.
func TestSavedBeforeAllIsAskedFor(t *testing.T) {
	_, st, _ := savedBy(t)
	m := machineOf(4)
	if err := m.Restore(st); err != nil {
		t.Fatal(err)
	}
	allocate(t, m, everyCall[:6])
	passBarrier(m)
	if diff := cmp.Diff(*st, m.Saved()); diff != "" {
		t.Errorf("(-before +now):\n%s", diff)
	}
}

// Calls that no barrier has compared yet are not saved: another host may not have made them.
func TestSavedIsWhatABarrierHasCompared(t *testing.T) {
	m := machineOf(2)
	allocate(t, m, everyCall[:2])
	passBarrier(m)
	allocate(t, m, everyCall[2:3])
	if n := len(m.Saved().Allocs); n != 2 {
		t.Errorf("%d allocations", n)
	}
}

func TestWhatCannotBeRestored(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(st *Saved)
		says   string
	}{
		{"another page size", func(st *Saved) { st.PageSize = 128 }, "pages of 128 bytes, this run has pages of 64: set JIA_PAGE_SIZE=128"},
		{"no hosts", func(st *Saved) { st.Hosts = 0 }, "of 0 hosts"},
		{"beyond the region", func(st *Saved) { st.Allocs[0].Page = 999 }, "raise JIA_REGION_SIZE"},
		{"overlapping", func(st *Saved) { st.Allocs[1].Page = st.Allocs[0].Page }, "overlap"},
		{"another number of pages", func(st *Saved) { st.Allocs[0].Pages++ }, "6 pages by jia_alloc(320)"},
		{"no arguments", func(st *Saved) { st.Allocs[0].Args = nil }, "with 0 arguments"},
		{"too many arguments", func(st *Saved) { st.Allocs[0].Args = []uint64{320, 1} }, "with 2 arguments"},
		{"a list that is cut short", func(st *Saved) { st.Allocs[12].Args = st.Allocs[12].Args[:7] }, "with 7 arguments"},
		{"a list of fewer hosts", func(st *Saved) { st.Allocs[12].Args = st.Allocs[12].Args[:10] }, "3 blocks on 1 hosts"},
		{"a host that there was not", func(st *Saved) { st.Allocs[4].Args[1] = 1 << 16 }, "host 65536 does not exist"},
		{"a free", func(st *Saved) { st.Allocs[0].Call = CallFree }, "by call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, st, _ := savedBy(t)
			c.change(st)
			m := machineOf(4)
			err := m.Restore(st)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if len(m.extents) > 0 || m.allocated > 0 || len(m.restored) > 0 || m.random != machineOf(4).random {
				t.Error("the machine has changed")
			}
		})
	}
}

// FuzzSaved gives machines states from anywhere.
func FuzzSaved(f *testing.F) {
	m := machineOf(4)
	for _, call := range everyCall {
		if _, err := call(m); err != nil {
			f.Fatal(err)
		}
	}
	passBarrier(m)
	text, err := json.Marshal(m.Saved())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"hosts":2,"page_size":64,"allocations":[{"call":"jia_alloc","args":[64],"page":0,"pages":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var st Saved
		if len(text) > 1<<16 || json.Unmarshal(text, &st) != nil {
			return
		}
		m := machineOf(3)
		if m.Restore(&st) != nil {
			return
		}
		for p := PageID(0); p < m.allocated; p++ {
			if home, ok := m.Home(p); ok && (home < 0 || home >= 3) {
				t.Fatalf("page %d is at host %d", p, home)
			}
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	})
}
