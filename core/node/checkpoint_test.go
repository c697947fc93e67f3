package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"jiajia/ckpt"
	"jiajia/core"
	"jiajia/core/event"
	"jiajia/core/region"
	"jiajia/core/wire"
)

const ckptPages = 64

// gated is a directory in which no part is begun before the gate opens, and which may refuse them.
type gated struct {
	ckpt.FS
	gate   chan struct{}
	refuse error
}

func (g *gated) Create(name string) (ckpt.Output, error) {
	<-g.gate
	if g.refuse != nil {
		return nil, fmt.Errorf("create %s: %w", name, g.refuse)
	}
	return g.FS.Create(name)
}

// newSaver returns a host that is alone, with pages that it has written their numbers to.
func newSaver(t *testing.T, cfg Checkpoints) (*Node, *gated) {
	t.Helper()
	cfg.Dir, cfg.Keep = t.TempDir()+"/kept", 1
	n, err := Open(Config{Hosts: 1, RegionBytes: ckptPages * pageLength, PageSize: pageLength, Checkpoints: &cfg, Fail: func(line string) { panic(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.finishCheckpoint()
		if err := n.region.Close(); err != nil {
			t.Error(err)
		}
	})
	n.BeginStats()
	g := &gated{FS: ckpt.Dir(cfg.Dir), gate: make(chan struct{})}
	n.ckpt.store = ckpt.OpenFS(g)
	n.Alloc(core.CallAlloc, ckptPages*pageLength)
	for p := range wire.PageID(ckptPages) {
		n.put(t, p, byte(p))
	}
	return n, g
}

const pageLength = 4096 // bytes

// put fills a page as a store of the program would.
func (n *Node) put(t *testing.T, p wire.PageID, b byte) {
	t.Helper()
	n.mustFault(t, p, region.Yes)
	copy(n.region.Frame(uint64(p)), bytes.Repeat([]byte{b}, pageLength))
}

// TestWritersWaitForRoom: pages are copied before they change, until that takes too much memory; then writers wait. What is stored is what was
// there at the barrier.
func TestWritersWaitForRoom(t *testing.T) {
	n, g := newSaver(t, Checkpoints{Full: 1, CopyBytes: 4 * pageLength})
	generation := n.Checkpoint(1, false)
	last := wire.PageID(0)
	for ; !n.ckpt.crowded.Load(); last++ {
		n.put(t, last, 0xff)
	}
	if last < 2 || last > 5 { // some faults bring several pages
		t.Errorf("writers had to wait after %d pages; there is room for 4", last)
	}
	done := make(chan bool)
	go func() {
		for p := last; p < ckptPages; p++ {
			n.put(t, p, 0xff)
		}
		close(done)
	}()
	select {
	case <-done:
		t.Error("the writer did not wait")
	default:
	}
	close(g.gate)
	<-done
	if got := n.CheckpointWait(); got != generation || got != 1 {
		t.Errorf("the checkpoint ended as %d and had begun as %d", got, generation)
	}
	for p, data := range storedPages(t, n.ckpt.store, 1) {
		if !bytes.Equal(data, bytes.Repeat([]byte{byte(p)}, pageLength)) {
			t.Errorf("page %d was stored as %x", p, data[:8])
		}
	}
}

// storedPages reads the pages of one generation of one host, of which there must be all.
func storedPages(t *testing.T, store *ckpt.Store, generation uint64) map[uint64][]byte {
	t.Helper()
	m, err := store.Manifest(generation)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenPart(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pages := map[uint64][]byte{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Count {
			pages[b.First+i] = bytes.Clone(b.Data[i*pageLength:][:pageLength])
		}
	}
	if len(pages) != ckptPages {
		t.Errorf("%d pages were stored, not %d", len(pages), ckptPages)
	}
	return pages
}

// TestFailedCheckpointIsMadeUpFor: what one that failed had to store is part of the next; one whose base is gone makes the next a full one.
func TestFailedCheckpointIsMadeUpFor(t *testing.T) {
	n, g := newSaver(t, Checkpoints{Full: 10, CopyBytes: 1 << 20})
	close(g.gate)
	g.refuse = syscall.ENOSPC
	if got := n.Checkpoint(1, true); got != -int(syscall.ENOSPC) {
		t.Errorf("a full disk: %d", got)
	}
	n.finishCheckpoint()
	g.refuse = nil
	second := n.Checkpoint(1, true)
	storedPages(t, n.ckpt.store, uint64(second))
	n.put(t, 3, 'a')
	n.finishCheckpoint()
	if err := os.RemoveAll(n.ckpt.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if got := n.Checkpoint(1, true); got != -int(syscall.ENOENT) {
		t.Errorf("a directory that is gone: %d", got)
	}
	fourth := n.Checkpoint(1, true)
	if pages := storedPages(t, n.ckpt.store, uint64(fourth)); pages[3][9] != 'a' || fourth <= second {
		t.Errorf("generation %d has %q in page 3", fourth, pages[3][:10])
	}
	if got := n.CheckpointWait(); got != fourth {
		t.Errorf("the last one is %d, not %d", got, fourth)
	}
}

func TestErrorNumbers(t *testing.T) {
	for want, err := range map[int]error{
		int(syscall.EROFS):  &os.PathError{Op: "open", Path: "x", Err: syscall.EROFS},
		int(syscall.ENOENT): fmt.Errorf("%w: x", ckpt.ErrBase),
		int(syscall.EIO):    errors.New("damaged"),
	} {
		if got := reportOf(ckpt.Part{}, err); got.Errno != want || got.Why != err.Error() || got.BaseGone != (want == int(syscall.ENOENT)) {
			t.Errorf("%v is reported as %+v", err, got)
		}
	}
}

func TestFailureInWords(t *testing.T) {
	r := reported{Host: 2, Errno: int(syscall.ENOSPC), Why: "write /x: no space left on device"}
	for want, got := range map[string]string{
		"host 2: checkpoint 7 was not written: write /x: no space left on device; generation 6 stays the newest":                                 failed(r, 1, 7, 6),
		"host 2 (and 2 more host(s)): checkpoint 1 was not written: write /x: no space left on device; there is no complete one of this run yet": failed(r, 3, 1, 0),
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestStrangeCheckpointMessages: what other hosts may not say is an error, not a crash.
func TestStrangeCheckpointMessages(t *testing.T) {
	n, _ := newSaver(t, Checkpoints{Full: 1})
	s := &server{n: n}
	for _, c := range []struct {
		m    wire.Message
		want string
	}{
		{wire.Message{Type: wire.CkptPlan, From: 1, Obj: 1, Text: "{}"}, "unexpected CkptPlan"},
		{wire.Message{Type: wire.CkptResult, From: 1, Obj: 1, Text: "{}"}, "unexpected CkptResult"},
		{wire.Message{Type: wire.CkptPart, From: 1, Obj: 1, Text: "{"}, "CkptPart of host 1"},
		{wire.Message{Type: wire.CkptPart, From: 1, Obj: 1, Text: `{"Errno":"x"}`}, "CkptPart of host 1"},
		{wire.Message{Type: wire.CkptPart, From: 1, Obj: 1, Text: "{}"}, ""},
		{wire.Message{Type: wire.CkptPart, From: 1, Obj: 2, Text: "{}"}, "more than one CkptPart"},
	} {
		err := s.serveCheckpoint(&c.m)
		if c.want == "" && err == nil {
			continue
		}
		if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %s: %v, not %q", c.m.Type, c.m.Text, err, c.want)
		}
	}
	n.ckpt.cfg = nil
	if err := s.serveCheckpoint(&wire.Message{Type: wire.CkptDone, From: 1}); err == nil {
		t.Error("a host without checkpoints takes part in one")
	}
}

// TestMemoryGivenBackIsCopiedWithinBounds: what was freed right after a checkpoint has begun belongs to it; the barrier that takes it back waits
// while copies take too much memory.
func TestMemoryGivenBackIsCopiedWithinBounds(t *testing.T) {
	const pages = 3 << 14 // three steps of the barrier
	cfg := Checkpoints{Dir: t.TempDir() + "/kept", Keep: 1, Full: 1, CopyBytes: 1 << 20}
	n, err := Open(Config{Hosts: 1, RegionBytes: 2 * pages * pageLength, PageSize: pageLength, Checkpoints: &cfg, Fail: func(line string) { panic(line) }})
	if err != nil {
		t.Fatal(err)
	}
	n.BeginStats()
	g := &gated{FS: ckpt.Dir(cfg.Dir), gate: make(chan struct{})}
	n.ckpt.store = ckpt.OpenFS(g)
	at := n.Alloc(core.CallAlloc, pages*pageLength)
	for p := range wire.PageID(pages) {
		n.mustFault(t, p, region.Yes)
		n.region.Frame(uint64(p))[5] = byte(p)
	}
	waits := make(chan bool, 9)
	n.cfg.Log = event.NewTo(event.Warn, 0, func([]byte) { waits <- true })
	n.ckpt.slow.patience = 0
	n.Checkpoint(1, false)
	n.untilAtDisk()
	n.Free(uint64(n.region.Base()) + at)
	done := make(chan bool)
	go func() {
		n.Rendezvous(1, wire.KindBarrier)
		close(done)
	}()
	select {
	case <-waits:
	case <-done:
		t.Error("the barrier did not wait")
	}
	n.mu.Lock()
	copied := n.ckpt.saving.snap.Copied()
	n.mu.Unlock()
	if copied > pages*pageLength/2 {
		t.Errorf("%d MiB are copied of %d MiB", copied>>20, pages*pageLength>>20)
	}
	close(g.gate)
	<-done
	if got := n.CheckpointWait(); got != 1 {
		t.Errorf("the checkpoint ended as %d", got)
	}
	var memory runtime.MemStats
	if runtime.ReadMemStats(&memory); memory.HeapSys-memory.HeapReleased > copied/2 {
		t.Errorf("%d MiB were copied, and afterwards the heap has %d MiB", copied>>20, (memory.HeapSys-memory.HeapReleased)>>20)
	}
	m, err := n.ckpt.store.Manifest(1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.ckpt.store.OpenPart(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stored := 0
	for b, err := r.Next(); err != io.EOF; b, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Count {
			if got := b.Data[i*pageLength+5]; got != byte(b.First+i) {
				t.Fatalf("page %d has %d", b.First+i, got)
			}
			stored++
		}
	}
	if stored != pages {
		t.Errorf("%d pages of %d are stored", stored, pages)
	}
	n.finishCheckpoint()
	if err := n.region.Close(); err != nil {
		t.Error(err)
	}
}

// untilAtDisk waits until a checkpoint is being stored.
func (n *Node) untilAtDisk() {
	for doing := ""; doing == ""; runtime.Gosched() {
		n.mu.Lock()
		doing = n.ckpt.slow.doing
		n.mu.Unlock()
	}
}

// TestWaitingForADisk: who waits for long says for what, once.
func TestWaitingForADisk(t *testing.T) {
	lines := make(chan string, 9)
	n, g := newSaver(t, Checkpoints{Full: 1, CopyBytes: 1 << 20})
	n.cfg.Log = event.NewTo(event.Warn, 0, func(line []byte) { lines <- string(line) })
	n.ckpt.slow.patience = 0
	n.Checkpoint(1, false)
	n.untilAtDisk()
	waits := make(chan int)
	for range 2 {
		go func() { waits <- n.CheckpointWait() }()
	}
	got := <-lines
	for _, part := range []string{"warn: checkpoint 1 is not finished: this host has been writing its part to " + n.ckpt.cfg.Dir + " for ", "64 page(s) are left"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q does not say %q", got, part)
		}
	}
	close(g.gate)
	for range 2 {
		if got := <-waits; got != 1 {
			t.Errorf("the checkpoint ended as %d", got)
		}
	}
	n.finishCheckpoint()
	if len(lines) > 0 {
		t.Errorf("there is more: %s", <-lines)
	}
	n.cfg.Hosts, n.ckpt.readyHost = 4, []bool{true, true, false, false}
	if got := n.whatIsSlow(); !strings.HasSuffix(got, "this host has been waiting for host(s) 2, 3") {
		t.Errorf("%q", got)
	}
	n.ckpt.readyHost = []bool{true, true, true, true}
	if got := n.whatIsSlow(); got != "" {
		t.Errorf("%q", got)
	}
	n.cfg.Hosts = 1
}

// TestOverdueCheckpoint: where nobody waits for a checkpoint that hangs, the next one is overdue.
func TestOverdueCheckpoint(t *testing.T) {
	lines := make(chan string, 9)
	n, g := newSaver(t, Checkpoints{Full: 1, CopyBytes: 1 << 20, Interval: 1})
	n.cfg.Log = event.NewTo(event.Warn, 0, func(line []byte) { lines <- string(line) })
	n.Rendezvous(1, wire.KindBarrier)
	n.untilAtDisk()
	n.Rendezvous(1, wire.KindBarrier)
	if len(lines) > 0 {
		t.Errorf("too early: %s", <-lines)
	}
	n.ckpt.slow.patience = 0
	for range 3 {
		n.Rendezvous(1, wire.KindBarrier)
	}
	if got := <-lines; !strings.Contains(got, "checkpoint 1 is not finished: this host has been writing") || len(lines) > 0 {
		t.Errorf("%q, and %d more", got, len(lines))
	}
	close(g.gate)
}
