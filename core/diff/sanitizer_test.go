package diff

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestKernelsUnderSanitizers builds the kernels once more, with the address
// and undefined behaviour sanitizers and all warnings as errors.
func TestKernelsUnderSanitizers(t *testing.T) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	sources, err := filepath.Glob("*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no C sources: %v", err)
	}
	if runtime.GOARCH != "amd64" {
		sources = slices.DeleteFunc(sources, func(name string) bool { return strings.HasSuffix(name, "_amd64.c") })
	}
	sanitize := []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"}
	scratch := t.TempDir()

	empty := filepath.Join(scratch, "empty.c")
	if err := os.WriteFile(empty, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(scratch, "probe")
	if out, err := exec.Command(cc, append(sanitize, "-o", probe, empty)...).CombinedOutput(); err != nil {
		t.Skipf("%s cannot build with sanitizers: %v\n%s", cc, err, out)
	}
	if out, err := exec.Command(probe).CombinedOutput(); err != nil {
		t.Skipf("sanitizers do not run here: %v\n%s", err, out)
	}

	binary := filepath.Join(scratch, "asan")
	args := append(sanitize, "-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", binary, filepath.Join("testdata", "asan.c"))
	if out, err := exec.Command(cc, append(args, sources...)...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
