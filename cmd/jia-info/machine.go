package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
	"jiajia/core/diff"
)

// A machine is what jia-info looks at. Everything that it reads may be missing: containers hide much of it.
type machine struct {
	root       string // of the file system, "/" but for tests
	env        func(string) string
	lookPath   func(string) (string, error)
	interfaces func() ([]net.Interface, error)
}

// report looks at everything.
func (m machine) report() report {
	settings, warnings, err := conf.Read("", m.env)
	if err != nil { // look at the rest with the defaults
		settings, _ = conf.Load(func(string) string { return "" })
	}
	inForce := m.settings(settings, warnings, err)
	memory, backend := m.memory(settings)
	return newReport(m.processor(), memory, m.network(), m.limits(settings, backend), m.launchers(), inForce)
}

// read returns a file's text without the white space around it; ok is false when it cannot be read.
func (m machine) read(path string) (text string, ok bool) {
	b, err := os.ReadFile(filepath.Join(m.root, path))
	return strings.TrimSpace(string(b)), err == nil
}

// number returns the number in a file.
func (m machine) number(path string) (n uint64, ok bool) {
	text, ok := m.read(path)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// field returns the value behind "name:" in a file of /proc.
func (m machine) field(path, name string) (value string, ok bool) {
	text, _ := m.read(path)
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// names returns what is in a folder.
func (m machine) names(path string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(m.root, path))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (m machine) processor() section {
	var u unix.Utsname
	kernel := "unknown"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	usable := fmt.Sprint(runtime.NumCPU())
	if limit, found := m.read("/sys/fs/cgroup/cpu.max"); found && !strings.HasPrefix(limit, "max") {
		usable += ", a share of them: cpu.max is " + limit
	}
	kernels := diff.Kernels()
	why := "portable C; faster kernels need AVX2 and BMI2, or AVX-512 VBMI2"
	if len(kernels) > 1 {
		why = "the fastest that this processor has, of " + strings.Join(kernels, ", ")
	}
	return section{"Processor", []item{
		{Name: "kernel", Value: kernel + " " + runtime.GOARCH, State: ok},
		{Name: "processors", Value: usable, State: ok, Why: "a job with more hosts than these on this machine waits without spinning (JIA_SPIN=auto)"},
		{Name: "page comparison", Value: diff.Kernel(), State: ok, Why: why},
	}}
}

// bytes1024 renders a size in bytes.
func bytes1024(n uint64) string {
	for shift, unit := range []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"} {
		if n>>(10*shift) < 10240 || unit == "PiB" {
			return fmt.Sprintf("%d %s", n>>(10*shift), unit)
		}
	}
	return ""
}
