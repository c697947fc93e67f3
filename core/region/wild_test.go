package region_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jiajia/core/region"
)

// Faults that are not ours end the way they would without us. The program is C and links Go code as an archive, which
// is how the library is used (and Go's own handling of signals differs from that in a Go program).
func TestWildAccess(t *testing.T) {
	program := buildWild(t)
	for _, c := range []struct {
		what   string
		signal syscall.Signal // that kills it; 0 if it survives
		stdout string
	}{
		{what: "stray store", signal: syscall.SIGSEGV},
		{what: "stray store in a new thread", signal: syscall.SIGSEGV},
		{what: "stray store in a sharing thread", signal: syscall.SIGSEGV},
		{what: "beyond the region", signal: syscall.SIGSEGV},
		{what: "jump to nowhere", signal: syscall.SIGSEGV},
		{what: "ignored", signal: syscall.SIGSEGV},
		{what: "division by zero", signal: syscall.SIGFPE},
		{what: "hole in a file", signal: syscall.SIGBUS},
		{what: "sent", signal: syscall.SIGSEGV},
		{what: "sent but ignored"},
		{what: "own handler"},
		{what: "own one-shot handler", signal: syscall.SIGSEGV, stdout: "handler\n"},
		{what: "nil in Go"},
		{what: "refused page", signal: -1},
	} {
		for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
			t.Run(string(mode)+"/"+c.what, func(t *testing.T) {
				if mode == region.Uffd && !uffdWorks() {
					t.Skip("no userfaultfd here")
				}
				want := c.signal
				if want == -1 { // the backend's own
					want = map[region.Mode]syscall.Signal{region.Uffd: syscall.SIGBUS, region.Mprotect: syscall.SIGSEGV}[mode]
				}
				var stdout, stderr strings.Builder
				cmd := exec.Command(program, string(mode), c.what)
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				cmd.Run()
				status := cmd.ProcessState.Sys().(syscall.WaitStatus)
				if want == 0 && status != 0 || want != 0 && (!status.Signaled() || status.Signal() != want) {
					t.Errorf("ended with %v, want signal %d", cmd.ProcessState, want)
				}
				if stderr.Len() > 0 {
					t.Errorf("it said:\n%s", &stderr)
				}
				if stdout.String() != c.stdout {
					t.Errorf("it printed %q, want %q", &stdout, c.stdout)
				}
			})
		}
	}
}

func buildWild(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive, program := filepath.Join(dir, "libwild.a"), filepath.Join(dir, "wild")
	for _, cmd := range []*exec.Cmd{
		exec.Command("go", "build", "-buildmode=c-archive", "-o", archive, "./regiontest/wild"),
		exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-I"+dir, "-o", program, "testdata/wild.c", archive, "-lpthread"),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	return program
}
