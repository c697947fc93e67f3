package region_test

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// Go's text holds the functions of the runtime, of this test, and not those of C.
func TestGoText(t *testing.T) {
	lo, hi := region.GoText()
	for name, f := range map[string]any{"runtime.GC": runtime.GC, "fmt.Sscanf": fmt.Sscanf, "this test": TestGoText} {
		if pc := reflect.ValueOf(f).Pointer(); pc < lo || pc >= hi {
			t.Errorf("%s is at %#x, outside [%#x, %#x)", name, pc, lo, hi)
		}
	}
	if pc := regiontest.LoadText(); pc >= lo && pc < hi {
		t.Errorf("C's program_load at %#x is inside [%#x, %#x)", pc, lo, hi)
	}
}
