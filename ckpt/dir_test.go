package ckpt_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/ckpt"
)

func TestPlace(t *testing.T) {
	for text, want := range map[string]struct {
		dir string
		n   uint64
	}{"/a": {"/a", 0}, "/a:7": {"/a", 7}, "a:b:7": {"a:b", 7}, "/a:0": {"/a:0", 0}, "/a:": {"/a:", 0}, "/a:7/": {"/a:7/", 0}, ":7": {":7", 0},
		"/a:x": {"/a:x", 0}, "": {"", 0}, "/a:-1": {"/a:-1", 0}} {
		if dir, n := ckpt.Place(text); dir != want.dir || n != want.n {
			t.Errorf("%q: %q, %d", text, dir, n)
		}
	}
}

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	top := t.TempDir()
	j := newJob(1, ckpt.Open(top+"/a/b/"), 1, false)
	j.change(1)
	must(t, j.save(true))
	must(t, filepath.WalkDir(top+"/a", func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return nil
	}))
}

func TestReadersMakeNothing(t *testing.T) {
	dir := t.TempDir() + "/x"
	s := ckpt.Open(dir)
	generations, err := s.Manifests()
	m, bad, err2 := s.Newest()
	next, err3 := s.Next()
	keep, err4 := s.Keep(2)
	if err := errors.Join(err, err2, err3, err4, s.Prune([]uint64{3})); err != nil || generations != nil || m != nil || bad != nil || next != 1 || keep != nil {
		t.Error(err, generations, m, bad, next, keep)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A directory that vanishes is made again, and the next generation cannot build on what was there.
func TestDirectoryVanishes(t *testing.T) {
	dir := t.TempDir() + "/x"
	s := ckpt.Open(dir)
	j := newJob(1, s, 2, false)
	j.change(1)
	must(t, j.save(true))
	must(t, os.RemoveAll(dir))
	j.change(2)
	if err := j.save(false); !errors.Is(err, ckpt.ErrBase) {
		t.Fatal(err)
	}
	must(t, j.save(true))
	// While a part is being written, too.
	w, err := s.CreatePart(ckpt.PartInfo{Generation: 9, Hosts: 1, PageSize: pageSize})
	must(t, err)
	must(t, os.RemoveAll(dir))
	if _, err := w.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWhereNoDirectoryCanBe(t *testing.T) {
	file := t.TempDir() + "/file"
	must(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, file + "/x", "/proc/nowhere/x"} {
		err := ckpt.Open(dir).Make()
		var at *fs.PathError
		if !errors.As(err, &at) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A full disk and one that is read-only, as the kernel has them.
func TestRealFaults(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("ckpt", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	s := ckpt.Open(dir)
	j := newJob(1, s, 2, false)
	j.change(1)
	must(t, j.save(true))
	good := j.memory.clone()
	j.memory.sections["1 large"] = string(noise(5 << 20))
	if err := j.save(false); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	must(t, unix.Mount("ckpt", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if err := j.save(false); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
	m, bad, err := s.Newest()
	if err != nil || len(bad) > 0 || m.Generation != 1 {
		t.Fatal(m, bad, err)
	}
	compare(t, load(t, s, m), good)
	must(t, unix.Mount("ckpt", dir, "tmpfs", unix.MS_REMOUNT, ""))
	delete(j.memory.sections, "1 large")
	j.change(2)
	must(t, j.save(false))
	m, _, err = s.Newest()
	must(t, err)
	compare(t, load(t, s, m), j.memory)
}
