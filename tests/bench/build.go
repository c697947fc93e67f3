package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// bench knows where the programs were built.
type bench struct {
	dir     string
	repeats int
}

// build compiles the measurements and the applications at -O2.
func (b *bench) build() error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	top := strings.TrimSpace(string(root))
	compile := func(source string, args ...string) error {
		name := strings.TrimSuffix(filepath.Base(source), ".c")
		args = append([]string{"-O2", "-std=gnu99", "-o", filepath.Join(b.dir, name), filepath.Join(top, source),
			"-I" + filepath.Join(top, "include"), "-L" + filepath.Join(top, "build")}, args...)
		if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("compile %s: %w\n%s", source, err, out)
		}
		return nil
	}
	if err := compile("tests/bench/programs/bare.c"); err != nil {
		return err
	}
	sources := []string{"tests/bench/programs/micro.c", "tests/bench/programs/ckpt.c"}
	for _, a := range apps {
		sources = append(sources, "c_examples/"+a.name+".c")
	}
	for _, s := range sources {
		if err := compile(s, "-ljia", "-lm"); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(b.dir, "side"), make([]byte, 4096), 0o600)
}

// measure runs one measurement of micro.c on two processes, with further settings.
func (b *bench) measure(at placement, name string, env []string) (sample, error) {
	return b.sample(at, append([]string{"JIA_NPROC=2"}, env...), filepath.Join(b.dir, "micro"), name, filepath.Join(b.dir, "side"))
}

// bare runs one baseline.
func (b *bench) bare(at placement, args []string) (sample, error) {
	return b.sample(at, nil, append([]string{filepath.Join(b.dir, "bare")}, args...)...)
}

func (b *bench) sample(at placement, env []string, command ...string) (sample, error) {
	command = append(slices.Clone(at.taskset), command...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = slices.Concat(os.Environ(), at.env, env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%v: %w\n%s", command, err, out)
	}
	var s sample
	if _, err := fmt.Sscan(string(out), &s.median, &s.p99); err != nil {
		return sample{}, fmt.Errorf("%v printed %q: %w", command, out, err)
	}
	return s, nil
}

// middle returns the sample with the median median.
func middle(list []sample) sample {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b sample) int { return cmp.Compare(a.median, b.median) })
	return list[len(list)/2]
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown kernel"
	}
	return "Linux " + string(bytes.TrimRight(u.Release[:], "\x00"))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
