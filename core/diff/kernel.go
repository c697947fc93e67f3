package diff

// #cgo CFLAGS: -O2 -Wall -Wextra
// #cgo nocallback jia_diff_encode
// #cgo nocallback jia_diff_encode_batch
// #cgo nocallback jia_diff_apply
// #cgo nocallback jia_diff_apply_stream
// #include "kernels.h"
import "C"

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"
)

// kernelNames holds the kernels from slowest to fastest, indexed as in C.
var kernelNames = [...]string{
	C.JIA_DIFF_SCALAR: "scalar",
	C.JIA_DIFF_AVX2:   "avx2",
	C.JIA_DIFF_AVX512: "avx512",
}

// active is the kernel in use. Invariant: this processor has it.
var active atomic.Uint32

func init() {
	for k := range kernelNames {
		if available(k) {
			active.Store(uint32(k))
		}
	}
}

// Kernel returns the name of the kernel in use, for logs and benchmarks. At
// the start that is the fastest of [Kernels].
func Kernel() string {
	return kernelNames[active.Load()]
}

// Kernels returns the names of the kernels that this processor can run, from
// slowest to fastest: "scalar" everywhere, "avx2" with AVX2 and a fast BMI2,
// "avx512" with AVX-512 BW and VBMI2.
func Kernels() []string {
	var names []string
	for k, name := range kernelNames {
		if available(k) {
			names = append(names, name)
		}
	}
	return names
}

// Use changes the kernel for the whole process, for tests and benchmarks: all
// kernels give the same result. Calls in progress finish with the old one.
func Use(name string) error {
	k := slices.Index(kernelNames[:], name)
	if k < 0 || !available(k) {
		return fmt.Errorf("diff kernel %q: not available on this processor, which has %q", name, Kernels())
	}
	active.Store(uint32(k))
	return nil
}

func available(kernel int) bool {
	return C.jia_diff_available(uint32(kernel)) != 0
}

// The functions below pass pointers to bytes and to structs without pointers,
// which cgo need not check at run time. They let their arguments escape on
// purpose: a slice of bytes on a goroutine's stack may begin at any address,
// one on the heap is aligned.

func encode(dst, page, twin []byte) int {
	return int(C.jia_diff_encode(active.Load(), cBytes(dst), cBytes(page), cBytes(twin), C.size_t(len(page))))
}

func encodeBatch(dst []byte, pageSize int, pages []Pair) (n, compared int) {
	done := C.jia_diff_encode_batch(active.Load(), cBytes(dst), C.size_t(len(dst)),
		(*C.struct_jia_diff_pair)(unsafe.Pointer(unsafe.SliceData(pages))), C.size_t(len(pages)), C.size_t(pageSize))
	return int(done.bytes), int(done.pages)
}

func apply(page, d []byte) {
	C.jia_diff_apply(active.Load(), cBytes(page), C.size_t(len(page)), cBytes(d))
}

func applyStream(base unsafe.Pointer, pageSize int, stream []byte) {
	C.jia_diff_apply_stream(active.Load(), (*C.uint8_t)(base), C.size_t(pageSize), cBytes(stream), C.size_t(len(stream)))
}

func cBytes(b []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.SliceData(b))
}

// A Pair has the layout of its C counterpart: either constant overflows if not.
const (
	_ = uint(unsafe.Sizeof(Pair{}) - C.sizeof_struct_jia_diff_pair)
	_ = uint(C.sizeof_struct_jia_diff_pair - unsafe.Sizeof(Pair{}))
)
