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

// spawn runs a program, which gets the signal death when this process is gone. From a locked thread, since its end counts.
func spawn(path string, args, env []string, mask uint64, death unix.Signal) (pid int, err error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	argv, free := cStrings(args)
	defer free()
	envp, free := cStrings(env)
	defer free()
	if pid = int(C.jia_keep_spawn(cpath, argv, envp, C.ulong(mask), C.int(death))); pid < 0 {
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

// asksToEnd tells whether a signal means that the user does not want the job any more.
func asksToEnd(number unix.Signal) bool {
	return number == unix.SIGHUP || number == unix.SIGINT || number == unix.SIGQUIT || number == unix.SIGTERM
}

// A caught signal was sent to the keeper.
type caught struct {
	number unix.Signal
	kernel bool // the terminal has sent it, to the program as well
	run    int  // how many had begun by then
}

// catchSignals begins to take the signals that are meant for the program: see spawn.c. From a locked thread.
func catchSignals() (<-chan caught, error) {
	fd := int(C.jia_keep_catch())
	if fd < 0 {
		return nil, os.NewSyscallError("pipe", unix.Errno(-fd))
	}
	signals := make(chan caught)
	go func() {
		var s C.struct_jia_keep_signal
		buf := unsafe.Slice((*byte)(unsafe.Pointer(&s)), int(unsafe.Sizeof(s)))
		for {
			if n, _ := unix.Read(fd, buf); n == len(buf) {
				signals <- caught{unix.Signal(s.number), s.kernel != 0, int(s.run)}
			}
		}
	}()
	return signals, nil
}
