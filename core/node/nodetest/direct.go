package nodetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/diff"
	"jiajia/core/node"
	"jiajia/core/wire"
)

// directPages is how many pages each host has in the tests of RunDirect.
const directPages = 600

// A Memory is the memory that a host offers to its peers: page p is at Bytes[p*PageSize:]. Bytes is a mapping of the file Fd.
type Memory struct {
	Fd    int // -1: the host offers none
	Bytes []byte
}

// page returns the bytes of a page.
func (m *Memory) page(p wire.PageID) []byte {
	return m.Bytes[p*PageSize:][:PageSize:PageSize]
}

// MakeDirect returns one started transport for each handler, joined into one job, of hosts with the given memory; the suite
// closes them.
type MakeDirect func(t testing.TB, handlers []node.Handler, memory []Memory) []node.Transport

// A far is a job of hosts that reach each other's memory.
type far struct {
	*Cluster
	mem []Memory
}

// RunDirect checks what a transport does without the processor of the home: Mailbox.Read, Mailbox.Write and Marked. Frames that
// pages are read into are in the memory of the host that reads.
func RunDirect(t *testing.T, mk MakeDirect) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, MakeDirect)
	}{
		{"pages are read", directReads},
		{"windows of pages are read", directWindows},
		{"pages never written are zero", directHoles},
		{"what was read is marked once", directMarks},
		{"a write beside a read is seen or marked", directRace},
		{"a host that offers nothing", directNothing},
		{"all hosts at once", directAll},
		{"neighbouring bytes", directNeighbours},
		{"a request after a write", directOrder},
		{"a read after an answer", directFresh},
		{"writes of any bytes", directWrites},
		{"pages beyond the memory", directBeyond},
		{"the end of a host", directEnds},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, mk) })
	}
}

// startFar makes n hosts, of which those in without offer no memory. All pages are published.
func startFar(t testing.TB, mk MakeDirect, n int, serve func(h *Host, m *wire.Message, body []byte), without ...wire.HostID) *far {
	t.Helper()
	f := &far{}
	for i := range n {
		m := Memory{Fd: -1}
		if !slices.Contains(without, wire.HostID(i)) {
			m = newMemory(t)
		}
		f.mem = append(f.mem, m)
	}
	f.Cluster = Start(t, func(t testing.TB, handlers []node.Handler) []node.Transport { return mk(t, handlers, f.mem) }, n, serve)
	for i, h := range f.Hosts {
		if f.mem[i].Fd >= 0 {
			h.must(h.Publish([]node.Span{{Page: 0, Count: 1}, {Page: 1, Count: directPages - 1}}))
		}
	}
	return f
}

// newMemory is for one test; it outlives the test's transports.
func newMemory(t testing.TB) Memory {
	t.Helper()
	fd, err := unix.MemfdCreate("jia-nodetest", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, directPages*PageSize)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(fd, 0, directPages*PageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(unix.Munmap(b), unix.Close(fd)); err != nil {
			t.Error(err)
		}
	})
	return Memory{Fd: fd, Bytes: b}
}

// read reads pages of a host into the same pages of the reader's memory.
func (f *far) read(b node.Mailbox, reader, home wire.HostID, pages ...wire.PageID) error {
	var frames [][]byte
	for _, p := range pages {
		frames = append(frames, f.mem[reader].page(p))
	}
	ok, err := b.Read(home, pages, frames)
	if err == nil && !ok {
		err = errors.New("it cannot be read now")
	}
	if err != nil {
		return fmt.Errorf("host %d reads pages %v of host %d: %w", reader, pages, home, err)
	}
	return nil
}

// fill gives pages [from, to) of a host content that no two share.
func (f *far) fill(home wire.HostID, from, to wire.PageID) {
	for p := from; p < to; p++ {
		copy(f.mem[home].page(p), Content(home, uint64(p)))
	}
}

func (f *far) check(reader, home wire.HostID, p wire.PageID) error {
	if !bytes.Equal(f.mem[reader].page(p), Content(home, uint64(p))) {
		return fmt.Errorf("page %d that host %d has read from host %d has other content than there", p, reader, home)
	}
	return nil
}

