//go:build rdma

package rdma

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

// A slice of memory that is registered.
type registered struct {
	b  []byte
	mr *verbs.MR
}

// makeRegistered makes so many bytes of zeros.
func makeRegistered(pd *verbs.PD, size int, access verbs.Access) (r registered, err error) {
	// Shared, so that a fork of the program does not give the parent a copy which the device knows nothing of.
	r.b, err = unix.Mmap(-1, 0, int(roundUp(uint64(size), uint64(os.Getpagesize()))), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return r, os.NewSyscallError("mmap", err)
	}
	if r.mr, err = pd.Register(r.b, access); err != nil {
		return registered{}, errors.Join(err, unix.Munmap(r.b))
	}
	return r, nil
}

func (r *registered) free() error {
	if r.mr == nil {
		return nil
	}
	return errors.Join(r.mr.Free(), unix.Munmap(r.b))
}

// An arena hands out memory that peers may read and write, and that is freed all at once.
type arena struct {
	chunks []registered
	used   int // of the last chunk
}

const arenaChunk = 64 << 10

// get returns so many bytes of zeros, aligned to entries, and where they are for peers.
func (a *arena) get(pd *verbs.PD, size int) ([]byte, place, error) {
	size = int(roundUp(uint64(size), entryBytes))
	if n := len(a.chunks); n == 0 || len(a.chunks[n-1].b)-a.used < size {
		r, err := makeRegistered(pd, max(size, arenaChunk), verbs.LocalWrite|verbs.RemoteRead|verbs.RemoteWrite)
		if err != nil {
			return nil, place{}, err
		}
		a.chunks, a.used = append(a.chunks, r), 0
	}
	c := &a.chunks[len(a.chunks)-1]
	b := c.b[a.used:][:size:size]
	a.used += size
	return b, place{verbs.Address(b), c.mr.Remote}, nil
}

func (a *arena) free() error {
	var errs []error
	for i := range a.chunks {
		errs = append(errs, a.chunks[i].free())
	}
	a.chunks = nil
	return errors.Join(errs...)
}
