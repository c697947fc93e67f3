package shm

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// BenchmarkDuo measures what two processes do with each other, on one processor and on two, asleep and spinning. Medians count:
// on two processors of a virtual machine, a wake-up takes far longer than anything else.
func BenchmarkDuo(b *testing.B) {
	runtime.GOMAXPROCS(max(16, runtime.GOMAXPROCS(0)))
	for _, place := range []struct {
		name string
		cpu  int // of host 1
		spin time.Duration
	}{{"packed", 0, 0}, {"packed-spinning", 0, 30 * time.Microsecond}, {"spread", 1, 0}, {"spread-spinning", 1, 30 * time.Microsecond}} {
		if place.cpu >= runtime.NumCPU() {
			continue
		}
		b.Run(place.name, func(b *testing.B) {
			pin(0)
			defer pin(-1)
			d := newDuo(b, echoes, place.spin, place.cpu, nil)
			box, link := d.open()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for _, what := range []struct {
				name  string
				pages int // that one operation brings
				run   func() error
			}{
				{"message", 0, func() error { return ask(box) }},
				{"page-message", 1, func() error { return askPage(box, d.mem[:nodetest.PageSize]) }},
				{"link", 0, func() error { return pingLink(link) }},
				{"read-1", 1, d.readsOf(box, 1)},
				{"read-128", 128, d.readsOf(box, 128)},
				{"marked-none", 0, func() error { d.t.Marked(nil); return nil }},
			} {
				b.Run(what.name, func(b *testing.B) { median(b, what.pages, what.run) })
			}
		})
	}
}

// median reports the median time of f.
func median(b *testing.B, pages int, f func() error) {
	for range 200 {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	us := float64(took[len(took)/2].Nanoseconds()) / 1e3
	b.ReportMetric(us, "median-us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-us")
	if pages > 1 {
		b.ReportMetric(us/float64(pages), "us/page")
	}
	b.ReportMetric(0, "ns/op")
}

func ask(box node.Mailbox) error {
	m := wire.Message{Type: wire.CVSet, Reply: box.ID()}
	if err := box.Send(1, &m); err != nil {
		return err
	}
	return box.Recv(1, &m, nil)
}

func askPage(box node.Mailbox, frame []byte) error {
	m := wire.Message{Type: wire.GetPage, Reply: box.ID(), Obj: 1, Version: 1, Epoch: 1}
	if err := box.Send(1, &m); err != nil {
		return err
	}
	return box.Recv(1, &m, [][]byte{frame})
}

func pingLink(l node.Link) error {
	m := wire.Message{Type: wire.BarArrive}
	if err := l.Send(&m); err != nil {
		return err
	}
	return l.Recv(&m)
}

// readsOf reads windows of n pages, one after the other, over 64 MiB.
func (d *duo) readsOf(box node.Mailbox, n int) func() error {
	pages, frames := make([]wire.PageID, n), make([][]byte, n)
	next := 0
	return func() error {
		if next+n > childPages {
			next = 0
		}
		for i := range pages {
			pages[i] = wire.PageID(next + i)
			frames[i] = d.mem[(next+i)*nodetest.PageSize:][:nodetest.PageSize]
		}
		next += n
		ok, err := box.Read(1, pages, frames)
		if err == nil && !ok {
			err = fmt.Errorf("pages from %d on cannot be read", pages[0])
		}
		return err
	}
}
