//go:build rdma

package rdma

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core/diff"
	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

const benchPages = 64 << 20 / nodetest.PageSize

// A server answers as a home does, from its memory.
type server struct {
	deaf
	t   atomic.Pointer[Transport]
	mem []byte
}

func (s *server) Serve(m *wire.Message, body []byte) {
	r := wire.Message{From: s.t.Load().o.Self, Port: m.Reply, Obj: m.Obj}
	var err error
	switch m.Type {
	case wire.GetPage:
		r.Type = wire.Page
		for i := range int(m.Version) {
			r.Carry(i)
		}
		err = s.t.Load().Reply(m.From, &r, s.mem[m.Obj*nodetest.PageSize:][:m.Version*nodetest.PageSize])
	case wire.Diff:
		r.Type = wire.DiffAck
		if err = diff.ApplyAt(unsafe.Pointer(&s.mem[0]), nodetest.PageSize, benchPages, body); err == nil {
			err = s.t.Load().Reply(m.From, &r)
		}
	default:
		r.Type = wire.CVDone
		err = s.t.Load().Reply(m.From, &r)
	}
	if err != nil {
		panic(err)
	}
}

// shared returns memory of a file, which reads as zero.
func shared(t testing.TB, size int) []byte {
	t.Helper()
	fd, err := unix.MemfdCreate("jia-rdma-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

// BenchmarkReach compares what two hosts do with each other's memory with the same by messages. On an emulated machine, figures are to be
// compared with each other and with those of perftest there, and with nothing else.
func BenchmarkReach(b *testing.B) {
	homes := []*server{{mem: shared(b, benchPages*nodetest.PageSize)}, {mem: shared(b, benchPages*nodetest.PageSize)}}
	ts := start(b, []node.Handler{homes[0], homes[1]}, func(o *Options) { o.Memory, o.Spin = homes[o.Self].mem, 50*time.Microsecond })
	for i, tr := range ts {
		homes[i].t.Store(tr)
		tr.freeRuns = 1 << 20
		b.Cleanup(func() { tr.Close() })
		began := time.Now()
		tr.Publish([]node.Span{{Page: 0, Count: benchPages}})
		b.Logf("64 MiB are published in %v", time.Since(began))
	}
	opened, err := ts[1].OpenMailbox(1)
	if err != nil {
		b.Fatal(err)
	}
	box := opened.(*Mailbox)
	mem := homes[1].mem
	next := 0
	window := func(n, stride int) (pages []wire.PageID, frames [][]byte) {
		if next+n*stride > benchPages {
			next = 0
		}
		for i := range n {
			p := next + i*stride
			pages, frames = append(pages, wire.PageID(p)), append(frames, mem[p*nodetest.PageSize:][:nodetest.PageSize])
		}
		next += n * stride
		return pages, frames
	}
	read := func(n, stride int) func() error {
		return func() error {
			pages, frames := window(n, stride)
			ok, err := box.Read(0, pages, frames)
			if err == nil && !ok {
				err = fmt.Errorf("it cannot be read")
			}
			return err
		}
	}
	// Straight into frames which happen to be registered, as a single read.
	into := func(n int) func() error {
		return func() error {
			pages, frames := window(n, 1)
			l, h := box.hand.lanes[0], &box.hand
			list := l.peer.far.extents()
			h.mark(l, list, pages)
			s := stretchOf(list, nil, pages)
			own := &ts[1].exports.list[find(list, uint64(pages[0])).first/slabPages]
			h.list = append(h.list, request(false, unsafe.Slice(&frames[0][0], n*nodetest.PageSize), own.mr.Local,
				s.frames.addr+s.at*nodetest.PageSize, s.frames.key))
			return h.run(l)
		}
	}
	var m wire.Message
	ask := func(n int) func() error {
		return func() error {
			pages, frames := window(n, 1)
			q := wire.Message{Type: wire.GetPage, From: 1, Reply: 1, Obj: uint64(pages[0]), Version: uint64(n), Epoch: 1}
			if err := box.Send(0, &q); err != nil {
				return err
			}
			return box.Recv(0, &m, frames)
		}
	}
	stream := func(pages, runs int) (s []byte) {
		page, twin := make([]byte, nodetest.PageSize), make([]byte, nodetest.PageSize)
		for i := range runs {
			for k := range 8 {
				page[i*nodetest.PageSize/runs+k] = 1
			}
		}
		for p := range pages {
			s, _ = diff.AppendRecord(s, uint64(p), page, twin)
		}
		return s
	}
	whole := func(pages int) (s []byte) {
		page, twin := slices.Repeat([]byte{1}, nodetest.PageSize), make([]byte, nodetest.PageSize)
		for p := range pages {
			s, _ = diff.AppendRecord(s, uint64(p), page, twin)
		}
		return s
	}
	store := func(s []byte) func() error {
		return func() error {
			if ok, err := box.Write(0, s); !ok || err != nil {
				return fmt.Errorf("write: %v, %w", ok, err)
			}
			return nil
		}
	}
	send := func(s []byte) func() error {
		return func() error {
			if err := box.Send(0, &wire.Message{Type: wire.Diff, From: 1, Reply: 1, Length: uint64(len(s))}, s); err != nil {
				return err
			}
			return box.Recv(0, &m, nil)
		}
	}
	word, err := makeRegistered(ts[0].pd, 8, verbs.LocalWrite|verbs.RemoteRead|verbs.RemoteWrite|verbs.RemoteAtomic)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { word.free() })
	swap := func() error {
		l, h := box.hand.lanes[0], &box.hand
		if err := l.qp.CompareAndSwap(verbs.Last, h.block()[:8], h.room.mr.Local, verbs.Address(word.b), word.mr.Remote, 0, 0, verbs.Signaled); err != nil {
			return err
		}
		return h.complete(l)
	}
	for _, what := range []struct {
		name string
		run  func() error
	}{
		{"message", func() error {
			if err := box.Send(0, &wire.Message{Type: wire.CVSet, From: 1, Reply: 1}); err != nil {
				return err
			}
			return box.Recv(0, &m, nil)
		}},
		{"page-message", ask(1)},
		{"page-read", read(1, 1)},
		{"page-read-into-frame", into(1)},
		{"window-message", ask(128)},
		{"window-read", read(128, 1)},
		{"window-read-into-frames", into(128)},
		{"window-read-strided", read(128, 2)},
		{"register-page", func() error {
			mr, err := ts[1].pd.Register(mem[:nodetest.PageSize], verbs.LocalWrite)
			if err != nil {
				return err
			}
			return mr.Free()
		}},
		{"compare-and-swap", swap},
		{"marked-none", func() error { ts[0].Marked(nil); return nil }},
		{"write-1-page-1-run", store(stream(1, 1))}, {"diff-1-page-1-run", send(stream(1, 1))},
		{"write-1-page-4-runs", store(stream(1, 4))}, {"diff-1-page-4-runs", send(stream(1, 4))},
		{"write-1-page-16-runs", store(stream(1, 16))}, {"diff-1-page-16-runs", send(stream(1, 16))},
		{"write-1-page-64-runs", store(stream(1, 64))}, {"diff-1-page-64-runs", send(stream(1, 64))},
		{"write-32-pages-1-run", store(stream(32, 1))}, {"diff-32-pages-1-run", send(stream(32, 1))},
		{"write-32-pages-4-runs", store(stream(32, 4))}, {"diff-32-pages-4-runs", send(stream(32, 4))},
		{"write-32-pages-whole", store(whole(32))}, {"diff-32-pages-whole", send(whole(32))},
	} {
		b.Run(what.name, func(b *testing.B) {
			var took []time.Duration
			for range 5 {
				if err := what.run(); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				began := time.Now()
				if err := what.run(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "median-us")
			b.ReportMetric(float64(took[len(took)/10].Nanoseconds())/1e3, "p10-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}
