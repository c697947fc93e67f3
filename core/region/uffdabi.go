package region

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The userfaultfd interface, from the kernel's include/uapi/linux/userfaultfd.h. Distributions ship headers that lack
// the parts since 6.4, so it is spelt out here.

const (
	uffdUserModeOnly = 1 // flag of userfaultfd(2): faults of the kernel itself give EFAULT; needs no privilege

	uffdAPI = 0xAA

	// Features, with the first kernel that has them.
	featurePagefaultFlagWP  = 1 << 0  // write-protection, 5.7
	featureMissingShmem     = 1 << 5  // MISSING on shared memory, 4.11
	featureSigbus           = 1 << 7  // faults become SIGBUS in the faulting thread, 4.14
	featureMinorShmem       = 1 << 10 // MINOR on shared memory, 5.14
	featureWPHugetlbfsShmem = 1 << 12 // write-protection of shared memory, 5.19
	featureWPUnpopulated    = 1 << 13 // write-protection of pages that are not mapped, 6.4

	registerModeMissing = 1 << 0
	registerModeWP      = 1 << 1
	registerModeMinor   = 1 << 2

	// DONTWAKE: in SIGBUS mode nobody sleeps in the kernel waiting for a page.
	writeprotectModeWP       = 1 << 0
	writeprotectModeDontwake = 1 << 1
	continueModeDontwake     = 1 << 0
	continueModeWP           = 1 << 1 // map the page write-protected, 6.4
	zeropageModeDontwake     = 1 << 0

	ioctlAPI          = 0xC018AA3F // _IOWR(0xAA, 0x3F, struct uffdio_api)
	ioctlRegister     = 0xC020AA00 // _IOWR(0xAA, 0x00, struct uffdio_register)
	ioctlZeropage     = 0xC020AA04 // _IOWR(0xAA, 0x04, struct uffdio_zeropage)
	ioctlWriteprotect = 0xC018AA06 // _IOWR(0xAA, 0x06, struct uffdio_writeprotect)
	ioctlContinue     = 0xC020AA07 // _IOWR(0xAA, 0x07, struct uffdio_continue)
)

var featureNames = []struct {
	bit  uint64
	name string
}{
	{featurePagefaultFlagWP, "PAGEFAULT_FLAG_WP (5.7)"},
	{featureMissingShmem, "MISSING_SHMEM (4.11)"},
	{featureSigbus, "SIGBUS (4.14)"},
	{featureMinorShmem, "MINOR_SHMEM (5.14)"},
	{featureWPHugetlbfsShmem, "WP_HUGETLBFS_SHMEM (5.19)"},
	{featureWPUnpopulated, "WP_UNPOPULATED (6.4)"},
}

// featuresWanted is what the uffd backend cannot do without.
const featuresWanted = featurePagefaultFlagWP | featureMissingShmem | featureSigbus | featureMinorShmem |
	featureWPHugetlbfsShmem | featureWPUnpopulated

type uffdioAPI struct{ api, features, ioctls uint64 }

type uffdioRegister struct{ start, length, mode, ioctls uint64 }

type uffdioWriteprotect struct{ start, length, mode uint64 }

// uffdioProgress is struct uffdio_zeropage and struct uffdio_continue. The kernel sets done to the bytes that it
// completed, or to a negative errno.
type uffdioProgress struct {
	start, length, mode uint64
	done                int64
}

// uffdFD is a userfaultfd descriptor. Its methods are single system calls on byte ranges of the registered view.
type uffdFD int

// openUffdFD opens a descriptor and agrees with the kernel on the features; on success it also returns those that the
// kernel has.
func openUffdFD(features uint64) (fd uffdFD, have uint64, errno unix.Errno) {
	r, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|uffdUserModeOnly, 0, 0)
	if errno != 0 {
		return -1, 0, errno
	}
	api := uffdioAPI{api: uffdAPI, features: features}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, r, ioctlAPI, uintptr(unsafe.Pointer(&api))); errno != 0 {
		unix.Close(int(r))
		return -1, 0, errno
	}
	return uffdFD(r), api.features, 0
}

func (fd uffdFD) register(start, length uint64) unix.Errno {
	arg := uffdioRegister{start: start, length: length,
		mode: registerModeMissing | registerModeMinor | registerModeWP}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlRegister, uintptr(unsafe.Pointer(&arg)))
	return errno
}

// zeropage maps new zero pages, writable. It stops with EEXIST at a page that has a frame. Like continuePages it
// returns the bytes that it got done; EAGAIN means to go on from there.
func (fd uffdFD) zeropage(start, length uint64) (done uint64, errno unix.Errno) {
	arg := uffdioProgress{start: start, length: length, mode: zeropageModeDontwake}
	return fd.progress(ioctlZeropage, &arg)
}

// continuePages maps the frames that exist, writable or write-protected. It stops with EEXIST at a page that is already
// mapped and with EFAULT at one that has no frame.
func (fd uffdFD) continuePages(start, length uint64, a Access) (done uint64, errno unix.Errno) {
	arg := uffdioProgress{start: start, length: length, mode: continueModeDontwake}
	if a == ReadOnly {
		arg.mode |= continueModeWP
	}
	return fd.progress(ioctlContinue, &arg)
}

func (fd uffdFD) progress(request uintptr, arg *uffdioProgress) (done uint64, errno unix.Errno) {
	if arg.length <= rawSyscallBytes {
		_, _, errno = unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
	} else {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
	}
	return uint64(max(arg.done, 0)), errno
}

// writeprotect makes the pages of the range read-only or, if they are mapped, writable again.
func (fd uffdFD) writeprotect(start, length uint64, a Access) unix.Errno {
	arg := uffdioWriteprotect{start: start, length: length, mode: writeprotectModeWP}
	if a == ReadWrite {
		arg.mode = writeprotectModeDontwake
	}
	for {
		var errno unix.Errno
		if length <= rawSyscallBytes {
			_, _, errno = unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), ioctlWriteprotect, uintptr(unsafe.Pointer(&arg)))
		} else {
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlWriteprotect, uintptr(unsafe.Pointer(&arg)))
		}
		if errno != unix.EAGAIN { // EAGAIN: the address space is being changed just now
			return errno
		}
	}
}

func (fd uffdFD) close() error { return unix.Close(int(fd)) }
