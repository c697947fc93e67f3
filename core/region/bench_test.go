package region_test

import (
	"testing"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// benchFaults measures stores by C code to pages that prepare has made to fault: the signal, the call of Go, one Map, and
// the return to the program. An envelope: a signal 2.5 us, the call 0.05, the system call 1 to 2.
func benchFaults(b *testing.B, prepare func(h *host, pages uint64) error) {
	const pages = 4096
	for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
		b.Run(string(mode), func(b *testing.B) {
			h := openHost(b, mode, pages, 4096)
			must(b, h.MapFresh(0, pages))
			b.ReportAllocs()
			faults, ns := 0, int64(0)
			b.ResetTimer()
			for faults < b.N {
				n := min(pages, b.N-faults)
				b.StopTimer()
				must(b, prepare(h, pages))
				b.StartTimer()
				ns += regiontest.Bench(base, n, 4096)
				faults += n
			}
			b.StopTimer()
			if r, w := h.faults(); r+w != int64(faults) {
				b.Errorf("%d faults, want %d", r+w, faults)
			}
			b.ReportMetric(float64(ns)/float64(faults), "ns/fault")
		})
	}
}

// The frame is there, the page is not mapped.
func BenchmarkFaultOnAbsentPage(b *testing.B) {
	benchFaults(b, func(h *host, pages uint64) error { return h.Unmap(0, pages) })
}

// The page is mapped read-only.
func BenchmarkFaultOnReadOnlyPage(b *testing.B) {
	benchFaults(b, func(h *host, pages uint64) error { return h.Protect(0, pages) })
}

// BenchmarkMapFresh maps runs of 64 pages that were never used: of no frames, and of frames that others have made.
func BenchmarkMapFresh(b *testing.B) {
	const run, pages = 64, 1 << 14
	for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
		for name, prepare := range map[string]func(h *host) error{
			"missing":  func(h *host) error { return h.Discard(0, pages) },
			"existing": func(h *host) error { return h.Unmap(0, pages) },
		} {
			b.Run(string(mode)+"/"+name, func(b *testing.B) {
				h := openHost(b, mode, pages, 4096)
				clear(h.Frames(0, pages))
				for i := range b.N {
					page := uint64(i) * run % pages
					if page == 0 {
						b.StopTimer()
						must(b, prepare(h))
						b.StartTimer()
					}
					must(b, h.MapFresh(page, run))
					regiontest.Bench(h.addr(page), run, 4096)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*run), "ns/page")
			})
		}
	}
}

// BenchmarkNewFrames fills 64 frames that do not exist: through the service view, and with Store.
func BenchmarkNewFrames(b *testing.B) {
	const run, pages = 64, 1 << 14
	bytes := make([]byte, run*4096)
	for name, fill := range map[string]func(h *host, page uint64) error{
		"view":  func(h *host, page uint64) error { copy(h.Frames(page, run), bytes); return nil },
		"store": func(h *host, page uint64) error { return h.Store(page, bytes) },
	} {
		b.Run(name, func(b *testing.B) {
			h := openHost(b, region.Auto, pages, 4096)
			for i := range b.N {
				page := uint64(i) * run % pages
				if page == 0 {
					b.StopTimer()
					must(b, h.Discard(0, pages))
					b.StartTimer()
				}
				must(b, fill(h, page))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*run), "ns/page")
		})
	}
}
