package diff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// pageSizes holds simulator pages, odd counts of blocks, whole sub-pages and
// pages whose last sub-page is short.
var pageSizes = []int{64, 128, 192, 1984, 4032, 4096, 4160, 8192, 12288 + 640, 65536}

// TestSameDiffAsNaive holds each kernel to the obvious version.
func TestSameDiffAsNaive(t *testing.T) {
	const rounds = 4
	forEachKernel(t, func(t *testing.T) {
		for _, size := range pageSizes {
			for _, p := range patterns {
				for seed := range uint64(rounds) {
					page, twin := randomPages(size, p, rand.New(rand.NewPCG(seed, uint64(size))))
					want := naiveEncode(page, twin)
					dst := make([]byte, MaxEncoded(size))
					n, changed := Encode(dst, page, twin)
					if !bytes.Equal(dst[:n], want) || changed != !bytes.Equal(page, twin) {
						t.Fatalf("%d bytes, %s, seed %d: diff of %d bytes, changed %t; want %d bytes, content differs",
							size, p.name, seed, n, changed, len(want))
					}
					if size > 4160 {
						break // these take long
					}
				}
			}
		}
	})
}

// TestApply holds each kernel to two promises: the twin becomes the page, and
// any other copy of the page changes only where the diff has bytes.
func TestApply(t *testing.T) {
	const rounds = 3
	forEachKernel(t, func(t *testing.T) {
		for _, size := range pageSizes {
			for _, p := range patterns {
				for seed := range uint64(rounds) {
					r := rand.New(rand.NewPCG(seed, uint64(size)))
					page, twin := randomPages(size, p, r)
					d := naiveEncode(page, twin)
					what := fmt.Sprintf("%d bytes, %s, seed %d", size, p.name, seed)

					home, _ := randomPages(size, density("", 0), r)
					want := slices.Clone(home)
					for i := range page {
						if page[i] != twin[i] {
							want[i] = page[i]
						}
					}
					if err := Apply(home, d); err != nil || !bytes.Equal(home, want) {
						t.Fatalf("%s: onto another copy: error %v, equal %t", what, err, bytes.Equal(home, want))
					}
					if err := Apply(twin, d); err != nil || !bytes.Equal(twin, page) {
						t.Fatalf("%s: onto the twin: error %v, equal %t", what, err, bytes.Equal(twin, page))
					}
					if size > 4160 {
						break
					}
				}
			}
		}
	})
}

// TestTwoWriters merges the diffs of two hosts that wrote different bytes of
// the same words, in either order.
func TestTwoWriters(t *testing.T) {
	forEachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		_, twin := randomPages(4096, density("", 0), r)
		one, two, want := slices.Clone(twin), slices.Clone(twin), slices.Clone(twin)
		for i := range twin {
			want[i] ^= byte(1 + r.IntN(255))
			if r.IntN(2) == 0 {
				one[i] = want[i]
			} else {
				two[i] = want[i]
			}
		}
		for _, order := range [][2][]byte{{one, two}, {two, one}} {
			home := slices.Clone(twin)
			for _, page := range order {
				if err := Apply(home, naiveEncode(page, twin)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(home, want) {
				t.Error("a write is missing after both diffs")
			}
		}
	})
}

func words(w ...uint64) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

var malformed = []struct {
	name     string
	pageSize int
	d        []byte
	want     error
}{
	{"nothing at all", 64, nil, ErrTruncated},
	{"half a block map", 64, make([]byte, 7), ErrTruncated},
	{"a block map for one of two sub-pages", 8192, words(0), ErrTruncated},
	{"no mask for the block", 64, words(1), ErrTruncated},
	{"half a mask", 64, append(words(1), 1, 0), ErrTruncated},
	{"no data for the mask", 64, words(1, 1), ErrTruncated},
	{"seven bytes for eight", 64, append(words(1, 0xff), make([]byte, 7)...), ErrTruncated},
	{"all masks, no data", 4096, words(append([]uint64{allBlocks}, slices.Repeat([]uint64{^uint64(0)}, 64)...)...), ErrTruncated},
	{"an empty mask", 64, words(1, 0), ErrEmptyMask},
	{"an empty mask after a good one", 128, append(words(3, 1, 0), 1), ErrEmptyMask},
	{"a second block in a page of one", 64, append(words(2, 1), 1), ErrBeyondPage},
	{"the last bit in a page of 63", 4032, append(words(1<<63, 1), 1), ErrBeyondPage},
	{"a block beyond the short last sub-page", 4160, append(words(0, 2, 1), 1), ErrBeyondPage},
	{"one byte too many", 64, append(words(1, 1), 1, 2), ErrTrailing},
	{"a diff of a larger page", 64, words(0, 0), ErrTrailing},
}

