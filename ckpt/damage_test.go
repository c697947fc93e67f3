package ckpt_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

// chains writes generations 1 (full), 2 on 1, 3 (full), 4 on 3 and returns the disk, its store, and what each generation holds.
func chains(t *testing.T, compress bool) (*ckpttest.Disk, *ckpt.Store, map[uint64]memory) {
	disk := &ckpttest.Disk{}
	s := ckpt.OpenFS(disk)
	j := newJob(1, s, 2, compress)
	want := map[uint64]memory{}
	for i := range 4 {
		j.change(i)
		must(t, j.save(i%2 == 0))
		want[j.generation] = j.memory.clone()
	}
	return disk, s, want
}

// fallback returns the newest generation that is good when a file is not.
func fallback(name string) uint64 {
	return map[byte]uint64{'1': 4, '2': 4, '3': 2, '4': 3}[strings.TrimPrefix(name, "jia-ckpt-")[0]]
}

// expectFallback checks that a damaged file is found, named, and gone round.
func expectFallback(t *testing.T, s *ckpt.Store, name, how string) {
	t.Helper()
	var g uint64
	if _, err := fmt.Sscanf(name, "jia-ckpt-%d", &g); err != nil {
		t.Fatal(err)
	}
	m, err := s.Manifest(g)
	if err == nil {
		err = s.Verify(m, nil)
	}
	var damage *ckpt.Damage
	if !errors.As(err, &damage) || damage.File != "disk/"+name || damage.What == "" {
		t.Fatalf("%s, %s: error %v", name, how, err)
	}
	newest, bad, err := s.Newest()
	if err != nil || newest == nil {
		t.Fatalf("%s, %s: nothing is left: %v %v", name, how, bad, err)
	}
	if newest.Generation != fallback(name) {
		t.Fatalf("%s, %s: generation %d is the newest, after %v", name, how, newest.Generation, bad)
	}
	if g := newest.Generation; len(bad) != int(4-g) {
		t.Fatalf("%s, %s: generation %d is the newest, and bad are %v", name, how, g, bad)
	}
}

func TestEveryByteCounts(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			disk, s, want := chains(t, compress)
			files := disk.Files()
			flips := 0
			all := !testing.Short()
			for _, name := range slices.Sorted(maps.Keys(files)) {
				good := files[name]
				for at := range good {
					for i, flip := range []byte{1 << (at % 8), 0x20, 0xff} {
						if i > 0 && !all {
							break
						}
						bad := slices.Clone(good)
						bad[at] ^= flip
						disk.Put(name, bad)
						expectFallback(t, s, name, fmt.Sprintf("byte %d flipped by %#x", at, flip))
						flips++
					}
				}
				disk.Put(name, good)
			}
			m, bad, err := s.Newest()
			if err != nil || len(bad) > 0 {
				t.Fatal(bad, err)
			}
			compare(t, load(t, s, m), want[4])
			t.Logf("%d flips in %d files found", flips, len(files))
		})
	}
}

func TestEveryCutCounts(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprint("compress=", compress), func(t *testing.T) {
			disk, s, _ := chains(t, compress)
			cuts := 0
			files := disk.Files()
			for _, name := range slices.Sorted(maps.Keys(files)) {
				good := files[name]
				for size := range good { // each block boundary is among them
					disk.Put(name, good[:size:size])
					expectFallback(t, s, name, fmt.Sprintf("cut at %d of %d", size, len(good)))
					cuts++
				}
				for _, more := range []string{"\x00", "\n", string(good)} {
					disk.Put(name, append(slices.Clone(good), more...))
					expectFallback(t, s, name, fmt.Sprintf("%d bytes more", len(more)))
				}
				disk.Put(name, good)
			}
			t.Logf("%d cuts of %d files found", cuts, len(files))
		})
	}
}

func TestMissingFiles(t *testing.T) {
	disk, s, want := chains(t, false)
	files := disk.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		must(t, disk.Remove(name))
		newest, bad, err := s.Newest()
		must(t, err)
		if g := fallback(name); newest == nil || newest.Generation != g {
			t.Fatalf("without %s: %v, %v", name, newest, bad)
		}
		compare(t, load(t, s, newest), want[newest.Generation])
		for _, err := range bad {
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
				t.Errorf("without %s: %v", name, err)
			}
		}
		disk.Put(name, files[name])
	}
}

// Files that are whole, but stand where others belong.
func TestFilesInEachOthersPlace(t *testing.T) {
	disk, s, _ := chains(t, false)
	files := disk.Files()
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		for _, other := range names {
			if name != other {
				disk.Put(name, files[other])
				expectFallback(t, s, name, "replaced by "+other)
			}
		}
		disk.Put(name, files[name])
	}
}

// A part of the same name and size, from a try of the same generation that did not become complete.
func TestPartOfAnotherTry(t *testing.T) {
	_, m := craft(t, func(w *ckpt.PartWriter) { must(t, w.Pages(1, noise(pageSize))) })
	other, _ := craft(t, func(w *ckpt.PartWriter) { must(t, w.Pages(1, noise(2 * pageSize)[pageSize:])) })
	r, err := ckpt.NewPartReader(input(other), m)
	must(t, err)
	if _, err = r.Next(); err == nil {
		_, err = r.Next()
	}
	var damage *ckpt.Damage
	if !errors.As(err, &damage) || !strings.Contains(damage.What, "not the part that the manifest means") {
		t.Error(err)
	}
}

// A file that promises much is not believed before it has come.
func TestPromisesTakeNoMemory(t *testing.T) {
	part, m := craft(t, func(w *ckpt.PartWriter) { must(t, w.Section("s", make([]byte, 10))) })
	const header = 64
	for _, promise := range []uint64{1 << 62, 11, 1<<64 - 1} {
		bad := slices.Clone(part)
		le.PutUint64(bad[header+24:], promise) // bytes of the section
		m.Parts[0].Sum = reseal(bad)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := ckpt.NewPartReader(input(bad), m)
		must(t, err)
		b, err := r.Next()
		must(t, err)
		if _, err := r.Whole(b); !errors.As(err, new(*ckpt.Damage)) {
			t.Errorf("a section of %d bytes: %v", promise, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("a section of %d bytes that is not there took %d", promise, n)
		}
	}
}