func directReads(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 2, nil)
	h := f.Hosts[1]
	if !h.Reaches(0) {
		t.Fatal("host 0 is not reached")
	}
	f.fill(0, 0, directPages)
	b := h.mailbox()
	for _, p := range []wire.PageID{0, 1, directPages - 1, 77, 78, 76, 0} {
		if err := errors.Join(f.read(b, 1, 0, p), f.check(1, 0, p)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(f.mem[1].page(5), make([]byte, PageSize)) {
		t.Error("a page changed that was not read")
	}
	if ok, err := b.Read(0, nil, nil); !ok || err != nil {
		t.Errorf("reading no page: %v, %v", ok, err)
	}
	if err := h.get(b, 0, 3, make([]byte, PageSize)); err != nil { // messages and reads share the mailbox
		t.Error(err)
	}
}

func directWindows(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 2, nil)
	f.fill(0, 0, directPages)
	b := f.Hosts[1].mailbox()
	rng := rand.New(rand.NewPCG(7, 7))
	for range part(200) {
		count := []int{1, 2, 3, 17, 64, 65, wire.MaxWindow}[rng.IntN(7)]
		stride := 1 + rng.IntN(4)
		first := rng.IntN(directPages - (count-1)*stride)
		var pages []wire.PageID
		for i := range count {
			pages = append(pages, wire.PageID(first+i*stride))
		}
		if rng.IntN(4) == 0 {
			rng.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
		}
		clear(f.mem[1].Bytes)
		if err := f.read(b, 1, 0, pages...); err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			if err := f.check(1, 0, p); err != nil {
				t.Fatalf("window %v: %v", pages, err)
			}
		}
		if out := wire.PageID(first + count*stride); out < directPages && stride > 1 &&
			!bytes.Equal(f.mem[1].page(out), make([]byte, PageSize)) {
			t.Fatalf("window %v changed page %d", pages, out)
		}
	}
}

// directHoles reads pages that nobody has written, between others, into frames that hold something else.
func directHoles(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 2, nil)
	b := f.Hosts[1].mailbox()
	f.fill(0, 10, 11)
	f.fill(0, 13, 14)
	f.fill(1, 8, 16)
	window := []wire.PageID{8, 9, 10, 11, 12, 13, 14, 15}
	for range 2 {
		if err := f.read(b, 1, 0, window...); err != nil {
			t.Fatal(err)
		}
		for _, p := range window {
			if p == 10 || p == 13 {
				if err := f.check(1, 0, p); err != nil {
					t.Error(err)
				}
			} else if !bytes.Equal(f.mem[1].page(p), make([]byte, PageSize)) {
				t.Errorf("page %d, never written, is not zero", p)
			}
		}
	}
	f.fill(0, 8, 9) // one that has been read before it was first written
	if err := errors.Join(f.read(b, 1, 0, 8), f.check(1, 0, 8)); err != nil {
		t.Error(err)
	}
}

// marked returns what a host names, sorted.
func marked(t testing.TB, h *Host) []wire.PageID {
	t.Helper()
	got := h.Marked([]wire.PageID{1 << 30})
	if got[0] != 1<<30 {
		t.Fatalf("Marked does not append: %v", got)
	}
	got = got[1:]
	slices.Sort(got)
	return got
}

func directMarks(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 3, nil)
	home := f.Hosts[0]
	b1, b2 := f.Hosts[1].mailbox(), f.Hosts[2].mailbox()
	if got := marked(t, home); len(got) > 0 {
		t.Fatalf("marked before anything was read: %v", got)
	}
	for _, reads := range [][2][]wire.PageID{
		{{5}, nil},
		{{0, 1, 2, 63, 64, 65}, {directPages - 1, 7}},
		{{9, 10, 11}, {10, 11, 12}},
		{nil, {5}},
		{{511, 512, 513}, {128, 129}},
	} {
		want := make(map[wire.PageID]bool)
		for i, b := range []node.Mailbox{b1, b2} {
			if err := f.read(b, wire.HostID(i+1), 0, reads[i]...); err != nil {
				t.Fatal(err)
			}
			for _, p := range reads[i] {
				want[p] = true
			}
		}
		got := marked(t, home)
		if len(got) != len(want) {
			t.Errorf("read %v, marked %v", reads, got)
		}
		for _, p := range got {
			if !want[p] {
				t.Errorf("read %v, marked %v", reads, got)
			}
		}
		if again := marked(t, home); len(again) > 0 {
			t.Errorf("marked again without a read: %v", again)
		}
	}
	for _, other := range f.Hosts[1:] {
		if got := marked(t, other); len(got) > 0 {
			t.Errorf("host %d, which nobody reads from, has marks: %v", other.ID, got)
		}
	}
}

