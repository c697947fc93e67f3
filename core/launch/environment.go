package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Variables that carry a process's role to it. They are internal, and never seen by a program's own children.
const (
	// EnvSupervisor is set to protocolVersion in the environment of the supervisor.
	EnvSupervisor = "JIA_SUPERVISOR"
	// EnvAgent is set in the environment of an agent, the process that watches over the hosts of another machine.
	EnvAgent = "JIA_AGENT"
	// envControl is set to "<descriptor>,<process id of the supervisor>" in the environment of hosts 1 and up. The
	// process id exposes a stale value: one that a grandchild inherited because its parent never called jia_init.
	envControl = "JIA_CONTROL"
)

// Member tells whether this process was started by a supervisor or an agent, so that it has to call Join. The error is for a
// second copy of the program, which must never reach jia_init.
func Member() (bool, error) {
	for _, name := range []string{EnvSupervisor, EnvAgent} {
		if os.Getenv(name) != "" {
			return false, errors.New(name + " is set, but this process is neither supervisor nor agent: unset it; " +
				"a program that runs with the rights of another user cannot start others")
		}
	}
	_, ok := controlDescriptor()
	return ok, nil
}

// controlDescriptor finds the control connection that our supervisor passed to us; ok is false when it did not.
func controlDescriptor() (fd int, ok bool) {
	number, parent, _ := strings.Cut(os.Getenv(envControl), ",")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 0 || parent != strconv.Itoa(os.Getppid()) {
		return 0, false
	}
	return fd, true
}

// withoutRoles returns the environment this process was started with, less the variables of this package.
func withoutRoles() []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if name != EnvSupervisor && name != EnvAgent && name != envControl {
			kept = append(kept, entry)
		}
	}
	return kept
}

// foreign returns the environment less all variables of the library: what a login on another machine sets is not what
// the user of this job has set.
func foreign() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "JIA_") })
}

// merge returns env with the variables of over in the place of its own. Of two that have one name, C programs see the first.
func merge(env, over []string) []string {
	name := func(entry string) string {
		name, _, _ := strings.Cut(entry, "=")
		return name
	}
	last := make(map[string]string)
	for _, entry := range over {
		last[name(entry)] = entry
	}
	var merged []string
	for _, entry := range append(env[:len(env):len(env)], over...) {
		if now, changed := last[name(entry)]; changed {
			if now == "" {
				continue // it is there already
			}
			entry, last[name(entry)] = now, ""
		}
		merged = append(merged, entry)
	}
	return merged
}

// arguments returns the arguments this process was started with. The kernel keeps their order, so that a program
// which has permuted its argv (getopt does) still starts the others with the original one; but it shows what the program has
// written into them.
func arguments() ([]string, error) {
	text, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		return nil, fmt.Errorf("find the program's arguments: %w", err)
	}
	return Arguments(text), nil
}

// Arguments returns the arguments in text, which has the form of /proc/self/cmdline: a null byte behind each.
func Arguments(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// Program returns what runs this program once more: a path, and args or, if that is nil, its arguments as they are now.
func Program(args []string) (path string, all []string) {
	if args == nil {
		args, _ = arguments()
	}
	return program(), args
}

// program returns a path that executes this very binary. The name it was started by is preferred, since the path's
// last part is the name that ps shows; the kernel's own link serves when the file was removed or replaced since.
func program() string {
	const self = "/proc/self/exe"
	name, err := os.Readlink(self)
	if err != nil || !filepath.IsAbs(name) || strings.HasSuffix(name, " (deleted)") {
		return self
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return self
	}
	return name
}
