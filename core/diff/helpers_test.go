package diff

import (
	"encoding/binary"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// forEachKernel runs a subtest with each kernel that the processor has.
func forEachKernel(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, name := range Kernels() {
		t.Run(name, func(t *testing.T) {
			useKernel(t, name)
			test(t)
		})
	}
}

// useKernel forces a kernel until the test or benchmark ends.
func useKernel(tb testing.TB, name string) {
	before := Kernel()
	if err := Use(name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := Use(before); err != nil {
			tb.Fatal(err)
		}
	})
}

// mapped returns zeroed memory outside the Go heap, where pages live. The race
// detector does not watch it.
func mapped(tb testing.TB, bytes int) []byte {
	tb.Helper()
	m, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		tb.Fatalf("mmap %d bytes: %v", bytes, err)
	}
	tb.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			tb.Errorf("munmap: %v", err)
		}
	})
	return m
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// naiveEncode is the format as doc.go words it, with no thought of speed.
func naiveEncode(page, twin []byte) []byte {
	var d []byte
	for len(page) > 0 {
		n := min(len(page), SubPageBytes)
		var blockMap uint64
		var masks, data []byte
		for b := 0; b < n/BlockBytes; b++ {
			var mask uint64
			for j := 0; j < BlockBytes; j++ {
				if at := b*BlockBytes + j; page[at] != twin[at] {
					mask |= 1 << j
					data = append(data, page[at])
				}
			}
			if mask != 0 {
				blockMap |= 1 << b
				masks = binary.LittleEndian.AppendUint64(masks, mask)
			}
		}
		d = binary.LittleEndian.AppendUint64(d, blockMap)
		d = append(append(d, masks...), data...)
		page, twin = page[n:], twin[n:]
	}
	return d
}

// A pattern turns a twin into a page.
type pattern struct {
	name  string
	dirty func(page []byte, r *rand.Rand)
}

// density changes each byte with a probability of chances in 256.
func density(name string, chances int) pattern {
	return pattern{name, func(page []byte, r *rand.Rand) {
		for i := range page {
			if r.IntN(256) < chances {
				page[i] ^= byte(1 + r.IntN(255))
			}
		}
	}}
}

var patterns = []pattern{
	{"nothing", func([]byte, *rand.Rand) {}},
	{"first and last byte", func(page []byte, _ *rand.Rand) { page[0]++; page[len(page)-1]++ }},
	{"everything", func(page []byte, _ *rand.Rand) {
		for i := range page {
			page[i] = ^page[i]
		}
	}},
	{"every second byte", func(page []byte, _ *rand.Rand) {
		for i := 0; i < len(page); i += 2 {
			page[i]++
		}
	}},
	{"one word", func(page []byte, r *rand.Rand) {
		for i, at := 0, 8*r.IntN(len(page)/8); i < 8; i++ {
			page[at+i] ^= 0xff
		}
	}},
	{"the top bit of some bytes", func(page []byte, r *rand.Rand) {
		for i := range page {
			page[i] ^= byte(r.IntN(2)) << 7
		}
	}},
	{"runs with unaligned edges", func(page []byte, r *rand.Rand) {
		for at := r.IntN(100); at < len(page); at += r.IntN(200) {
			for end := min(at+1+r.IntN(150), len(page)); at < end; at++ {
				page[at] ^= byte(1 + r.IntN(255))
			}
		}
	}},
	{"each word with another mask", func(page []byte, _ *rand.Rand) {
		for i := range page {
			if mask := i / 8 % 256; mask>>(i%8)&1 == 1 {
				page[i] ^= 0x5a
			}
		}
	}},
	{"some blocks whole", func(page []byte, r *rand.Rand) {
		for b := 0; b < len(page); b += BlockBytes {
			if r.IntN(3) == 0 {
				for i := range BlockBytes {
					page[b+i]++
				}
			}
		}
	}},
	density("one byte in 250", 1),
	density("one byte in 25", 10),
	density("half of the bytes", 128),
	density("nearly all bytes", 250),
}

// randomPages returns a twin with random content and the page that a pattern
// makes of it.
func randomPages(size int, p pattern, r *rand.Rand) (page, twin []byte) {
	twin = make([]byte, size)
	for i := range twin {
		twin[i] = byte(r.Uint32())
	}
	page = append([]byte(nil), twin...)
	p.dirty(page, r)
	return page, twin
}

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