// directRace is rule P15: of a home that writes a page and then takes in the marks, and a peer that reads the page, either the
// peer gets what was written, or the home learns of the read.
func directRace(t *testing.T, mk MakeDirect) {
	rounds := int32(part(5000))
	f := startFar(t, mk, 2, nil)
	home, b := f.Hosts[0], f.Hosts[1].mailbox()
	const page = 70
	word := f.mem[0].page(page)
	var begun, ended [2]atomic.Int32
	meet := func(at *[2]atomic.Int32, me int, round int32) {
		at[me].Store(round)
		for spins := 0; at[1-me].Load() < round; spins++ {
			if spins > 100 {
				unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			}
		}
	}
	var saw byte
	together(t, 2, func(me int) error {
		var names []wire.PageID
		var failed error
		for round := int32(1); round <= rounds; round++ {
			meet(&begun, me, round)
			if me == 0 {
				word[0] = byte(round)
				names = home.Marked(names[:0])
			} else {
				if err := f.read(b, 1, 0, page); err != nil && failed == nil {
					failed = err
				}
				saw = f.mem[1].page(page)[0]
			}
			meet(&ended, me, round)
			if me == 0 {
				if saw != byte(round) && len(names) == 0 && failed == nil {
					failed = fmt.Errorf("round %d: the peer read %d, and its read was not marked", round, saw)
				}
				if names = home.Marked(names); len(names) != 1 && failed == nil {
					failed = fmt.Errorf("round %d: the marks are %v", round, names)
				}
			}
		}
		return failed
	})
}

func directNothing(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 3, nil, 2)
	h := f.Hosts[0]
	if h.Reaches(2) || !h.Reaches(1) {
		t.Fatalf("hosts 1 and 2 are reached: %v, %v", h.Reaches(1), h.Reaches(2))
	}
	if h.Reaches(0) || h.Reaches(7) || h.Reaches(-1) {
		t.Error("a host reaches itself, or hosts that do not exist")
	}
	b := h.mailbox()
	if ok, err := b.Read(2, []wire.PageID{1}, [][]byte{f.mem[0].page(1)}); ok || err != nil {
		t.Errorf("read: %v, %v", ok, err)
	}
	if ok, err := b.Write(2, f.stream(t, 3, map[int]byte{1: 1})); ok || err != nil {
		t.Errorf("write: %v, %v", ok, err)
	}
	if err := f.read(b, 0, 1, 3); err != nil {
		t.Error(err)
	}
	if got := marked(t, f.Hosts[2]); len(got) > 0 {
		t.Errorf("marked without memory: %v", got)
	}
}

// directAll has every host read from every other with several threads.
func directAll(t *testing.T, mk MakeDirect) {
	const n, threads = 3, 3
	rounds := part(100)
	f := startFar(t, mk, n, nil)
	for i := range wire.HostID(n) {
		f.fill(i, 0, 100)
	}
	together(t, n*threads, func(part int) error {
		h, thread := f.Hosts[part%n], wire.PageID(part/n)
		b := h.mailbox()
		for round := range rounds {
			home := wire.HostID((part + 1 + round%(n-1)) % n)
			frames := f.mem[h.ID].Bytes[(200+10*thread)*PageSize:]
			var pages []wire.PageID
			var into [][]byte
			for i := range 10 {
				pages = append(pages, wire.PageID(round+i*7)%100)
				into = append(into, frames[i*PageSize:(i+1)*PageSize])
			}
			if ok, err := b.Read(home, pages, into); !ok || err != nil {
				return fmt.Errorf("host %d reads from host %d: %v, %w", h.ID, home, ok, err)
			}
			for i, p := range pages {
				if !bytes.Equal(into[i], Content(home, uint64(p))) {
					return fmt.Errorf("host %d got other content for page %d of host %d than is there", h.ID, p, home)
				}
			}
		}
		return nil
	})
}

// stream returns the diff records that store bytes, by offset, in a page. None of them may be 0.
func (f *far) stream(t testing.TB, p wire.PageID, to map[int]byte) []byte {
	t.Helper()
	page, twin := make([]byte, PageSize), make([]byte, PageSize)
	for at, v := range to {
		page[at] = v
	}
	s, changed := diff.AppendRecord(nil, uint64(p), page, twin)
	if !changed {
		t.Fatal("a stream of zeros")
	}
	return s
}

