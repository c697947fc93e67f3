package ckpt

import (
	"os"

	"golang.org/x/sys/unix"
)

// Data go to disk while they are written: each time so much has come the kernel is told to begin with it, and what it was told several
// times before is waited for. So the last Sync is short, and a checkpoint never fills the memory with pages that wait for the disk,
// which would make everybody on the machine wait who writes to a file.
const (
	writebackStep   = 8 << 20
	writebackBehind = 3 * writebackStep
)

// An output is a file of Dir.
type output struct {
	*os.File
	written int64
	begun   int64 // up to here writing back was begun
	waited  int64 // up to here it is done
	plain   bool  // the file system knows no writing back
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.File.Write(b)
	o.written += int64(n)
	if err == nil && !o.plain && o.written-o.begun >= writebackStep {
		err = o.writeback()
	}
	return n, err
}

// writeback must report errors: the kernel tells each of them once, and Sync would not see it again.
func (o *output) writeback() error {
	if err := o.syncRange(o.begun, o.written, unix.SYNC_FILE_RANGE_WRITE); err != nil {
		return err
	}
	o.begun = o.written
	if until := o.begun - writebackBehind; until > o.waited {
		const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		if err := o.syncRange(o.waited, until, wait); err != nil {
			return err
		}
		o.waited = until
	}
	return nil
}

func (o *output) syncRange(from, to int64, flags int) error {
	err := unix.SyncFileRange(int(o.Fd()), from, to-from, flags)
	switch err {
	case nil:
		return nil
	case unix.ENOSYS, unix.EINVAL, unix.ESPIPE, unix.ENOTSUP:
		o.plain = true
		return nil
	case unix.EINTR:
		return nil // what is left of it is waited for by Sync
	}
	return &os.PathError{Op: "write back", Path: o.Name(), Err: err}
}
