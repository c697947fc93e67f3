//go:build rdma

package rdma

import (
	"bytes"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/diff"
	"jiajia/core/event"
	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

func directMaker(spin time.Duration) nodetest.MakeDirect {
	return func(t testing.TB, handlers []node.Handler, memory []nodetest.Memory) (r []node.Transport) {
		for _, tr := range start(t, handlers, func(o *Options) { o.Memory, o.Spin = memory[o.Self].Bytes, spin }) {
			tr.freeRuns = 1 << 20 // the suite wants every write to be done so
			r = append(r, tr)
		}
		return r
	}
}

func TestDirect(t *testing.T) { nodetest.RunDirect(t, directMaker(0)) }

func TestDirectSpinning(t *testing.T) { nodetest.RunDirect(t, directMaker(30*time.Microsecond)) }

// TestExtents publishes pages in several ways, and looks at what is registered for that.
func TestExtents(t *testing.T) {
	const pages = 2*slabPages + 100
	at := devices(t)
	spans := func(each func(yield func(node.Span))) (list []node.Span) {
		each(func(s node.Span) { list = append(list, s) })
		return list
	}
	for _, c := range []struct {
		name  string
		calls [][]node.Span
		want  []extent // what is covered, with extents that adjoin taken together
		most  int      // extents
	}{
		{name: "all at once", calls: [][]node.Span{{{Page: 0, Count: pages}}}, want: []extent{{first: 0, count: pages}}, most: 3},
		{name: "the hull of cyclic homes", calls: [][]node.Span{spans(func(yield func(node.Span)) {
			for p := wire.PageID(10); p < 1000; p += 3 {
				yield(node.Span{Page: p, Count: 1})
			}
		})}, want: []extent{{first: 10, count: 988}}, most: 1},
		{name: "out of order", calls: [][]node.Span{{{Page: 50, Count: 5}, {Page: 5000, Count: 1}, {Page: 7, Count: 1}}},
			want: []extent{{first: 7, count: 48}, {first: 5000, count: 1}}, most: 2},
		{name: "around what is there", calls: [][]node.Span{{{Page: 100, Count: 100}}, {{Page: 50, Count: 300}}, {{Page: 100, Count: 5}}},
			want: []extent{{first: 50, count: 300}}, most: 3},
		{name: "beyond the end", calls: [][]node.Span{{{Page: pages - 1, Count: 10}}, {{Page: pages + 5, Count: 1}}},
			want: []extent{{first: pages - 1, count: 1}}, most: 1},
		{name: "nothing", calls: [][]node.Span{nil, {{Page: 5}}}},
	} {
		t.Run(c.name, func(t *testing.T) { checkExtents(t, at, pages, c.calls, c.want, c.most) })
	}
	var small [][]node.Span
	for p := wire.PageID(0); p < 2000; p++ {
		small = append(small, []node.Span{{Page: p, Count: 1}})
	}
	t.Run("many small ones", func(t *testing.T) { checkExtents(t, at, pages, small, []extent{{first: 0, count: 2048}}, 12) })
}

func checkExtents(t *testing.T, at []netip.Addr, pages int, calls [][]node.Span, want []extent, most int) {
	o := options(0, 2, deaf{}, at)
	o.Memory = shared(t, pages*nodetest.PageSize)
	tr := New(o)
	defer tr.Close()
	if card, why := tr.Card(); card == "" {
		t.Fatal(why)
	}
	for _, home := range calls {
		if err := tr.Publish(home); err != nil {
			t.Fatal(err)
		}
	}
	var got []extent // those that adjoin taken together
	for _, e := range tr.exports.list {
		switch n := len(got); {
		case n > 0 && e.first < got[n-1].end():
			t.Fatalf("%+v overlaps %+v", e.extent, got[n-1])
		case n > 0 && e.first == got[n-1].end():
			got[n-1].count += e.count
		default:
			got = append(got, extent{first: e.first, count: e.count})
		}
		if e.first/slabPages != (e.end()-1)/slabPages {
			t.Errorf("%+v is in two slabs", e.extent)
		}
	}
	if !slices.Equal(got, want) || len(tr.exports.list) > most {
		t.Errorf("%d extents of %+v, not at most %d of %+v", len(tr.exports.list), got, most, want)
	}
}

// TestLockedMemoryRefused: a home that may lock no more memory says so once, and its pages are to be asked for; when it may again,
// what it publishes is found.
func TestLockedMemoryRefused(t *testing.T) {
	const pages = 64
	var log bytes.Buffer
	var logs sync.Mutex
	memory := shared(t, pages*nodetest.PageSize)
	ts := start(t, []node.Handler{deaf{}, deaf{}}, func(o *Options) {
		if o.Self == 0 {
			o.Memory = memory
			o.Log = event.NewTo(event.Warn, 0, func(line []byte) {
				logs.Lock()
				defer logs.Unlock()
				log.Write(line)
			})
		}
	})
	for _, tr := range ts {
		defer tr.Close()
	}
	box, err := ts[1].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		lockNothing(t, func() {
			if err := ts[0].Publish([]node.Span{{Page: 0, Count: pages}}); err != nil {
				t.Error(err)
			}
		})
	}
	frame := make([]byte, nodetest.PageSize)
	stream, _ := diff.AppendRecord(nil, 1, slices.Repeat([]byte{1}, nodetest.PageSize), make([]byte, nodetest.PageSize))
	for range 10 {
		if ok, err := box.Read(0, []wire.PageID{1}, [][]byte{frame}); ok || err != nil {
			t.Fatalf("read: %v, %v", ok, err)
		}
		if ok, err := box.Write(0, stream); ok || err != nil {
			t.Fatalf("write: %v, %v", ok, err)
		}
	}
	logs.Lock()
	said := log.String()
	logs.Unlock()
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "ulimit -l") {
		t.Errorf("the log says: %s", said)
	}
	t.Log(said)
	if err := ts[0].Publish([]node.Span{{Page: 0, Count: pages}}); err != nil {
		t.Fatal(err)
	}
	memory[nodetest.PageSize] = 77
	reads := 0
	for ok := false; !ok; reads++ {
		if ok, err = box.Read(0, []wire.PageID{1}, [][]byte{frame}); err != nil || reads > mostPause {
			t.Fatalf("%d reads in vain: %v", reads, err)
		}
	}
	if frame[0] != 77 {
		t.Error("another page was read")
	}
}