// directNeighbours has two peers, and the home itself, write bytes of the same words at the same time: none is lost.
func directNeighbours(t *testing.T, mk MakeDirect) {
	const rounds, page = 300, 20
	f := startFar(t, mk, 3, nil)
	mem := f.mem[0].page(page)
	var gate [rounds]sync.WaitGroup
	for i := range gate {
		gate[i].Add(3)
	}
	boxes := []node.Mailbox{nil, f.Hosts[1].mailbox(), f.Hosts[2].mailbox()}
	together(t, 3, func(me int) error {
		for round := range rounds {
			v := byte(1 + (round*3+me)%250)
			mine := make(map[int]byte)
			for at := me; at < 200; at += 3 {
				mine[at] = v
			}
			if me == 0 {
				for at := range mine {
					mem[at] = v
				}
			} else if ok, err := boxes[me].Write(0, f.stream(t, page, mine)); !ok || err != nil {
				return fmt.Errorf("host %d writes: %v, %w", me, ok, err)
			}
			for at := range mine { // nobody else writes these
				if mem[at] != v {
					return fmt.Errorf("round %d: byte %d, written by host %d, is %d and not %d", round, at, me, mem[at], v)
				}
			}
			gate[round].Done()
			gate[round].Wait()
		}
		return nil
	})
}

// directOrder writes and then sends: who gets the message finds the bytes. Over a mailbox, as a post and over a link.
func directOrder(t *testing.T, mk MakeDirect) {
	const rounds, page = 300, 33
	var frame atomic.Pointer[[]byte] // of the page
	look := func(h *Host, m *wire.Message) {
		mem := *frame.Load()
		for at := 0; at < PageSize; at += 501 {
			if got := mem[at]; got != byte(m.Obj) {
				h.t.Errorf("%v %d came before the byte at %d that was written before it: %d", m.Type, m.Obj, at, got)
				return
			}
		}
	}
	posted := make(chan bool, 1)
	f := startFar(t, mk, 2, func(h *Host, m *wire.Message, body []byte) {
		look(h, m)
		if m.Type == wire.CVSet {
			h.Answer(m, body)
		} else {
			posted <- true
		}
	})
	mem := f.mem[0].page(page)
	frame.Store(&mem)
	h, b := f.Hosts[1], f.Hosts[1].mailbox()
	links := make(chan node.Link, 1)
	go func() {
		l, err := f.Hosts[0].OpenLink(1)
		f.Hosts[0].must(err)
		links <- l
	}()
	l, err := h.OpenLink(0)
	h.must(err)
	other := within(t, links, "the other end of the link")
	for round := 1; round <= rounds; round++ {
		bytes := make(map[int]byte)
		v := byte(1 + round%250)
		for at := 0; at < PageSize; at += 501 {
			bytes[at] = v
		}
		if ok, err := b.Write(0, f.stream(t, page, bytes)); !ok || err != nil {
			t.Fatalf("write: %v, %v", ok, err)
		}
		var m wire.Message
		switch round % 3 {
		case 0:
			h.must(b.Send(0, &wire.Message{Type: wire.CVSet, From: 1, Reply: b.ID(), Obj: uint64(v)}))
			h.must(b.Recv(0, &m, nil))
		case 1:
			h.must(h.Post(0, &wire.Message{Type: wire.LockFwd, From: 1, Obj: uint64(v)}))
			within(t, posted, "the post")
		case 2:
			h.must(l.Send(&wire.Message{Type: wire.BarArrive, From: 1, Obj: uint64(v)}))
			h.must(other.Recv(&m))
			look(f.Hosts[0], &m)
		}
	}
}

