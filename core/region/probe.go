package region

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// verdict is the answer of a probe that is not yes.
type verdict int

const (
	unsupported  verdict = iota // the kernel answered: it cannot, or will not
	inconclusive                // something else went wrong; it might work another time
)

// probeError says why userfaultfd cannot be used.
type probeError struct {
	verdict verdict
	reason  string
	err     error // may be nil
}

func (e *probeError) Error() string {
	text := e.reason
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	if e.verdict == inconclusive {
		text = "the probe is inconclusive: " + text
	}
	return text
}

func (e *probeError) Unwrap() error { return e.err }

// probeUffd tries every operation of the uffd backend on a scratch memfd and checks its effect. It never compares
// kernel versions: distributions carry features back, and sandboxes take them away. nil means that all of it works.
func probeUffd() *probeError {
	fd, _, errno := openUffdFD(featuresWanted)
	if errno != 0 {
		return explainRefusal(errno)
	}
	defer fd.close()
	s, err := newScratch(fd)
	if err != nil {
		return &probeError{inconclusive, "set up a scratch mapping", err}
	}
	defer s.close()
	for _, step := range s.steps() {
		if err := step.try(); err != nil {
			return &probeError{unsupported, "userfaultfd on shared memory does not " + step.what, err}
		}
	}
	return nil
}

// explainRefusal words why the kernel would not open a userfaultfd with the features that we need.
func explainRefusal(errno unix.Errno) *probeError {
	switch errno {
	case unix.EPERM:
		return &probeError{unsupported, "userfaultfd is not permitted: most likely a seccomp profile, as those of " +
			"container runtimes, refuses it (allow the system call userfaultfd there)", errno}
	case unix.ENOSYS:
		return &probeError{unsupported, "this kernel has no userfaultfd", errno}
	case unix.EINVAL:
		fd, have, errno := openUffdFD(0)
		if errno != 0 {
			return &probeError{unsupported, "this kernel has no userfaultfd for ordinary users (5.11)", errno}
		}
		defer fd.close()
		var missing []string
		for _, f := range featureNames {
			if have&f.bit == 0 {
				missing = append(missing, f.name)
			}
		}
		return &probeError{unsupported, "userfaultfd of this kernel lacks " + strings.Join(missing, ", "), nil}
	}
	return &probeError{inconclusive, "open a userfaultfd", errno}
}

// scratch is a small memfd with a registered and a plain mapping, like the two views of a region.
type scratch struct {
	fd       uffdFD
	memfd    int
	page     uint64
	view     unsafe.Pointer // registered
	service  []byte
	viewSize uintptr
}

const scratchPages = 4

func newScratch(fd uffdFD) (s *scratch, err error) {
	s = &scratch{fd: fd, page: uint64(os.Getpagesize())}
	s.viewSize = scratchPages * uintptr(s.page)
	if s.memfd, err = unix.MemfdCreate("jia-probe", unix.MFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err = unix.Ftruncate(s.memfd, int64(s.viewSize)); err != nil {
		return nil, err
	}
	if s.view, err = unix.MmapPtr(s.memfd, 0, nil, s.viewSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	s.service, err = unix.Mmap(s.memfd, 0, int(s.viewSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return s, err
}

func (s *scratch) close() {
	if s.service != nil {
		unix.Munmap(s.service)
	}
	if s.view != nil {
		unix.MunmapPtr(s.view, s.viewSize)
	}
	unix.Close(s.memfd)
}

func (s *scratch) addr(page uint64) uint64 { return uint64(uintptr(s.view)) + page*s.page }

// byteAt is the first byte of a page in the registered view.
func (s *scratch) byteAt(page uint64) *byte { return (*byte)(unsafe.Add(s.view, page*s.page)) }

// storable reports whether a store to the page would fault. It lets the kernel do the store, as the target of a read:
// where a store of the program would raise SIGBUS, that gives EFAULT.
func (s *scratch) storable(page uint64) (bool, error) {
	_, err := unix.Pread(s.memfd, unsafe.Slice(s.byteAt(page), 1), int64((scratchPages-1)*s.page))
	if err == unix.EFAULT {
		return false, nil
	}
	return err == nil, err
}

// loadable reports whether a load from the page would fault, in the same way.
func (s *scratch) loadable(page uint64) (bool, error) {
	_, err := unix.Pwrite(s.memfd, unsafe.Slice(s.byteAt(page), 1), int64((scratchPages-1)*s.page))
	if err == unix.EFAULT {
		return false, nil
	}
	return err == nil, err
}

type probeStep struct {
	what string
	try  func() error
}

// steps lists the backend's operations in an order in which each sets the stage for the next.
func (s *scratch) steps() []probeStep {
	const value = 42
	return []probeStep{
		{"register for missing, minor and write-protect faults at once", func() error {
			if errno := s.fd.register(s.addr(0), uint64(s.viewSize)); errno != 0 {
				return errno
			}
			return s.expect(0, false, false)
		}},
		{"map an existing frame read-only (UFFDIO_CONTINUE_MODE_WP, 6.4)", func() error {
			s.service[0] = value
			if _, errno := s.fd.continuePages(s.addr(0), s.page, ReadOnly); errno != 0 {
				return errno
			}
			if got := *s.byteAt(0); got != value {
				return fmt.Errorf("the page reads %d, not %d", got, value)
			}
			return s.expect(0, true, false)
		}},
		{"lift the write-protection of a page", func() error {
			if errno := s.fd.writeprotect(s.addr(0), s.page, ReadWrite); errno != 0 {
				return errno
			}
			return s.expect(0, true, true)
		}},
		{"write-protect a mapped page", func() error {
			if errno := s.fd.writeprotect(s.addr(0), s.page, ReadOnly); errno != 0 {
				return errno
			}
			return s.expect(0, true, false)
		}},
		{"fault again once a page is unmapped", func() error {
			if err := madvise(uintptr(s.addr(0)), s.page, unix.MADV_DONTNEED); err != nil {
				return err
			}
			return s.expect(0, false, false)
		}},
		{"map an existing frame writable", func() error {
			if _, errno := s.fd.continuePages(s.addr(0), s.page, ReadWrite); errno != 0 {
				return errno
			}
			return s.expect(0, true, true)
		}},
		{"map runs of zero pages", func() error {
			if _, errno := s.fd.zeropage(s.addr(1), 2*s.page); errno != 0 {
				return errno
			}
			return errors.Join(s.expect(1, true, true), s.expect(2, true, true))
		}},
	}
}

// expect checks what a program could do with a page.
func (s *scratch) expect(page uint64, load, store bool) error {
	canLoad, err := s.loadable(page)
	if err != nil {
		return err
	}
	canStore, err := s.storable(page)
	if err != nil {
		return err
	}
	if canLoad != load || canStore != store {
		return fmt.Errorf("afterwards loads work: %t (should be %t), stores work: %t (should be %t)",
			canLoad, load, canStore, store)
	}
	return nil
}
