package conf

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What programs see of the version is what the library says of itself.
func TestHeaderHasTheVersion(t *testing.T) {
	text, err := os.ReadFile("../../include/jia.h")
	if err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	if n, err := fmt.Sscanf(Version, "%d.%d.%d", &major, &minor, &patch); n != 3 {
		t.Fatalf("%q is not three numbers: %v", Version, err)
	}
	for _, line := range []string{
		fmt.Sprintf("#define JIA_VERSION_MAJOR %d\n", major),
		fmt.Sprintf("#define JIA_VERSION_MINOR %d\n", minor),
		fmt.Sprintf("#define JIA_VERSION_PATCH %d\n", patch),
		fmt.Sprintf("#define JIA_VERSION %q\n", Version),
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("include/jia.h has no line %q", line)
		}
	}
}
