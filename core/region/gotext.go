package region

import (
	"reflect"
	"runtime"
	"sort"
)

// goText returns the range of addresses that holds the machine code of all Go functions in the process, the runtime's
// included. The linker puts it in one piece, whose symbols C cannot see; so it is found through the runtime's own
// answer to "which function is at this address?", starting from a function that is certainly there.
func goText() (lo, hi uintptr) {
	inside := reflect.ValueOf(goText).Pointer()
	reach := func(step func(distance uintptr) uintptr) uintptr {
		limit := uintptr(1)
		for isGo(step(limit)) {
			limit *= 2
		}
		return uintptr(sort.Search(int(limit), func(d int) bool { return !isGo(step(uintptr(d))) }))
	}
	hi = inside + reach(func(d uintptr) uintptr { return inside + d })
	lo = inside - reach(func(d uintptr) uintptr { return inside - d }) + 1
	return lo, hi
}

func isGo(pc uintptr) bool { return runtime.FuncForPC(pc) != nil }
