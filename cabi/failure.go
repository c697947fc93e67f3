package main

/*
#include <stdlib.h>

void jia_failure_call(int host, char *reason); // failure.c
*/
import "C"

import (
	"unsafe"

	"jiajia/core/wire"
)

// lost ends the job since a host was lost, with one line on standard error. It does not return.
func lost(host wire.HostID, line string) {
	if job.member == nil {
		fail(line)
	}
	job.member.Lose(int(host), line)
}

// callProgram calls what the program has given to jia_on_failure.
func callProgram(host int, reason string) {
	text := C.CString(reason)
	defer C.free(unsafe.Pointer(text))
	C.jia_failure_call(C.int(host), text)
}
