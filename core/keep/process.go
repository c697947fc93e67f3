package keep

/*
#cgo CFLAGS: -O2 -Wall -Wextra
#include <stdlib.h>
#include "spawn.h"
*/
import "C"

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spawn runs a program. From a locked thread, whose end is the program's end.
func spawn(path string, args, env []string, mask uint64) (pid int, err error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	argv, free := cStrings(args)
	defer free()
	envp, free := cStrings(env)
	defer free()
	if pid = int(C.jia_keep_spawn(cpath, argv, envp, C.ulong(mask))); pid < 0 {
		return 0, os.NewSyscallError("execve", unix.Errno(-pid))
	}
	return pid, nil
}

// cStrings returns a null-terminated array.
func cStrings(texts []string) (list **C.char, free func()) {
	size := C.size_t(len(texts)+1) * C.size_t(unsafe.Sizeof((*C.char)(nil)))
	list = (**C.char)(C.calloc(1, size))
	all := unsafe.Slice(list, len(texts)+1)
	for i, text := range texts {
		all[i] = C.CString(text)
	}
	return list, func() {
		for _, text := range all {
			C.free(unsafe.Pointer(text))
		}
		C.free(unsafe.Pointer(list))
	}
}

// End ends this process as another one has ended.
func End(status unix.WaitStatus) {
	if status.Signaled() {
		C.jia_keep_die(C.int(status.Signal()))
		const above = 128
		os.Exit(above + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
}

// passed are the signals that are meant for the program. The keeper must have blocked them before Go has started its first thread. Those
// that stop processes are not among them: a shell has to see the keeper stop, and the program gets them from the terminal, too.
var passed = []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM}

// asksToEnd tells whether a signal means that the user does not want the job any more.
func asksToEnd(number unix.Signal) bool {
	return number == unix.SIGHUP || number == unix.SIGINT || number == unix.SIGQUIT || number == unix.SIGTERM
}

// A caught signal was sent to the keeper.
type caught struct {
	number unix.Signal
	kernel bool // the terminal has sent it, to the program as well
}

// catchSignals begins to take the signals in passed.
func catchSignals() (<-chan caught, error) {
	var set unix.Sigset_t
	for _, number := range passed {
		set.Val[0] |= 1 << (number - 1)
	}
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("signalfd", err)
	}
	signals := make(chan caught)
	go func() {
		const size = int(unsafe.Sizeof(unix.SignalfdSiginfo{}))
		var buf [size]byte
		for {
			n, err := unix.Read(fd, buf[:])
			if err != nil || n != size {
				continue // interrupted
			}
			info := (*unix.SignalfdSiginfo)(unsafe.Pointer(&buf))
			const fromKernel = 0x80 // SI_KERNEL
			signals <- caught{unix.Signal(info.Signo), info.Code == fromKernel}
		}
	}()
	return signals, nil
}
