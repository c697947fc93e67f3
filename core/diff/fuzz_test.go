package diff

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

const fuzzPageSize = 4096 + 128 // one whole and one short sub-page

// FuzzApply feeds arbitrary diffs. What is refused must leave no trace; what is
// accepted must be the diff of some page and twin, and be applied as such.
func FuzzApply(f *testing.F) {
	for i, p := range patterns {
		f.Add(naiveEncode(randomPages(fuzzPageSize, p, rand.New(rand.NewPCG(uint64(i), 1)))))
	}
	for _, tt := range malformed {
		f.Add(tt.d)
	}
	f.Fuzz(func(t *testing.T, d []byte) {
		for _, kernel := range Kernels() {
			useKernel(t, kernel)
			zeros, ones := make([]byte, fuzzPageSize), slices.Repeat([]byte{0xff}, fuzzPageSize)
			if err := Apply(zeros, d); err != nil {
				if slices.Max(zeros) != 0 {
					t.Fatalf("%s: wrote before it refused: %v", kernel, err)
				}
				continue
			}
			if err := Apply(ones, d); err != nil {
				t.Fatalf("%s: refused %x at the second time: %v", kernel, d, err)
			}
			// Where two different pages agree now, the diff wrote. A twin that
			// differs in these bytes alone must give the diff back.
			twin := slices.Clone(zeros)
			for i := range twin {
				if zeros[i] == ones[i] {
					twin[i]++
				}
			}
			if again := naiveEncode(zeros, twin); !bytes.Equal(again, d) {
				t.Fatalf("%s: applied %x as if it were %x", kernel, d, again)
			}
		}
	})
}

// FuzzReader feeds arbitrary streams: an error or records that can be applied,
// and records written again give the same stream.
func FuzzReader(f *testing.F) {
	f.Add([]byte{})
	var stream []byte
	for i, p := range patterns {
		page, twin := randomPages(fuzzPageSize, p, rand.New(rand.NewPCG(uint64(i), 2)))
		stream, _ = AppendRecord(stream, uint64(i), page, twin)
		f.Add(stream)
	}
	f.Add(record(1, 1<<32-7, words(0)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		const pages = 16
		r := NewReader(stream, fuzzPageSize, pages)
		var copied []byte
		var err error
		for {
			var number uint64
			var d []byte
			if number, d, err = r.Next(); err != nil {
				break
			}
			if number >= pages {
				t.Fatalf("page %d", number)
			}
			if err := Apply(make([]byte, fuzzPageSize), d); err != nil {
				t.Fatalf("the reader passed a diff that Apply refuses: %v", err)
			}
			copied = append(copied, record(number, uint64(len(d)), d)...)
			copied = append(copied, make([]byte, padded(len(d))-len(d))...)
		}
		if err == io.EOF && !bytes.Equal(copied, stream) {
			t.Fatal("records written again differ from the stream")
		}
		applyErr := ApplyAt(pointer(make([]byte, pages*fuzzPageSize)), fuzzPageSize, pages, stream)
		if (applyErr == nil) != (err == io.EOF) {
			t.Fatalf("reader: %v, ApplyAt: %v", err, applyErr)
		}
	})
}

// FuzzRoundTrip compares arbitrary pages with arbitrary twins.
func FuzzRoundTrip(f *testing.F) {
	for i, p := range patterns {
		page, twin := randomPages(192*(1+i*3), p, rand.New(rand.NewPCG(uint64(i), 3)))
		f.Add(page, twin)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		size := min(len(a), len(b)) / BlockBytes * BlockBytes
		if size == 0 {
			return
		}
		page, twin := slices.Clone(a[:size]), slices.Clone(b[:size]) // aligned
		want := naiveEncode(page, twin)
		for _, kernel := range Kernels() {
			useKernel(t, kernel)
			dst := make([]byte, MaxEncoded(size))
			n, changed := Encode(dst, page, twin)
			if !bytes.Equal(dst[:n], want) || changed == bytes.Equal(page, twin) {
				t.Fatalf("%s: changed %t, diff\n%x, want\n%x", kernel, changed, dst[:n], want)
			}
			home := slices.Clone(twin)
			if err := Apply(home, dst[:n]); err != nil || !bytes.Equal(home, page) {
				t.Fatalf("%s: apply: error %v", kernel, err)
			}
		}
	})
}
