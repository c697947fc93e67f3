package ckpt_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

var le = binary.LittleEndian

// An inMemory file is read from bytes.
type inMemory struct{ bytes.Reader }

func input(b []byte) *inMemory { return &inMemory{*bytes.NewReader(b)} }

func (*inMemory) Close() error { return nil }

// craft returns a part, and a manifest that means it.
func craft(t testing.TB, fill func(w *ckpt.PartWriter)) ([]byte, *ckpt.Manifest) {
	disk := &ckpttest.Disk{}
	w, err := ckpt.OpenFS(disk).CreatePart(ckpt.PartInfo{Generation: 1, Hosts: 1, PageSize: pageSize, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	fill(w)
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	m := &ckpt.Manifest{Generation: 1, Hosts: 1, PageSize: pageSize, Parts: []ckpt.Part{part}}
	return slices.Collect(maps.Values(disk.Files()))[0], m
}

// reseal makes all checksums of a part right, as far as its blocks can be followed, and returns that of the last one. It is written from
// docs/checkpoint-format.md, apart from the code under test.
func reseal(b []byte) (sum uint32) {
	table := crc32.MakeTable(crc32.Castagnoli)
	if len(b) < 64 {
		return 0
	}
	sum = crc32.Checksum(b[:60], table)
	le.PutUint32(b[60:], sum)
	for at := 64; at+48 <= len(b); {
		h := b[at:][:48]
		stored := int(le.Uint32(h[32:]))
		at += 48
		if stored <= len(b)-at {
			le.PutUint32(h[40:], crc32.Checksum(b[at:][:stored], table))
		}
		sum = crc32.Checksum(append(le.AppendUint32(nil, sum), h[:44]...), table)
		le.PutUint32(h[44:], sum)
		at += stored
	}
	return sum
}

// FuzzPart reads damaged parts: as they are, and with all checksums made right, so that what is behind these is reached.
func FuzzPart(f *testing.F) {
	dull := make([]byte, 40*pageSize)
	for _, fill := range []func(w *ckpt.PartWriter){
		func(w *ckpt.PartWriter) {},
		func(w *ckpt.PartWriter) {
			_ = w.Zero(3, 9)
			_ = w.Pages(1<<40, noise(2*pageSize))
			_ = w.Section("x", nil)
		},
		func(w *ckpt.PartWriter) { _ = w.Pages(1, dull); _ = w.Section(strings.Repeat("n", 300), dull) },
	} {
		part, _ := craft(f, fill)
		f.Add(part, false)
		f.Add(part, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		part := ckpt.Part{Bytes: int64(len(b))}
		if len(b) >= 48 {
			part.Sum, part.Pages = le.Uint32(b[len(b)-4:]), le.Uint64(b[len(b)-32:])
		}
		if seal {
			b = slices.Clone(b)
			part.Sum = reseal(b)
		}
		m := &ckpt.Manifest{Generation: 1, Hosts: 1, PageSize: pageSize, Parts: []ckpt.Part{part}}
		r, err := ckpt.NewPartReader(input(b), m)
		if err != nil {
			return
		}
		defer r.Close()
		var pages uint64
		for {
			block, err := r.Next()
			if err == io.EOF {
				if pages != part.Pages {
					t.Fatalf("%d pages of %d", pages, part.Pages)
				}
				return
			}
			if err != nil {
				if _, again := r.Next(); again != err {
					t.Fatalf("error %v, and then %v", err, again)
				}
				return
			}
			switch {
			case block.Kind == ckpt.KindPages:
				pages += block.Count
				if uint64(len(block.Data)) != block.Count*pageSize {
					t.Fatalf("%d pages of %d bytes", block.Count, len(block.Data))
				}
			case block.Kind == ckpt.KindSection && block.Offset == 0:
				if data, err := r.Whole(block); err == nil && uint64(len(data)) != block.Total {
					t.Fatalf("a section of %d bytes has %d", block.Total, len(data))
				}
			}
		}
	})
}

// FuzzManifest decodes texts; one that is taken is that of the manifest it means.
func FuzzManifest(f *testing.F) {
	_, m := craft(f, func(w *ckpt.PartWriter) { _ = w.Zero(1, 1) })
	text, err := ckpt.EncodeManifest(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("jia-ckpt manifest 1 0 00000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ckpt.DecodeManifest(b)
		if err != nil {
			return
		}
		text, err := ckpt.EncodeManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ckpt.DecodeManifest(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Parts, again.Parts); diff != "" || m.Generation != again.Generation {
			t.Fatal(diff)
		}
	})
}
