package lab

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// builtVariable names the folder of the library's programs to the tests in the virtual machine.
const builtVariable = "JIA_LAB_BUILT"

// built is that folder. Constant after TestMain.
var built string

// A shape is a virtual machine and what runs in it.
type shape struct {
	nodes, plain int
	skip         string // tests that run in the other one
}

// The smaller machine is the one where TCP connections take the way that they would take between two real ones. It runs what more devices
// would not change, too.
var shapes = []shape{
	{nodes: 2, skip: "Mixed"},
	{nodes: 4, plain: 1, skip: "Conformance|MemoryLock|OrdinaryUser|Figures|LinkDownTCP|Hanging|Paused"},
}

// vmSeconds is how long a virtual machine may take on a loaded host.
const vmSeconds = "1500"

func TestMain(m *testing.M) {
	flag.Parse()
	if built = os.Getenv(builtVariable); built != "" {
		os.Exit(inside(m))
	}
	if err := outside(); err != nil {
		fmt.Fprintln(os.Stderr, "tests/lab:", err)
		os.Exit(1)
	}
}

// outside builds everything and runs this test binary in the virtual machines.
func outside() (err error) {
	runtime.LockOSThread() // the virtual machine is told when the thread that has started it ends
	dir, err := os.MkdirTemp("", "jia-lab-tests-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // for the ordinary user in there
		return err
	}
	if err := build(dir); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var failures []error
	for _, s := range shapes {
		chosen := flag.Lookup("test.run").Value.String()
		fmt.Printf("--- %d RDMA devices, %d plain interface(s)\n", s.nodes, s.plain)
		vm := exec.Command("./vm", "--timeout", vmSeconds, "--nodes", fmt.Sprint(s.nodes), "--plain", fmt.Sprint(s.plain), "--memory", "3072", "--",
			self, "-test.run="+chosen, "-test.skip="+s.skip, "-test.v="+fmt.Sprint(testing.Verbose()), "-test.timeout="+vmSeconds+"s")
		vm.Env = append(withoutJia(os.Environ()), builtVariable+"="+dir)
		vm.Stdout, vm.Stderr = os.Stdout, os.Stderr
		vm.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // no virtual machine outlives its tests
		if err := vm.Run(); err != nil {
			failures = append(failures, fmt.Errorf("with %d devices: %w", s.nodes, err))
		}
	}
	return errors.Join(failures...)
}

// withoutJia removes the settings of whoever runs the tests.
func withoutJia(env []string) (rest []string) {
	for _, entry := range env {
		if !strings.HasPrefix(entry, "JIA_") {
			rest = append(rest, entry)
		}
	}
	return rest
}

// testPackages are those whose own tests run in the virtual machine too, by folder.
var testPackages = []string{"../../rdma", "../../rdma/verbs"}

// build fills dir with the library, the programs and the test binaries.
func build(dir string) error {
	if err := os.Setenv("RDMA", "1"); err != nil { // whether or not the headers were found by themselves
		return err
	}
	if err := command("../../scripts/archive.sh", dir+"/libjia.a"); err != nil {
		return err
	}
	random, err := filepath.Glob("../programs/random/*.c")
	if err != nil {
		return err
	}
	// The victim's area is locked as a whole, so less than elsewhere.
	programs := map[string][]string{"random": random, "victim": {"-DAREA=((size_t)128<<20)", "../programs/victim.c"}, "miss": {"programs/miss.c"}}
	for name := range examples {
		programs[name] = []string{"../../c_examples/" + name + ".c"}
	}
	for name, sources := range programs {
		args := []string{"-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-fopenmp", "-I../../include", "-o", filepath.Join(dir, name)}
		args = append(append(args, sources...), "-L"+dir, "-ljia", "-lm")
		if err := command(compiler(), args...); err != nil {
			return err
		}
	}
	for _, pkg := range testPackages {
		if err := command("go", "test", "-c", "-tags", "rdma", "-o", filepath.Join(dir, filepath.Base(pkg)+".test"), pkg); err != nil {
			return err
		}
	}
	return nil
}

func compiler() string { return cmp.Or(os.Getenv("CC"), "cc") }

// command runs a tool; the error holds what it said.
func command(name string, args ...string) error {
	if name == "go" {
		name = cmp.Or(os.Getenv("GO"), name)
	}
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}
