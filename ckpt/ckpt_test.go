package ckpt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

func TestRoundTrip(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			s := ckpt.Open(t.TempDir() + "/a/b")
			j := newJob(1, s, 3, compress)
			j.memory.sections["1 empty"] = ""
			j.memory.sections["2 large"] = string(noise(3<<20 + 17))
			j.memory.sections["2 dull"] = strings.Repeat("x", 2<<20)
			want := map[uint64]memory{}
			for i := range 5 {
				j.change(i)
				must(t, j.save(i%3 == 0))
				want[j.generation] = j.memory.clone()
			}
			generations, err := s.Manifests()
			if err != nil || !slices.Equal(generations, []uint64{5, 4, 3, 2, 1}) {
				t.Fatal(generations, err)
			}
			for _, g := range generations {
				m, err := s.Manifest(g)
				must(t, err)
				must(t, s.Verify(m, nil))
				compare(t, load(t, s, m), want[g])
				if here, err := s.Here(m); err != nil || !slices.Equal(here, []int{0, 1, 2}) {
					t.Error(here, err)
				}
			}
			if next, err := s.Next(); err != nil || next != 6 {
				t.Error(next, err)
			}
		})
	}
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func TestPagesOfManyBlocks(t *testing.T) {
	s := ckpt.OpenFS(&ckpttest.Disk{})
	const size, first = 4096, 1 << 40
	data := noise(5<<20 + 3*size)
	copy(data[2<<20:], make([]byte, 1<<20)) // compresses well
	for g, compress := range []bool{false, true} {
		info := ckpt.PartInfo{Generation: uint64(g + 1), Hosts: 1, PageSize: size, Compress: compress}
		w, err := s.CreatePart(info)
		must(t, err)
		must(t, w.Pages(first, data))
		must(t, w.Pages(7, data[:size]))
		part, err := w.Close()
		must(t, err)
		if part.Pages != uint64(len(data)/size)+1 {
			t.Errorf("%d pages", part.Pages)
		}
		if smaller := part.Bytes < int64(len(data)); smaller != compress {
			t.Errorf("%d bytes, compress %v", part.Bytes, compress)
		}
		r, err := s.OpenPart(&ckpt.Manifest{Generation: info.Generation, Hosts: 1, PageSize: size, Parts: []ckpt.Part{part}}, 0)
		must(t, err)
		var got []byte
		for {
			b, err := r.Next()
			must(t, err)
			if b.First == 7 {
				break
			}
			if b.First != first+uint64(len(got)/size) {
				t.Fatalf("block of page %d after %d bytes", b.First, len(got))
			}
			got = append(got, b.Data...)
		}
		if _, err := r.Next(); err != io.EOF || !bytes.Equal(got, data) {
			t.Error(err, "or other contents")
		}
		must(t, r.Close())
	}
}

func TestMisuseOfAWriter(t *testing.T) {
	s := ckpt.OpenFS(&ckpttest.Disk{})
	info := ckpt.PartInfo{Generation: 3, Hosts: 2, Host: 1, PageSize: pageSize}
	page := make([]byte, pageSize)
	for name, try := range map[string]func(w *ckpt.PartWriter) error{
		"zero late":        func(w *ckpt.PartWriter) error { return errors.Join(w.Pages(1, page), w.Zero(1, 1)) },
		"zero nothing":     func(w *ckpt.PartWriter) error { return w.Zero(1, 0) },
		"zero beyond":      func(w *ckpt.PartWriter) error { return w.Zero(1<<63, 1<<63) },
		"half a page":      func(w *ckpt.PartWriter) error { return w.Pages(1, page[1:]) },
		"no page":          func(w *ckpt.PartWriter) error { return w.Pages(1, nil) },
		"a section twice":  func(w *ckpt.PartWriter) error { return errors.Join(w.Section("a", nil), w.Section("a", nil)) },
		"a nameless one":   func(w *ckpt.PartWriter) error { return w.Section("", nil) },
		"after the end":    func(w *ckpt.PartWriter) error { w.Abandon(); return w.Pages(1, page) },
		"closed after it":  func(w *ckpt.PartWriter) error { w.Abandon(); _, err := w.Close(); return err },
		"closed on errors": func(w *ckpt.PartWriter) error { _ = w.Zero(0, 0); _, err := w.Close(); return err },
	} {
		w, err := s.CreatePart(info)
		must(t, err)
		if err := try(w); err == nil {
			t.Errorf("%s: no error", name)
		}
		w.Abandon()
	}
	for _, info := range []ckpt.PartInfo{{}, {Generation: 1, Base: 1, Hosts: 1, PageSize: 8}, {Generation: 1, Hosts: 1, PageSize: 12},
		{Generation: 1, Hosts: 1, Host: 1, PageSize: 8}, {Generation: 1, Hosts: 1 << 30, PageSize: 8}} {
		if _, err := s.CreatePart(info); err == nil {
			t.Errorf("%+v: no error", info)
		}
	}
	info.Base = 2
	if _, err := s.CreatePart(info); !errors.Is(err, ckpt.ErrBase) {
		t.Errorf("a base that is not there: %v", err)
	}
}