func TestApplyRefuses(t *testing.T) {
	for _, tt := range malformed {
		t.Run(tt.name, func(t *testing.T) {
			page := make([]byte, tt.pageSize)
			if err := Apply(page, tt.d); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if slices.Max(page) != 0 {
				t.Error("the page was written")
			}
		})
	}
}

func TestApplyGoldenBytes(t *testing.T) {
	// The format on the wire, spelled out: blocks 0 and 63, then sub-page 2.
	d := words(1|1<<63, 0x8000_0000_0000_0001, 0x0f00)
	d = append(d, 'a', 'b', 'c', 'd', 'e', 'f')
	d = append(d, words(1, 2)...)
	d = append(d, 'g')
	want := make([]byte, 4096+64)
	want[0], want[63] = 'a', 'b'
	copy(want[63*64+8:], "cdef")
	want[4096+1] = 'g'
	forEachKernel(t, func(t *testing.T) {
		page := make([]byte, len(want))
		if err := Apply(page, d); err != nil || !bytes.Equal(page, want) {
			t.Errorf("apply: error %v, page as wanted %t", err, bytes.Equal(page, want))
		}
		dst := make([]byte, MaxEncoded(len(want)))
		if n, changed := Encode(dst, want, make([]byte, len(want))); !changed || !bytes.Equal(dst[:n], d) {
			t.Errorf("encode: changed %t\n got %x\nwant %x", changed, dst[:n], d)
		}
	})
}

func TestMisusePanics(t *testing.T) {
	page := make([]byte, 128)
	for name, call := range map[string]func(){
		"a page size of 0":          func() { MaxEncoded(0) },
		"a negative page size":      func() { MaxEncoded(-64) },
		"a page size of 100":        func() { MaxEncoded(100) },
		"a page size above 1 GiB":   func() { MaxEncoded(MaxPageBytes + 64) },
		"a twin of another size":    func() { Encode(make([]byte, 1000), page, page[:64]) },
		"a short destination":       func() { Encode(make([]byte, MaxEncoded(128)-1), page, page) },
		"an unaligned page":         func() { _ = Apply(page[4:68], words(0)) },
		"an unaligned page to read": func() { Encode(make([]byte, 1000), page[1:65], page[:64]) },
		"an unaligned batch":        func() { EncodeBatch(make([]byte, 1000), 64, []Pair{{Page: 4}}) },
		"an empty page":             func() { _ = Apply(nil, words(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestUseRefusesUnknownKernel(t *testing.T) {
	before := Kernel()
	if err := Use("fpga"); err == nil || Kernel() != before {
		t.Errorf("error %v, kernel %q, was %q", err, Kernel(), before)
	}
	if names := Kernels(); names[0] != "scalar" || Kernel() != names[len(names)-1] {
		t.Errorf("kernel %q of %q", Kernel(), names)
	}
	t.Logf("kernels of this processor: %q", Kernels())
}

func TestNoAllocation(t *testing.T) {
	const size = 4096
	memory := mapped(t, 8*size)
	page, twin := memory[:size], memory[size:2*size]
	for i := 0; i < size; i += 2 {
		page[i] = 1
	}
	dst := make([]byte, 2*MaxRecord(size))
	pairs := []Pair{{Page: address(page), Twin: address(twin), Number: 1}}
	home := memory[4*size:]
	d := naiveEncode(page, twin)
	stream, _ := AppendRecord(nil, 1, page, twin)
	for name, call := range map[string]func(){
		"Encode":       func() { Encode(dst, page, twin) },
		"Apply":        func() { _ = Apply(home[:size], d) },
		"AppendRecord": func() { AppendRecord(dst[:0], 1, page, twin) },
		"EncodeBatch":  func() { EncodeBatch(dst, size, pairs) },
		"ApplyAt":      func() { _ = ApplyAt(pointer(home), size, 4, stream) },
	} {
		if n := testing.AllocsPerRun(50, call); n != 0 {
			t.Errorf("%s: %v allocations a run", name, n)
		}
	}
}
