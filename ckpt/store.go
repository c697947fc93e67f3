// Package ckpt keeps checkpoints in a directory: generations, each of which has one part per host and a manifest.
//
// A host writes its part under a temporary name, syncs it, gives it its name and syncs the directory. When all have done that, one of
// them commits the manifest in the same way. A generation exists from that moment on; whatever is in the directory without a manifest does
// not count. A generation is full, or has only what was written since its base, an older one; reading it means to read the chain
// down to a full one. Every byte of every file is under a checksum. Files are never changed or replaced once they have their name.
// docs/checkpoint-format.md describes them byte by byte.
//
// The package knows nothing of what is in the checkpoints: pages are numbers with contents, other data are named sections, and the manifest
// carries an opaque text.
package ckpt

import (
	"errors"
	"io/fs"
)

// MaxHosts is how many hosts a checkpoint can have parts of.
const MaxHosts = 1 << 16

// MaxBlock is how many bytes of contents, not compressed, a block has at most.
const MaxBlock = 2 << 20

// ErrBase says that a generation cannot build on the one before, since that is not in the directory any more. The next one must be full.
var ErrBase = errors.New("the generation that it builds on is not there")

// A Store reads and writes the checkpoints of one directory. Its methods may be called by several goroutines, its writers and readers
// belong to one goroutine each. Hosts may share a directory or have one each; then parts and manifests are in different places.
type Store struct {
	fs    FS
	claim claim
}

// Open returns the store in a directory, which need not exist: the first that is written makes it. Nothing is read yet.
func Open(dir string) *Store {
	return OpenFS(Dir(dir))
}

// OpenFS is Open for a directory that is not a real one.
func OpenFS(dir FS) *Store {
	return &Store{fs: dir}
}

// Make makes the directory if it is not there. Writing does that, too; this is for those who want to know early that it cannot be made.
func (s *Store) Make() error {
	return s.fs.Make()
}

// Next returns the number that a new generation is to have here: above that of any file, whichever job's and whether complete or
// not, so that no number is used twice; 1 in an empty or missing one. A job counts on from there, also after a generation that failed.
func (s *Store) Next() (uint64, error) {
	names, err := s.list()
	if err != nil {
		return 0, err
	}
	next := uint64(1)
	for _, name := range names {
		if f, ok := parseName(name); ok {
			next = max(next, f.generation+1)
		}
	}
	return next, nil
}

// list returns the names of all files in the directory, none if it is not there.
func (s *Store) list() ([]string, error) {
	names, err := s.fs.List()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}
