package tests

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var (
	libraryFlag = flag.String("lib", "", "test this libjia.a instead of building one")
	sharedFlag  = flag.Bool("shared", false, "link the programs with libjia.so, made from libjia.a")
)

// built is the folder with the library and the programs, readable by every user. Constant after TestMain.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	var err error
	if built, err = os.MkdirTemp("", "jia-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(built); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}()
	if err := buildAll(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// buildAll fills the built folder.
func buildAll() error {
	if err := os.Chmod(built, 0o755); err != nil {
		return err
	}
	if err := buildLibrary(filepath.Join(built, "libjia.a")); err != nil {
		return err
	}
	if *sharedFlag {
		if err := command("../scripts/shared.sh", filepath.Join(built, "libjia.a"), sharedDir()); err != nil {
			return err
		}
	}
	all, err := programs()
	if err != nil {
		return err
	}
	errs := make([]error, len(all))
	var group sync.WaitGroup
	slots := make(chan bool, 4)
	for i, p := range all {
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- true
			errs[i] = p.build(filepath.Join(built, p.name))
			<-slots
		}()
	}
	group.Wait()
	return errors.Join(errs...)
}

// buildLibrary makes the very archive that `make` does.
func buildLibrary(path string) error {
	if *libraryFlag != "" {
		abs, err := filepath.Abs(*libraryFlag)
		if err != nil {
			return err
		}
		return os.Symlink(abs, path)
	}
	return command("../scripts/archive.sh", path)
}

// A program is one C program of the tests or of the examples.
type program struct {
	name    string
	sources []string
	flags   []string
}

// warnings are what every program is compiled under; flags may take them back.
var warnings = []string{"-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror"}

// special lists what some programs need beyond that.
var special = map[string][]string{
	"oldstyle": {"-std=gnu89", "-w"}, // the point of it
	"openmp":   {"-fopenmp"},
	"hybrid":   {"-fopenmp"},
	"crash":    {"-O0"}, // crashes are undefined behaviour: do not give the compiler ideas
}

// programs lists a program for every C file in programs/, c_examples/ and c_examples/tutorial/, and for every folder in
// programs/.
func programs() ([]program, error) {
	var all []program
	for _, pattern := range []string{"programs/*", "../c_examples/*.c", "../c_examples/tutorial/*.c"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			sources := []string{path}
			if info, err := os.Stat(path); err != nil {
				return nil, err
			} else if info.IsDir() {
				if sources, err = filepath.Glob(filepath.Join(path, "*.c")); err != nil {
					return nil, err
				}
			}
			name := strings.TrimSuffix(filepath.Base(path), ".c")
			all = append(all, program{name: name, sources: sources, flags: special[name]})
		}
	}
	return all, nil
}

// build compiles and links p into out.
func (p program) build(out string) error {
	args := append([]string{}, warnings...)
	args = append(args, p.flags...)
	args = append(args, "-I../include", "-o", out)
	args = append(args, p.sources...)
	if *sharedFlag {
		args = append(args, "-L"+sharedDir(), "-Wl,-rpath,"+sharedDir())
	}
	args = append(args, "-L"+built, "-ljia", "-lm")
	return command(compiler(), args...)
}

// sharedDir is where libjia.so lies. The linker takes it from there, since that folder comes before the archive's.
func sharedDir() string { return filepath.Join(built, "shared") }

func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return cc
	}
	return "cc"
}

// command runs a tool; the error holds what it said.
func command(name string, args ...string) error {
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}
