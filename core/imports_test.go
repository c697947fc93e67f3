package core_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which packages of the module each package may import. Dependencies point one way; a package that is not
// listed may not exist.
var allowed = map[string][]string{
	"jiajia/core/wire":                   {},
	"jiajia/core/diff":                   {},
	"jiajia/core":                        {"jiajia/core/pageset", "jiajia/core/wire", "jiajia/lru"},
	"jiajia/core/pageset":                {},
	"jiajia/core/snapshot":               {"jiajia/core/pageset"},
	"jiajia/core/stats":                  {},
	"jiajia/core/event":                  {},
	"jiajia/core/region":                 {},
	"jiajia/core/region/regiontest":      {"jiajia/core/region"},
	"jiajia/core/region/regiontest/wild": {"jiajia/core/region", "jiajia/core/region/regiontest"},
	"jiajia/core/message":                {"jiajia/core/wire"},
	"jiajia/core/balance":                {},
	"jiajia/ckpt":                        {},
	"jiajia/ckpt/ckpttest":               {"jiajia/ckpt"},
	"jiajia/pool":                        {},
	"jiajia/core/route":                  {"jiajia/core", "jiajia/core/node", "jiajia/core/wire"},
	"jiajia/core/node/nodetest":          {"jiajia/core", "jiajia/core/diff", "jiajia/core/node", "jiajia/core/wire"},
	"jiajia/core/sim":                    {"jiajia/ckpt", "jiajia/ckpt/ckpttest", "jiajia/core", "jiajia/core/diff", "jiajia/core/snapshot", "jiajia/core/wire"},
	"jiajia/core/conf":                   {},
	"jiajia/core/resume":                 {"jiajia/ckpt", "jiajia/core"},
	"jiajia/core/reach":                  {},
	"jiajia/core/pulse":                  {},
	"jiajia/core/capacity":               {},
	"jiajia/core/keep":                   {"jiajia/ckpt"},
	"jiajia/core/launch":                 {"jiajia/core/conf", "jiajia/core/keep", "jiajia/core/pulse", "jiajia/core/reach"},
	"jiajia/core/join":                   {"jiajia/core/conf", "jiajia/core/keep", "jiajia/core/launch", "jiajia/core/reach"},
	"jiajia/epoll":                       {"jiajia/core/event", "jiajia/core/node", "jiajia/core/pulse", "jiajia/core/wire"},
	"jiajia/shm":                         {"jiajia/core", "jiajia/core/diff", "jiajia/core/event", "jiajia/core/node", "jiajia/core/pulse", "jiajia/core/wire"},
	"jiajia/rdma":                        {"jiajia/core/diff", "jiajia/core/event", "jiajia/core/node", "jiajia/core/pulse", "jiajia/core/wire", "jiajia/rdma/verbs"},
	"jiajia/rdma/verbs":                  {},
	"jiajia/core/node": {"jiajia/ckpt", "jiajia/core", "jiajia/core/balance", "jiajia/core/diff", "jiajia/core/event", "jiajia/core/message",
		"jiajia/core/capacity", "jiajia/core/region", "jiajia/core/resume", "jiajia/core/snapshot", "jiajia/core/stats", "jiajia/core/wire", "jiajia/pool"},
	"jiajia/cabi": {"jiajia/core", "jiajia/core/capacity", "jiajia/core/conf", "jiajia/core/event", "jiajia/core/join", "jiajia/core/keep", "jiajia/core/launch", "jiajia/core/message", "jiajia/core/node",
		"jiajia/core/region", "jiajia/core/resume", "jiajia/core/route", "jiajia/core/stats", "jiajia/core/wire", "jiajia/epoll", "jiajia/pool", "jiajia/rdma", "jiajia/shm"},
	"jiajia/cmd/jia-ckpt":    {"jiajia/ckpt", "jiajia/core/conf"},
	"jiajia/cmd/jia-info":    {"jiajia/core/capacity", "jiajia/core/conf", "jiajia/core/diff", "jiajia/core/node", "jiajia/core/region", "jiajia/rdma", "jiajia/shm"},
	"jiajia/cmd/jia-net":     {"jiajia/core/conf", "jiajia/rdma/verbs"},
	"jiajia/cmd/jia-restart": {"jiajia/core/conf", "jiajia/core/keep"},
	"jiajia/lru":             {},
	"jiajia/tests":           {},
	"jiajia/tests/bench":     {},
	"jiajia/tests/lab":       {},
	"jiajia/tests/launchers": {},
	"jiajia/tests/ssh":       {},

	"jiajia/scripts/manpages": {"jiajia/core/conf"},
}

// impure is what the machine and its message formats must do without: the world.
var impure = []string{"C", "context", "io", "math/rand", "math/rand/v2", "net", "os", "runtime", "sync", "sync/atomic", "syscall",
	"time", "unsafe"}

func TestDependenciesPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "jiajia/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		pkg, imports := words[0], words[1:]
		may, known := allowed[pkg]
		if !known {
			t.Errorf("package %s is not in the table of this test and of docs/architecture.md", pkg)
			continue
		}
		for _, i := range imports {
			if strings.HasPrefix(i, "jiajia/") && !slices.Contains(may, i) {
				t.Errorf("%s imports %s", pkg, i)
			}
			if (pkg == "jiajia/core" || pkg == "jiajia/core/wire") && (slices.Contains(impure, i) || strings.Contains(i, ".")) {
				t.Errorf("%s imports %s: it must not touch the world", pkg, i)
			}
		}
	}
}