// lockNothing calls f in a thread that may lock no more memory.
func lockNothing(t *testing.T, f func()) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit)
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread() // and the thread ends with the goroutine
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		if err := unix.Capget(&head, &caps[0]); err != nil {
			t.Error(err)
			return
		}
		caps[0].Effective &^= 1 << unix.CAP_IPC_LOCK
		if err := unix.Capset(&head, &caps[0]); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// TestFewRuns: changes that would take too many writes are left to a message, and none of them is stored.
func TestFewRuns(t *testing.T) {
	memory := shared(t, 4*nodetest.PageSize)
	ts := start(t, []node.Handler{deaf{}, deaf{}}, func(o *Options) { o.Memory = memory })
	for _, tr := range ts {
		defer tr.Close()
	}
	if err := ts[0].Publish([]node.Span{{Page: 0, Count: 4}}); err != nil {
		t.Fatal(err)
	}
	box, err := ts[1].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	page, twin := make([]byte, nodetest.PageSize), make([]byte, nodetest.PageSize)
	refused := false
	for runs := 1; runs <= 2*freeRuns; runs++ {
		before := bytes.Clone(page)
		page[runs*100] = byte(runs)
		stream, _ := diff.AppendRecord(nil, 2, page, twin)
		ok, err := box.Write(0, stream)
		if want := runs <= freeRuns+len(stream)/bytesPerRun; ok != want || err != nil {
			t.Errorf("%d runs in %d bytes: %v, %v", runs, len(stream), ok, err)
		}
		if !ok {
			refused = true
			copy(page, before)
		}
	}
	if !refused || !bytes.Equal(memory[2*nodetest.PageSize:][:nodetest.PageSize], page) {
		t.Error("nothing was refused, or other bytes were written")
	}
}
