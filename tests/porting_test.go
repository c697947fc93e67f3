package tests

import (
	"fmt"
	"path/filepath"
	"testing"
)

// The program of docs/porting.md, by its own Makefile, which has no warning switched on or off.
func TestOldProgram(t *testing.T) {
	if err := command("make", "-C", "../c_examples/porting", "LIB="+built, "OUT="+built); err != nil {
		t.Fatal(err)
	}
	input, err := filepath.Abs("../c_examples/porting/nbody.in")
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range backends {
		for _, hosts := range hostCounts(1, 2, 3, 4) {
			t.Run(fmt.Sprintf("%s/hosts=%d", backend, hosts), func(t *testing.T) {
				job{program: "nbody", args: []string{"-f", input}, hosts: hosts, env: []string{"JIA_FAULT=" + backend}}.run(t).good(t,
					"nbody: 1000 bodies")
			})
		}
	}
	// What every host finds wrong is one line, and the end of all.
	job{program: "nbody", args: []string{"-f", "missing"}, hosts: 3}.run(t).failed(t, "cannot open missing")
}
