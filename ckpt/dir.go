package ckpt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is a real directory. Files in it are for their owner alone.
type Dir string

// Path joins the directory and the name.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Make does what FS says.
func (d Dir) Make() error { return makeDir(filepath.Clean(string(d))) }

func makeDir(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDir(parent); err != nil {
		return err
	}
	// Another host may be making it as well. Whoever made it, it must be on disk before this host relies on it.
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return Dir(parent).Sync()
}

// Create does what FS says.
func (d Dir) Create(name string) (Output, error) {
	f, err := os.OpenFile(d.Path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &output{File: f}, nil
}

// Open does what FS says.
func (d Dir) Open(name string) (Input, error) {
	f, err := os.Open(d.Path(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", d.Path(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	// Only a hint to read ahead.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	return &input{f, info.Size()}, nil
}

type input struct {
	*os.File
	size int64
}

func (i *input) Size() int64 { return i.size }

// Rename does what FS says. File systems that cannot refuse by themselves (NFS) are asked whether the name is taken first.
func (d Dir) Rename(from, to string) error {
	from, to = d.Path(from), d.Path(to)
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP:
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.EEXIST}
			}
			return err
		}
		return os.Rename(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

// Remove does what FS says.
func (d Dir) Remove(name string) error { return os.Remove(d.Path(name)) }

// List does what FS says.
func (d Dir) List() ([]string, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Sync does what FS says, as far as the file system can: some do not know this of a directory, and say so.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}
