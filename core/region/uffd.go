package region

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// uffd gives access by filling in page table entries through userfaultfd. An access to an entry that is empty (MINOR:
// the frame exists; MISSING: it does not) or write-protected (WP) raises SIGBUS in the thread that made it.
//
// The table is what this backend last did. The kernel may have emptied entries since, so the table only tells which
// operation to try first, and which pages need none.
type uffd struct {
	fd         uffdFD
	mem        *memory
	pageSize   uint64
	kernelPage uint64
	table      accessTable
}

func openUffd(cfg Config, mem *memory) (*uffd, error) {
	fd, _, errno := openUffdFD(featuresWanted)
	if errno != 0 {
		return nil, fmt.Errorf("userfaultfd: %w", errno)
	}
	if errno := fd.register(uint64(mem.app), mem.size); errno != 0 {
		return nil, errors.Join(fmt.Errorf("userfaultfd: register %d bytes at %#x: %w", mem.size, mem.app, errno),
			fd.close())
	}
	table, err := newAccessTable(mem.size / uint64(cfg.PageSize))
	if err != nil {
		return nil, errors.Join(err, fd.close())
	}
	return &uffd{fd, mem, uint64(cfg.PageSize), uint64(os.Getpagesize()), table}, nil
}

func (*uffd) name() string        { return "uffd" }
func (*uffd) signal() unix.Signal { return unix.SIGBUS }

func (u *uffd) addr(page uint64) uint64 { return uint64(u.mem.app) + page*u.pageSize }

func (u *uffd) set(page, n uint64, a Access) error {
	for end := page + n; page < end; {
		run, was := u.table.run(page, end)
		u.table.set(page, run, a)
		var err error
		if was == None || was == a {
			err = u.install(u.addr(page), u.addr(page+run), a)
		} else {
			err = u.writeprotect(page, run, a)
		}
		if err != nil {
			return err
		}
		page += run
	}
	return nil
}

// install maps the range [start, end), with new zero frames where there are none.
func (u *uffd) install(start, end uint64, a Access) error {
	for start < end {
		hole, err := u.mapFrames(start, end, a)
		if err != nil || hole == end {
			return err
		}
		if err := u.mem.populate(hole-uint64(u.mem.app), end-hole); err != nil {
			return err
		}
		start = hole
	}
	return nil
}

// mapFrames maps the frames from start on. It stops at the first page that has none and returns its address, or end.
func (u *uffd) mapFrames(start, end uint64, a Access) (hole uint64, err error) {
	for start < end {
		done, errno := u.fd.continuePages(start, end-start, a)
		start += done
		switch errno {
		case 0, unix.EAGAIN:
		case unix.EFAULT:
			return start, nil
		case unix.EEXIST:
			if errno := u.fd.writeprotect(start, u.kernelPage, a); errno != 0 {
				return start, fmt.Errorf("UFFDIO_WRITEPROTECT %v: %w", a, errno)
			}
			start += u.kernelPage
		default:
			return start, fmt.Errorf("UFFDIO_CONTINUE %v: %w", a, errno)
		}
	}
	return end, nil
}

func (u *uffd) fresh(page, n uint64) error {
	u.table.set(page, n, ReadWrite)
	for start, end := u.addr(page), u.addr(page+n); start < end; {
		done, errno := u.fd.zeropage(start, end-start)
		start += done
		switch errno {
		case 0, unix.EAGAIN:
		case unix.EEXIST:
			hole, err := u.mapFrames(start, end, ReadWrite)
			if err != nil {
				return err
			}
			start = hole
		default:
			return fmt.Errorf("UFFDIO_ZEROPAGE: %w", errno)
		}
	}
	return nil
}

func (u *uffd) protect(page, n uint64) error {
	for end := page + n; ; {
		first, run := u.table.writable(page, end)
		if run == 0 {
			return nil
		}
		if err := u.writeprotect(first, run, ReadOnly); err != nil {
			return err
		}
		u.table.set(first, run, ReadOnly)
		page = first + run
	}
}

func (u *uffd) writeprotect(page, n uint64, a Access) error {
	if errno := u.fd.writeprotect(u.addr(page), n*u.pageSize, a); errno != 0 {
		return fmt.Errorf("UFFDIO_WRITEPROTECT %v: %w", a, errno)
	}
	return nil
}

func (u *uffd) revoke(page, n uint64) error {
	page, n = u.table.mapped(page, n)
	if n == 0 {
		return nil
	}
	if err := madvise(uintptr(u.addr(page)), n*u.pageSize, unix.MADV_DONTNEED); err != nil {
		return err
	}
	u.table.set(page, n, None)
	return nil
}

// punched: to free a frame empties the entries that map it, and the next access finds nothing.
func (u *uffd) punched(page, n uint64) bool {
	u.table.set(page, n, None)
	return true
}

func (u *uffd) close() error { return errors.Join(u.fd.close(), u.table.close()) }
