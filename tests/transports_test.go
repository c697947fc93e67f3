package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Settings that make all hosts of one machine talk in one way. The first is what they do by default; TestTransports sees that they do.
const (
	overMemory = "JIA_SHM=on"
	overTCP    = "JIA_COMM_TYPE=tcp"
)

var transports = []string{overMemory, overTCP}

// transportsAmong returns the ones to run a test over that runs on several numbers of hosts: over TCP on some only, because a
// page takes the same steps in the library whatever carries it.
func transportsAmong(hosts int) []string {
	if hosts == 2 || hosts == 4 {
		return transports
	}
	return transports[:1]
}

// TestTransports runs a program over each transport of one machine, and says how its hosts reach each other.
func TestTransports(t *testing.T) {
	for _, test := range []struct{ env, says string }{
		{"JIA_COMM_TYPE=auto", "reaches hosts 1-2 by shared memory"},
		{overMemory, "reaches hosts 1-2 by shared memory"},
		{"JIA_SHM=0", "reaches hosts 1-2 by "}, // by RDMA, if the machine has it
		{overTCP, "transport TCP at 127.0.0.1:"},
	} {
		for _, backend := range backends {
			r := job{program: "sor", args: []string{"62", "63", "20"}, hosts: 3, env: []string{test.env, "JIA_FAULT=" + backend, "JIA_LOG=info"}}.run(t)
			if r.status != 0 || !strings.Contains(r.stdout, ": ok, ") || !strings.Contains(r.stderr, "host 0: info: "+test.says) {
				t.Errorf("%v: %s\n%s\n%s", r.job, describe(r.status), tail(r.stdout), tail(r.stderr))
			}
		}
	}
}

// What is open only to find out how the hosts talk is closed when they know.
func TestSharedMemoryListensNowhere(t *testing.T) {
	r := job{program: "endure", hosts: 3, env: []string{overMemory}}.start(t)
	r.await("running", func(out string) bool { return strings.Contains(out, "endure: running") })
	for _, pid := range processes(r.tag) {
		if ports := listeningPorts(pid); len(ports) > 0 {
			t.Errorf("process %d listens on the TCP ports %v", pid, ports)
		}
		if sockets := listeningSockets(pid); len(sockets) > 0 {
			t.Errorf("process %d listens on the Unix sockets %q", pid, sockets)
		}
	}
	touch(t, r, "stop")
	r.wait().good(t, "endure: ok")
	r.nothingLeft("stop")
}

// TestNoRDMA insists on RDMA: it is there, or one line names a pair of hosts and what they lack.
func TestNoRDMA(t *testing.T) {
	r := job{program: "misuse", args: []string{"nothing"}, hosts: 2, env: []string{"JIA_COMM_TYPE=rdma"}}.run(t)
	if r.status == 0 {
		r.good(t, "")
		return
	}
	r.failed(t, noRDMA, "JIA_COMM_TYPE=auto")
}

const noRDMA = "JIA_COMM_TYPE is rdma, but hosts 0 and 1 cannot reach each other by RDMA: host "

// withoutRDMA runs jobs of a program of two hosts where RDMA is not possible: they use TCP, and say why, once each, if they are asked;
// who insists gets one line.
func withoutRDMA(t *testing.T, j job, why string) {
	t.Helper()
	j.hosts, j.args = 2, []string{"62", "63", "20"}
	j.env = []string{"JIA_SHM=off"}
	j.run(t).good(t, ": ok, ")
	j.env = []string{"JIA_SHM=off", "JIA_LOG=info"}
	r := j.run(t)
	for _, said := range []string{"host 0: info: reaches host 1 by TCP", "host 0: info: RDMA is not possible with host 1: this host: " + why} {
		if r.status != 0 || !strings.Contains(r.stdout, ": ok, ") || strings.Count(r.stderr, said) != 1 {
			t.Errorf("%v: %s; not once %q:\n%s\n%s", r.job, describe(r.status), said, tail(r.stdout), tail(r.stderr))
		}
	}
	j.env = []string{"JIA_COMM_TYPE=rdma"}
	j.run(t).failed(t, noRDMA, why, "JIA_COMM_TYPE=auto")
}

// hideRDMA runs a program in a view of the file system that lacks the RDMA libraries.
const hideRDMA = `
path=$(ldconfig -p | sed -n 's/.*libibverbs\.so\.1 .*=> //p' | head -n 1)
if [ -n "$path" ]; then
  folder=$(dirname "$(readlink -f "$path")")
  mount -t tmpfs none "$TMPDIR"
  mkdir "$TMPDIR/upper" "$TMPDIR/work"
  for file in "$folder"/libibverbs.so.1* "$folder"/librdmacm.so.1*; do
    mknod "$TMPDIR/upper/${file##*/}" c 0 0
  done
  mount -t overlay -o "lowerdir=$folder,upperdir=$TMPDIR/upper,workdir=$TMPDIR/work" overlay "$folder"
fi
exec "$@"`

// A program that can use RDMA runs where the libraries for it are not installed.
func TestRDMALibrariesAreNotThere(t *testing.T) {
	if tags, err := exec.Command("../scripts/tags.sh").Output(); err != nil || len(tags) == 0 {
		t.Skip("the library is built without RDMA", err)
	}
	wrap := []string{"unshare", "--mount", "sh", "-ec", hideRDMA, "sh"}
	probe := exec.Command(wrap[0], append(wrap[1:], "true")...)
	probe.Env = append(os.Environ(), "TMPDIR="+publicDir(t))
	if text, err := probe.CombinedOutput(); err != nil {
		t.Skipf("files cannot be hidden here: %v: %s", err, text)
	}
	withoutRDMA(t, job{program: "sor", wrap: wrap}, "the RDMA libraries are not there")
}

// Nor does one that was built without it fall silent about it.
func TestBuiltWithoutRDMA(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library once more")
	}
	const name = "sor-without-rdma"
	dir := publicDir(t)
	build := exec.Command("../scripts/archive.sh", filepath.Join(dir, "libjia.a"))
	build.Env = append(os.Environ(), "RDMA=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	path := filepath.Join(built, name)
	t.Cleanup(func() { _ = os.Remove(path) })
	if err := command(compiler(), "-std=gnu99", "-O2", "-I../include", "-o", path, "../c_examples/sor.c", "-L"+dir, "-ljia", "-lm"); err != nil {
		t.Fatal(err)
	}
	withoutRDMA(t, job{program: name}, "this library was built without RDMA")
}
