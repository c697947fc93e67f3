package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"jiajia/core/capacity"
	"jiajia/core/conf"
)

// here is this machine with another file system and environment.
func here(root string, env map[string]string) machine {
	return machine{root: root, env: func(name string) string { return env[name] }, interfaces: net.Interfaces,
		lookPath: func(string) (string, error) { return "", exec.ErrNotFound }}
}

// find returns an item of a report.
func find(t *testing.T, r report, name string) item {
	t.Helper()
	for _, s := range r.Sections {
		for _, i := range s.Items {
			if i.Name == name {
				return i
			}
		}
	}
	t.Fatalf("no item %q in %+v", name, r)
	return item{}
}

// write makes files below a new folder.
func write(t *testing.T, files map[string]string) (root string) {
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestThisMachine(t *testing.T) {
	r := here("/", nil).report()
	if !r.Ready {
		t.Errorf("no job can run where the tests run:\n%s", r.text())
	}
	for _, s := range r.Sections {
		for _, i := range s.Items {
			if i.Name == "" || i.Value == "" || (i.State == ok) != (i.Remedy == "") {
				t.Errorf("%s: %+v", s.Name, i)
			}
		}
	}
	for _, row := range conf.Table {
		if i := find(t, r, row.Env); i.Value != row.Default+row.Unset || i.Why != "default" {
			t.Errorf("%+v", i)
		}
	}
}

func TestNothingToSee(t *testing.T) {
	m := here(t.TempDir(), nil)
	m.interfaces = func() ([]net.Interface, error) { return nil, errors.New("not permitted") }
	if r := m.report(); !r.Ready || find(t, r, "TCP to other machines").Value != "unknown" {
		t.Errorf("without /proc and /sys:\n%s", r.text())
	}
}

func TestLowLimits(t *testing.T) {
	r := here(write(t, map[string]string{
		"proc/sys/vm/max_map_count":                        "30000\n",
		"proc/sys/vm/overcommit_memory":                    "2\n",
		"sys/kernel/mm/transparent_hugepage/shmem_enabled": "[always] within_size advise never deny force\n",
		"proc/self/cgroup":                                 "0::/a.slice/b.service\n",
		"sys/fs/cgroup/a.slice/b.service/memory.max":       "max\n",
		"sys/fs/cgroup/a.slice/memory.max":                 "104857600\n",
		"sys/class/infiniband/mlx5_0/node_guid":            "",
		"sys/class/infiniband/mlx5_1/node_guid":            "",
	}), map[string]string{"JIA_FAULT": "mprotect", "JIA_REGION_SIZE": "64G"}).report()
	for name, want := range map[string]item{
		"mappings":                    {Value: "30000", State: low, Remedy: "vm.max_map_count=262144"},
		"overcommit":                  {Value: "2", State: low, Remedy: "overcommit_memory=0"},
		"huge pages of shared memory": {Value: "always", State: low, Remedy: "echo never"},
		"memory of the cgroup":        {Value: "100 MiB", State: low, Why: "a.slice/memory.max", Remedy: "--memory="},
		"RDMA":                        {Value: "not possible", State: ok, Why: "mlx5_0, mlx5_1"},
		"page faults":                 {Value: "mprotect", State: ok, Why: "asked for by name"},
		"region":                      {Value: "64 GiB at 0x400000000000", State: ok},
		"JIA_FAULT":                   {Value: "mprotect", State: ok, Why: "from the environment"},
		"ssh":                         {Value: "not found", State: ok},
	} {
		got := find(t, r, name)
		if got.Value != want.Value || got.State != want.State || !strings.Contains(got.Remedy, want.Remedy) || !strings.Contains(got.Why, want.Why) {
			t.Errorf("%s: %+v, not %+v", name, got, want)
		}
	}
	if !r.Ready {
		t.Error("low limits keep no job from running")
	}
}

func TestCgroupVersion1(t *testing.T) {
	m := here(write(t, map[string]string{
		"proc/self/cgroup":                                      "12:cpu,cpuacct:/x\n9:memory:/docker/abc\n0::/\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":            "9223372036854771712\n",
		"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "536870912\n",
	}), nil)
	limit, where, found := capacity.Limit(os.DirFS(m.root))
	if !found || limit != 512<<20 || where != "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes" {
		t.Error(limit, where, found)
	}
}

func TestMistakeInASetting(t *testing.T) {
	r := here("/", map[string]string{"JIA_SPIN": "perhaps"}).report()
	if i := find(t, r, "mistake"); r.Ready || i.State != bad || !strings.Contains(i.Value, `JIA_SPIN is "perhaps"`) {
		t.Errorf("%+v", i)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		out    string
		err    string
	}{
		{"", exitReady, "JIAJIA " + conf.Version + ": a job can run here\n", ""},
		{"--json", exitReady, "{\n  \"version\"", ""},
		{"-json", exitReady, "{\n  \"version\"", ""},
		{"--help", exitReady, usage, ""},
		{"--version", exitReady, conf.Version + "\n", ""},
		{"--wrong", exitUsage, "", "jia-info: flag provided but not defined"},
		{"more", exitUsage, "", `jia-info: unexpected argument "more"`},
	} {
		var stdout, stderr bytes.Buffer
		status := run(strings.Fields(c.args), &stdout, &stderr, here("/", nil))
		if status != c.status || !strings.HasPrefix(stdout.String(), c.out) || !strings.HasPrefix(stderr.String(), c.err) ||
			(c.err == "") != (stderr.Len() == 0) || (c.out == "") != (stdout.Len() == 0) {
			t.Errorf("%s: status %d, %q, %q", c.args, status, stdout.String(), stderr.String())
		}
		if strings.HasSuffix(c.args, "json") {
			var r report
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || !r.Ready || len(r.Sections) == 0 {
				t.Errorf("%s: %v, %+v", c.args, err, r)
			}
		}
	}
}

// TestColumns: every value begins in the same column.
func TestColumns(t *testing.T) {
	r := newReport(section{"One", []item{{Name: "a", Value: "VALUE", State: ok}, {Name: "long name", Value: "VALUE", State: bad, Remedy: "VALUE"}}})
	want := "JIAJIA " + conf.Version + `: no job can run here: see the lines with !!

One
   a          VALUE
!! long name  VALUE
              -> VALUE
`
	if got := string(r.text()); got != want {
		t.Errorf("got\n%s\nnot\n%s", got, want)
	}
}

// TestRealSurroundings runs the program itself as users do whom the system refuses something.
func TestRealSurroundings(t *testing.T) {
	dir, err := os.MkdirTemp("", "jia-info-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, build := range [][]string{
		{"go", "build", "-o", dir + "/jia-info", "."},
		{"cc", "-o", dir + "/nouffd", "../../tests/programs/nouffd.c"},
	} {
		if text, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build, err, text)
		}
	}
	for _, c := range []struct {
		name   string
		script string
		status int
		says   []string
	}{
		{"as it is", "./jia-info", exitReady, []string{"a job can run here"}},
		{"a container's filter", "./nouffd ./jia-info", exitReady, []string{"!  page faults", "mprotect", "seccomp", "-> jobs run"}},
		{"the filter, and uffd by name", "JIA_FAULT=uffd ./nouffd ./jia-info", exitNotReady, []string{"!! region", "userfaultfd is not permitted"}},
		{"little address space", "ulimit -v 8000000; ./jia-info", exitNotReady, []string{"!! region", "!! address space", "-> ulimit -v unlimited"}},
		{"small files", "ulimit -f 1000; ./jia-info", exitNotReady, []string{"!! region", "!! file size", "-> ulimit -f unlimited"}},
		{"few descriptors", "ulimit -n 256; ./jia-info", exitReady, []string{"!  open files", "-> ulimit -n"}},
		{"nowhere to write", "./jia-info > /dev/full", exitNotReady, []string{"jia-info: write the report"}},
	} {
		for _, user := range []uint32{0, 65534} {
			cmd := exec.Command("sh", "-c", c.script)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH")}
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
			}
			text, err := cmd.CombinedOutput()
			var ended *exec.ExitError
			if err != nil && !errors.As(err, &ended) || cmd.ProcessState.ExitCode() != c.status {
				t.Errorf("%s, user %d: %v\n%s", c.name, user, cmd.ProcessState, text)
			}
			for _, words := range c.says {
				if !strings.Contains(string(text), words) {
					t.Errorf("%s, user %d: does not say %q:\n%s", c.name, user, words, text)
				}
			}
		}
	}
}

// TestManual: the page names every option of the help text, and mandoc has nothing to say against it.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("jia-info.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range regexp.MustCompile(`(?m)^  --([a-z]+)`).FindAllStringSubmatch(usage, -1) {
		if !strings.Contains(string(page), ".It Fl -"+option[1]+"\n") {
			t.Errorf("the manual page has no option --%s", option[1])
		}
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skipf("the package mandoc is not here: %v", err)
	}
	if text, err := exec.Command("mandoc", "-Tlint", "-Wstyle", "jia-info.1").CombinedOutput(); err != nil || len(text) > 0 {
		t.Errorf("mandoc: %v\n%s", err, text)
	}
}
