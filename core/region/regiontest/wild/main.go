// Command wild is a small shared-memory library, for a C archive: testdata/wild.c links it to see what becomes of faults
// that have nothing to do with shared memory.
package main

import "C"

import (
	"fmt"
	"os"
	"sync"

	"jiajia/core/region"
)

// forbiddenPage is the one page to which no access is ever granted.
const forbiddenPage = 5

// wildOpen opens a region in which all pages but one may be used.
//
//export wildOpen
func wildOpen(mode *C.char) {
	var mu sync.Mutex
	var r *region.Region
	r, err := region.Open(region.Config{Size: 1 << 20, Mode: region.Mode(C.GoString(mode)),
		OnFault: func(page uint64, write region.Write) bool {
			mu.Lock()
			defer mu.Unlock()
			return page != forbiddenPage && r.Map(page, 1, region.ReadWrite) == nil
		}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// wildGoNil dereferences nil in Go code, and reports whether that was an ordinary panic.
//
//export wildGoNil
func wildGoNil() (recovered C.int) {
	defer func() {
		if recover() != nil {
			recovered = 1
		}
	}()
	var nothing *struct{ field int }
	return C.int(nothing.field)
}

func main() {}