// directFresh has a home write a page and then answer: who has the answer reads what was written before it.
func directFresh(t *testing.T, mk MakeDirect) {
	const rounds, page = 300, 40
	var frame atomic.Pointer[[]byte] // of the page
	f := startFar(t, mk, 2, func(h *Host, m *wire.Message, body []byte) {
		mem := *frame.Load()
		for at := range mem {
			mem[at] = byte(m.Obj)
		}
		h.Answer(m, body)
	})
	mem := f.mem[0].page(page)
	frame.Store(&mem)
	h, b := f.Hosts[1], f.Hosts[1].mailbox()
	for round := range rounds {
		h.must(b.Send(0, &wire.Message{Type: wire.CVSet, From: 1, Reply: b.ID(), Obj: uint64(round)}))
		var m wire.Message
		h.must(b.Recv(0, &m, nil))
		if err := f.read(b, 1, 0, page); err != nil {
			t.Fatal(err)
		}
		for at, v := range f.mem[1].page(page) {
			if v != byte(round) {
				t.Fatalf("round %d: byte %d is %d, older than the answer", round, at, v)
			}
		}
	}
}

// directWrites stores random bytes in random pages, in streams of several records, and compares all of the memory.
func directWrites(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 2, nil)
	b := f.Hosts[1].mailbox()
	want := make([]byte, len(f.mem[0].Bytes))
	rng := rand.New(rand.NewPCG(9, 9))
	for range 60 {
		var stream []byte
		for range 1 + rng.IntN(20) {
			p := rng.IntN(directPages)
			twin := want[p*PageSize:][:PageSize]
			page := bytes.Clone(twin)
			switch rng.IntN(3) {
			case 0:
				fill(page, rng.Uint64())
			case 1:
				page[rng.IntN(PageSize)]++
			case 2:
				at := rng.IntN(PageSize - 100)
				fill(page[at:at+1+rng.IntN(99)], rng.Uint64())
			}
			stream, _ = diff.AppendRecord(stream, uint64(p), page, bytes.Clone(twin))
			copy(twin, page)
		}
		if ok, err := b.Write(0, stream); !ok || err != nil {
			t.Fatalf("write: %v, %v", ok, err)
		}
	}
	if !bytes.Equal(f.mem[0].Bytes, want) {
		t.Error("the memory is not what was written to it")
	}
	if ok, err := b.Write(0, nil); !ok || err != nil {
		t.Errorf("writing nothing: %v, %v", ok, err)
	}
	if got := marked(t, f.Hosts[0]); len(got) > 0 {
		t.Errorf("writing has marked %v", got)
	}
}

// directBeyond asks for pages that the home does not have: they are not read, and nothing breaks.
func directBeyond(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 2, nil)
	b := f.Hosts[1].mailbox()
	f.fill(0, 0, 1)
	for _, p := range []wire.PageID{directPages, directPages + 1, wire.MaxPages - 1, wire.MaxPages, 1 << 63} {
		if ok, err := b.Read(0, []wire.PageID{0, p}, [][]byte{f.mem[1].page(0), f.mem[1].page(1)}); ok || err != nil {
			t.Errorf("read page %d: %v, %v", p, ok, err)
		}
	}
	if ok, _ := b.Write(0, f.stream(t, directPages, map[int]byte{1: 1})); ok {
		t.Error("a page was written that is not there")
	}
	if ok, _ := b.Write(0, []byte("no diff records!")); ok {
		t.Error("garbage was written")
	}
	if err := errors.Join(f.read(b, 1, 0, 0), f.check(1, 0, 0)); err != nil {
		t.Error(err)
	}
}

func directEnds(t *testing.T, mk MakeDirect) {
	f := startFar(t, mk, 3, nil)
	h, b := f.Hosts[1], f.Hosts[1].mailbox()
	if err := f.read(b, 1, 0, 3); err != nil {
		t.Fatal(err)
	}
	h.must(f.Hosts[0].Close())
	within(t, h.Gone, "Lost")
	if ok, err := b.Read(0, []wire.PageID{3}, [][]byte{f.mem[1].page(3)}); ok || err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("read from a dead host: %v, %v", ok, err)
	}
	if ok, err := b.Write(0, f.stream(t, 3, map[int]byte{1: 1})); ok || err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("write to a dead host: %v, %v", ok, err)
	}
	if err := f.read(b, 1, 2, 3); err != nil {
		t.Error(err)
	}
	h.must(h.Close())
	if ok, err := b.Read(2, []wire.PageID{3}, [][]byte{f.mem[1].page(3)}); ok || !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v, %v", ok, err)
	}
	if ok, err := b.Write(2, f.stream(t, 3, map[int]byte{1: 1})); ok || !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v, %v", ok, err)
	}
	h.Marked(nil) // it need not say anything, but must not crash
}
