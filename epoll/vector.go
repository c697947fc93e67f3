package epoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxIov is what the kernel takes in one call (UIO_MAXIOV).
const maxIov = 1024

// A vector is the argument of sendmsg and recvmsg, built once and filled again for each message, so that a message
// costs no allocation. It must live in the heap (as a field of a connection or mailbox), and belongs to whoever holds
// that object's lock.
type vector struct {
	hdr   unix.Msghdr
	iov   []unix.Iovec // what is left to transfer; Base is never nil
	array []unix.Iovec // backing of iov, from its start
	small [4]unix.Iovec
	spare int // bytes that the last piece's slice has behind its end
}

// set makes v describe the given pieces, in order. Empty ones are left out.
func (v *vector) set(pieces ...[]byte) {
	v.clear()
	for _, p := range pieces {
		v.add(p)
	}
}

// add appends one piece, to the last one where it goes on in the same memory, as the slices tell: pages of one run are one
// piece.
func (v *vector) add(p []byte) {
	if len(p) == 0 {
		return
	}
	if n := len(v.array); n > 0 && len(p) <= v.spare {
		last := &v.array[n-1]
		if unsafe.Add(unsafe.Pointer(last.Base), last.Len) == unsafe.Pointer(unsafe.SliceData(p)) {
			last.Len += uint64(len(p))
			v.spare -= len(p)
			return
		}
	}
	v.spare = cap(p) - len(p)
	if v.array == nil {
		v.array = v.small[:0]
	}
	v.array = append(v.array, unix.Iovec{Base: unsafe.SliceData(p), Len: uint64(len(p))})
	v.iov = v.array
}

// clear drops the pieces. Nothing may stay behind: a pointer into a frame that has been unmapped since would upset the
// garbage collector when the address is used again.
func (v *vector) clear() {
	clear(v.array)
	v.array = v.array[:0]
	v.iov = nil
	v.hdr.Iov = nil
}

// advance leaves out the first n bytes, which have been transferred.
func (v *vector) advance(n int) {
	for n > 0 {
		first := &v.iov[0]
		if uint64(n) < first.Len {
			first.Base = (*byte)(unsafe.Add(unsafe.Pointer(first.Base), n))
			first.Len -= uint64(n)
			return
		}
		n -= int(first.Len)
		v.iov = v.iov[1:]
	}
}

// first is the first piece that is left.
func (v *vector) first() []byte { return unsafe.Slice(v.iov[0].Base, v.iov[0].Len) }

// done tells whether all bytes have been transferred.
func (v *vector) done() bool { return len(v.iov) == 0 }

func (v *vector) base() uintptr { return uintptr(unsafe.Pointer(v.iov[0].Base)) }
func (v *vector) len() uintptr  { return uintptr(v.iov[0].Len) }

func (v *vector) header() uintptr {
	v.hdr.Iov = &v.iov[0]
	v.hdr.Iovlen = uint64(min(len(v.iov), maxIov))
	return uintptr(unsafe.Pointer(&v.hdr))
}

// trySend sends what the socket takes at once. It does not tell the Go scheduler of the call, which is right for one
// that cannot sleep. One piece alone goes without a msghdr, which saves the kernel a copy of it; the same in recv.
func (v *vector) trySend(fd int) (int, unix.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if len(v.iov) == 1 {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), v.base(), v.len(), flags, 0, 0)
		return int(n), e
	}
	n, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), v.header(), flags)
	return int(n), e
}

// send waits until the socket has taken something. The goroutine is in a system call meanwhile, so that garbage
// collection goes on without it; the same in recv.
func (v *vector) send(fd int) (int, unix.Errno) {
	n, _, e := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), v.header(), unix.MSG_NOSIGNAL)
	return int(n), e
}

// sendAll sends everything. Once the socket is full it calls waits, which may be nil, and then waits for the peer to read.
func (v *vector) sendAll(fd int, waits func()) unix.Errno {
	for full := false; !v.done(); {
		var n int
		var e unix.Errno
		if full {
			n, e = v.send(fd)
		} else {
			n, e = v.trySend(fd)
		}
		switch e {
		case 0:
			v.advance(n)
		case unix.EINTR:
		case unix.EAGAIN:
			full = true
			if waits != nil {
				waits()
			}
		default:
			return e
		}
	}
	return 0
}

// tryRecv receives what is there; 0 bytes and no error mean the end of the stream.
func (v *vector) tryRecv(fd int) (int, unix.Errno) {
	if len(v.iov) == 1 {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), v.base(), v.len(), unix.MSG_DONTWAIT, 0, 0)
		return int(n), e
	}
	n, _, e := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), v.header(), unix.MSG_DONTWAIT)
	return int(n), e
}

// recv waits until something is there.
func (v *vector) recv(fd int) (int, unix.Errno) {
	if len(v.iov) == 1 {
		n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), v.base(), v.len(), 0, 0, 0)
		return int(n), e
	}
	n, _, e := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), v.header(), 0)
	return int(n), e
}

func yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
