package region_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// Some tests restrict the whole process for good, so they run in a child: this test binary again, told by an environment
// variable what to be.
const childVariable = "REGION_TEST_CHILD"

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv(childVariable)]; ok {
		if err := child(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var children = map[string]func() error{
	"use auto":     func() error { return use(region.Auto) },
	"use mprotect": func() error { return use(region.Mprotect) },
	"refused auto": func() error { return useRefused(region.Auto) },
	"refused uffd": func() error { return useRefused(region.Uffd) },
	"little space": func() error { return useLimited(unix.RLIMIT_AS, 512<<30) },
	"little file":  func() error { return useLimited(unix.RLIMIT_FSIZE, 1<<30) },
}

// runChild returns what the child printed and whether it was content.
func runChild(t *testing.T, name string, credential *syscall.Credential) (string, bool) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// use opens a region of the default size, faults, and prints the backend.
func use(mode region.Mode) error {
	h := &host{}
	r, err := region.Open(region.Config{Mode: mode, OnFault: h.onFault})
	if err != nil {
		return err
	}
	h.Region = r
	regiontest.Store(h.addr(7), 7)
	if reads, writes := h.faults(); reads != 0 || writes != 1 || h.Frame(7)[0] != 7 {
		return fmt.Errorf("%d load and %d store faults, frame has %d", reads, writes, h.Frame(7)[0])
	}
	fmt.Println(r.Why())
	return r.Close()
}

func useRefused(mode region.Mode) error {
	runtime.LockOSThread() // the filter is for this thread
	if err := regiontest.RefuseUserfaultfd(); err != nil {
		return err
	}
	return use(mode)
}

func useLimited(resource int, limit uint64) error {
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	return use(region.Auto)
}

func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	want := "mprotect:"
	if uffdWorks() {
		want = "uffd:"
	}
	if out, ok := runChild(t, "use auto", nobody); !ok || !strings.HasPrefix(out, want) {
		t.Errorf("auto as uid 65534: want %s, got %s", want, out)
	}
	if out, ok := runChild(t, "use mprotect", nobody); !ok || !strings.HasPrefix(out, "mprotect:") {
		t.Errorf("mprotect as uid 65534: %s", out)
	}
}

func TestSeccompRefusesUserfaultfd(t *testing.T) {
	out, ok := runChild(t, "refused auto", nil)
	if !ok || !strings.HasPrefix(out, "mprotect: instead of uffd") || !strings.Contains(out, "seccomp") {
		t.Errorf("auto: %s", out)
	}
	out, ok = runChild(t, "refused uffd", nil)
	if ok || !strings.Contains(out, "seccomp") || !strings.Contains(out, "choose the mprotect backend") {
		t.Errorf("uffd: %s", out)
	}
}

func TestLimits(t *testing.T) {
	for child, want := range map[string]string{
		"little space": "the address space limit is 549755813888 bytes",
		"little file":  "the file size limit is 1073741824 bytes",
	} {
		if out, ok := runChild(t, child, nil); ok || !strings.Contains(out, want) || strings.Contains(out, "goroutine") {
			t.Errorf("%s: want an error that says %q, got: %s", child, want, out)
		}
	}
}
