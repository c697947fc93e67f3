// Package regiontest is the C program that the tests of package region are about: C code that loads from and stores to
// shared memory by itself and with threads of its own. (Test files cannot contain cgo.)
package regiontest

// #cgo CFLAGS: -Wall -Wextra
// #cgo LDFLAGS: -lpthread
// #include "program.h"
import "C"

import (
	"fmt"
	"syscall"
)

// Load reads the byte at addr.
func Load(addr uintptr) byte { return byte(C.program_load(C.uintptr_t(addr))) }

// Store writes the byte at addr.
func Store(addr uintptr, value byte) { C.program_store(C.uintptr_t(addr), C.uchar(value)) }

// LoadText returns the address of the C function behind Load.
func LoadText() uintptr { return uintptr(C.program_load_text()) }

// Storer is a thread that counts upwards in one 64-bit word of shared memory without a pause.
type Storer struct{ c *C.struct_storer }

// StartStorer starts a thread that counts at addr, a multiple of 8.
func StartStorer(addr uintptr) Storer {
	c := C.storer_start(C.uintptr_t(addr))
	if c == nil {
		panic("regiontest: no thread for a storer")
	}
	return Storer{c}
}

// Count returns how many stores have certainly been made.
func (s Storer) Count() uint64 { return uint64(C.storer_count(s.c)) }

// Stop ends the thread, once its current store has succeeded, and returns the last value stored.
func (s Storer) Stop() uint64 { return uint64(C.storer_stop(s.c)) }

// Stack says what alternate signal stack a thread sets up for itself.
type Stack int

// Kinds of alternate stack.
const (
	NoStack         Stack = C.STACK_NONE
	AltStack        Stack = C.STACK_ALTERNATE
	AutodisarmStack Stack = C.STACK_AUTODISARM
)

// regiontestCompute keeps Go busy for a moment, in a loop that only a signal can preempt.
//
//export regiontestCompute
func regiontestCompute() C.uint64_t {
	x := uint64(1)
	for range 100_000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return C.uint64_t(x)
}

// Walk starts threads that have never called Go; each of them adds 1 to one byte of every page of its own, laps times, in
// an order that differs from thread to thread, and calls Go after each lap. Thread t uses byte t of each page. It returns when all have ended, with the
// first thing that went wrong.
func Walk(base uintptr, pages, pageSize, threads, laps int, stack Stack) error {
	return failure(C.program_walk(C.uintptr_t(base), C.long(pages), C.long(pageSize), C.int(threads), C.int(laps),
		C.enum_stack(stack)))
}

// KeepsSignalState checks in a new thread that a fault at addr changes neither errno nor the signal mask.
func KeepsSignalState(addr uintptr) error {
	return failure(C.program_keeps_signal_state(C.uintptr_t(addr)))
}

// ForkAndLoad forks; the child loads from addr. It returns how the child ended.
func ForkAndLoad(addr uintptr) syscall.WaitStatus {
	return syscall.WaitStatus(C.program_fork_and_load(C.uintptr_t(addr)))
}

// Bench writes one byte in each page and returns the nanoseconds that all of it took.
func Bench(base uintptr, pages, pageSize int) int64 {
	return int64(C.program_bench(C.uintptr_t(base), C.long(pages), C.long(pageSize)))
}

// RefuseUserfaultfd makes userfaultfd(2) fail with EPERM in this thread and those that it starts from now on.
func RefuseUserfaultfd() error { return failure(C.program_refuse_userfaultfd()) }

func failure(text *C.char) error {
	if text == nil {
		return nil
	}
	return fmt.Errorf("in the C program: %s", C.GoString(text))
}
