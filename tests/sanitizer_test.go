package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A program under the address sanitizer: its shadow memory must leave room for the region, and its signal handlers must
// let ours do their work.
func TestAddressSanitizer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := publicDir(t)
	trivial := filepath.Join(dir, "trivial.c")
	if err := os.WriteFile(trivial, []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(dir, "trivial")
	if err := command(compiler(), "-fsanitize=address", "-o", probe, trivial); err != nil {
		t.Skip("no address sanitizer here:", err)
	}
	if text, err := exec.Command(probe).CombinedOutput(); err != nil {
		t.Skipf("the address sanitizer does not run here: %v\n%s", err, text)
	}
	all, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		var args []string
		switch p.name {
		case "random":
			args = []string{"5"}
		case "allocations":
		case "waiting":
			args = []string{"events"}
		default:
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			p.flags = append([]string{"-fsanitize=address", "-g"}, p.flags...)
			if err := p.build(filepath.Join(built, p.name+"-asan")); err != nil {
				t.Fatal(err)
			}
			for _, backend := range backends {
				job{program: p.name + "-asan", args: args, hosts: 2, env: []string{"JIA_FAULT=" + backend}}.run(t).good(t, "ok")
			}
		})
	}
}
