package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// linkShared makes the shared library of the archive that is tested, where TestMain has not, and returns its path.
func linkShared(t *testing.T) string {
	t.Helper()
	if !*sharedFlag {
		if err := command("../scripts/shared.sh", filepath.Join(built, "libjia.a"), sharedDir()); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(sharedDir(), "libjia.so")
}

// A program that loads the library when it runs can do everything; until then its supervisor runs what it runs.
func TestLoadedAtRunTime(t *testing.T) {
	library := linkShared(t)
	if err := command(compiler(), append(slices.Clone(warnings), "-I../include", "shared/loaded.c", "-ldl",
		"-o", filepath.Join(built, "loaded"))...); err != nil {
		t.Fatal(err)
	}
	for _, hosts := range []int{1, 2, 4} {
		r := job{program: "loaded", args: []string{library}, hosts: hosts}.start(t)
		r.wait().good(t, fmt.Sprintf("loaded: ok on %d host(s)", hosts))
		r.nothingLeft()
	}
}

// The libraries define what the headers declare, and nothing else that a program could see.
func TestOnlyDeclaredNamesAreVisible(t *testing.T) {
	header, err := exec.Command(compiler(), "-E", "-P", "../include/jia.h").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list("../include") { // FORTRAN's, if there are any
		if name != "jia.h" {
			text, err := os.ReadFile(filepath.Join("../include", name))
			if err != nil {
				t.Fatal(err)
			}
			header = append(header, text...)
		}
	}
	words := regexp.MustCompile(`[A-Za-z_]\w*`).FindAllString(string(header), -1)
	for file, option := range map[string]string{linkShared(t): "-D", filepath.Join(built, "libjia.a"): "-g"} {
		symbols, err := exec.Command("nm", option, "--defined-only", file).Output()
		if err != nil {
			t.Fatalf("nm %s: %v", file, err)
		}
		var names []string
		for _, line := range strings.Split(string(symbols), "\n") {
			if fields := strings.Fields(line); len(fields) == 3 {
				names = append(names, fields[2])
			}
		}
		for _, name := range names {
			if !slices.Contains(words, strings.TrimSuffix(name, "_")) {
				t.Errorf("%s: %s is visible", filepath.Base(file), name)
			}
		}
		for _, name := range []string{"jia_init", "jia_barrier", "jiapid", "hostc", "jia_lock_index"} {
			if !slices.Contains(names, name) {
				t.Errorf("%s: %s is not visible", filepath.Base(file), name)
			}
		}
	}
}
