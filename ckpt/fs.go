package ckpt

import "io"

// An FS is the one directory in which a store keeps its files. A name is that of a file there, without any folder. Errors are those
// of package os, with the path in them. Dir is the real one; ckpttest has one that crashes. All methods may be called by several goroutines.
type FS interface {
	// Path is what messages call a file of that name.
	Path(name string) string
	// Make makes the directory, for its owner alone, if it is not there, and what leads to it; it returns when that cannot be lost any more.
	Make() error
	// Create makes a file for writing; fs.ErrExist if there is one of that name.
	Create(name string) (Output, error)
	Open(name string) (Input, error)
	// Rename gives a file its final name; fs.ErrExist if that is taken: no file is ever replaced.
	Rename(from, to string) error
	Remove(name string) error
	// List returns the names of all files, in any order; fs.ErrNotExist if the directory is not there.
	List() ([]string, error)
	// Lock has the directory, which must be there, belong to the caller until the result is closed or the process ends; EBUSY if it belongs to
	// another one. Where that cannot be had it does nothing.
	Lock() (io.Closer, error)
	// Sync returns when what was made, renamed and removed so far cannot be lost any more.
	Sync() error
}

// An Output is a file that is being written, from its beginning to its end.
type Output interface {
	io.Writer
	// Sync returns when all that was written cannot be lost any more.
	Sync() error
	Close() error
}

// An Input is a file that is read from its beginning to its end.
type Input interface {
	io.Reader
	// Size is how many bytes the file had when it was opened.
	Size() int64
	Close() error
}
