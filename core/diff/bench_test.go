package diff

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// The working set of the benchmarks: with its twins and the stream it exceeds
// a second-level cache, as the pages of a real release do.
const (
	benchPages    = 1024
	benchPageSize = 4096
)

var benchPatterns = []pattern{
	{"8bytes", func(page []byte, r *rand.Rand) {
		for i, at := 0, 8*r.IntN(len(page)/8); i < 8; i++ {
			page[at+i]++
		}
	}},
	{"second", func(page []byte, _ *rand.Rand) {
		for i := 0; i < len(page); i += 2 {
			page[i]++
		}
	}},
	density("random", 128),
	{"all", func(page []byte, _ *rand.Rand) {
		for i := range page {
			page[i]++
		}
	}},
}

// forEachBenchmark runs body for each kernel and pattern on a prepared batch.
func forEachBenchmark(b *testing.B, body func(b *testing.B, pages, stream []byte, pairs []Pair)) {
	pages := mapped(b, benchPages*benchPageSize)
	twins := mapped(b, benchPages*benchPageSize)
	stream := mapped(b, benchPages*MaxRecord(benchPageSize))
	for _, kernel := range Kernels() {
		for _, p := range benchPatterns {
			b.Run(kernel+"/"+p.name, func(b *testing.B) {
				useKernel(b, kernel)
				r := rand.New(rand.NewPCG(1, 2))
				pairs := make([]Pair, benchPages)
				copy(pages, twins)
				for i := range pairs {
					at := i * benchPageSize
					p.dirty(pages[at:at+benchPageSize], r)
					pairs[i] = Pair{Page: address(pages[at:]), Twin: address(twins[at:]), Number: uint64(i)}
				}
				n, compared := EncodeBatch(stream, benchPageSize, pairs)
				if compared != benchPages {
					b.Fatalf("%d pages compared", compared)
				}
				b.ResetTimer()
				body(b, pages, stream[:n], pairs)
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/benchPages, "us/page")
				b.ReportMetric(float64(n)/benchPages, "diffbytes/page")
			})
		}
	}
}

func BenchmarkEncodeBatch(b *testing.B) {
	forEachBenchmark(b, func(b *testing.B, _, stream []byte, pairs []Pair) {
		stream = stream[:cap(stream)]
		for b.Loop() {
			EncodeBatch(stream, benchPageSize, pairs)
		}
	})
}

func BenchmarkApplyAt(b *testing.B) {
	forEachBenchmark(b, func(b *testing.B, pages, stream []byte, _ []Pair) {
		base := unsafe.Pointer(unsafe.SliceData(pages))
		for b.Loop() {
			if err := ApplyAt(base, benchPageSize, benchPages, stream); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEncode and BenchmarkApply take one page at a time, in the cache.
func BenchmarkEncode(b *testing.B) {
	for _, kernel := range Kernels() {
		b.Run(kernel, func(b *testing.B) {
			useKernel(b, kernel)
			page, twin := randomPages(benchPageSize, benchPatterns[1], rand.New(rand.NewPCG(1, 2)))
			dst := make([]byte, MaxEncoded(benchPageSize))
			for b.Loop() {
				Encode(dst, page, twin)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, kernel := range Kernels() {
		b.Run(kernel, func(b *testing.B) {
			useKernel(b, kernel)
			page, twin := randomPages(benchPageSize, benchPatterns[1], rand.New(rand.NewPCG(1, 2)))
			d := naiveEncode(page, twin)
			for b.Loop() {
				if err := Apply(twin, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
