package ckpt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Jobs that write to one directory would take each other's generations for their own past, and remove them. So the host that commits manifests claims
// the directory.

// claim is a directory that belongs to a store.
type claim struct {
	mu   sync.Mutex
	lock io.Closer // nil: it does not
}

// Claim has the directory belong to this store until Release or the end of the process, and makes it if it is not there. It fails when it belongs to
// another job. Calling it again costs little, and is needed where somebody may have put another directory into the place.
func (s *Store) Claim() error {
	if err := s.fs.Make(); err != nil {
		return err
	}
	s.claim.mu.Lock()
	defer s.claim.mu.Unlock()
	lock, err := s.fs.Lock()
	if errors.Is(err, unix.EBUSY) {
		if held, ok := s.claim.lock.(interface{ current() bool }); ok && held.current() {
			return nil
		}
		return fmt.Errorf("%w: another job that runs keeps its checkpoints there; give each one a directory of its own", err)
	}
	if err != nil {
		return err
	}
	if s.claim.lock != nil {
		_ = s.claim.lock.Close()
	}
	s.claim.lock = lock
	return nil
}

// Release ends the claim, if there is one.
func (s *Store) Release() {
	s.claim.mu.Lock()
	defer s.claim.mu.Unlock()
	if s.claim.lock != nil {
		_ = s.claim.lock.Close()
		s.claim.lock = nil
	}
}

// Lock does what FS says. The lock is the kernel's, and leaves no file behind. On NFS it keeps out the jobs of this machine alone.
func (d Dir) Lock() (io.Closer, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
		return &dirLock{f, d}, nil
	case unix.EWOULDBLOCK:
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: string(d), Err: unix.EBUSY}
	default: // the file system knows no locks
		return f, nil
	}
}

type dirLock struct {
	*os.File
	dir Dir
}

// Close gives the directory back, also where a child process has got the descriptor.
func (l *dirLock) Close() error {
	_ = unix.Flock(int(l.Fd()), unix.LOCK_UN)
	return l.File.Close()
}

// current tells whether the directory is still the one that was locked.
func (l *dirLock) current() bool {
	held, err := l.Stat()
	now, err2 := os.Stat(string(l.dir))
	return err == nil && err2 == nil && os.SameFile(held, now)
}
