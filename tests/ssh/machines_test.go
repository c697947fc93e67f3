package ssh

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A network is three machines and what is needed to reach them.
type network struct {
	dir      string // everything that the tests make
	shared   string // in dir: the one folder that all machines see the same of
	hub      *machine
	machines [3]*machine // node1 is where jobs are started
}

// A machine is a network namespace, kept alive by a process, and its view of the file system.
type machine struct {
	name   string
	addr   string // on a network that all machines are on
	side   string // on another one
	six    string // and on one of IPv6
	holder *exec.Cmd
	input  io.Closer // its end ends the holder
	sshd   *exec.Cmd // nil when it is down
	log    lockedBuffer
}

// lab is the network that all tests use; nil when skip says why there is none.
var (
	lab  *network
	skip string
)

func init() {
	runtime.LockOSThread() // the machines' processes end with the thread that has started them
}

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if skip = missing(); skip != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "jia-ssh-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	lab = &network{dir: dir, shared: filepath.Join(dir, "shared")}
	defer lab.close()
	if err := errors.Join(build(dir), lab.open()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// missing says why the tests cannot run here, "" if they can.
func missing() string {
	if os.Getuid() != 0 {
		return "network namespaces take root"
	}
	for _, tool := range []string{"/usr/sbin/sshd", "ssh", "ssh-keygen", "ip", "unshare", "nsenter", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err.Error()
		}
	}
	probe := exec.Command("unshare", "--net", "--mount", "ip", "link", "add", "name", "p1", "type", "veth", "peer", "name", "p2")
	if text, err := probe.CombinedOutput(); err != nil {
		return fmt.Sprintf("no namespaces or virtual networks here: %v: %s", err, text)
	}
	return ""
}

func need(t testing.TB) *network {
	t.Helper()
	if skip != "" {
		t.Skip(skip)
	}
	return lab
}

// build makes the library and the programs, in folders that only node1 sees.
func build(dir string) error {
	hidden := filepath.Join(dir, "hidden")
	if err := os.Mkdir(hidden, 0o755); err != nil {
		return err
	}
	if err := run("../../scripts/archive.sh", filepath.Join(dir, "libjia.a")); err != nil {
		return err
	}
	random, err := filepath.Glob("../programs/random/*.c")
	if err != nil {
		return err
	}
	for name, sources := range map[string][]string{"place": {"programs/place.c"}, "random": random} {
		args := append([]string{"-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-I../../include", "-o", filepath.Join(hidden, name)}, sources...)
		if err := run("cc", append(args, "-L"+dir, "-ljia", "-lm")...); err != nil {
			return err
		}
	}
	return nil
}

func run(name string, args ...string) error {
	text, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}

// open starts the machines.
func (n *network) open() error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	for _, dir := range []string{n.shared, filepath.Join(n.shared, "work"), filepath.Join(n.dir, "hidden", "work")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(n.shared, "work", "input"), []byte("100\n"), 0o644); err != nil {
		return err
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(n.dir, "key")); err != nil {
		return err
	}
	if n.hub, err = newMachine("hub", ""); err != nil {
		return err
	}
	if err := n.hub.do("ip", "link", "add", "name", "br0", "type", "bridge"); err != nil {
		return err
	}
	if err := n.hub.do("ip", "link", "set", "br0", "up"); err != nil {
		return err
	}
	config := fmt.Sprintf("Host *\nUser root\nIdentityFile %s/key\nIdentitiesOnly yes\nUserKnownHostsFile %s/known\n", n.dir, n.dir)
	var known []byte
	for i := range n.machines {
		name := fmt.Sprintf("node%d", i+1)
		m, err := newMachine(name, fmt.Sprintf("10.77.0.%d", i+1))
		if err != nil {
			return err
		}
		m.side, m.six = fmt.Sprintf("10.78.0.%d", i+1), fmt.Sprintf("fd77::%d", i+1)
		n.machines[i] = m
		if err := n.plug(m, i); err != nil {
			return err
		}
		key := filepath.Join(n.dir, "host-"+name)
		if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
			return err
		}
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			return err
		}
		known = fmt.Appendf(known, "%s,%s,%s %s", m.addr, m.side, m.six, public)
		config += fmt.Sprintf("Host %s\nHostName %s\nHost side%d\nHostName %s\nHost six%[3]d\nHostName %[5]s\n", name, m.addr, i+1, m.side, m.six)
		// /run has sshd's folder; node2 and node3 have an empty home and do not see the program.
		steps := [][]string{{"mount", "-t", "tmpfs", "none", "/run"}, {"mkdir", "-m", "755", "/run/sshd"}}
		if i > 0 {
			steps = append(steps, []string{"mount", "-t", "tmpfs", "none", home},
				[]string{"mount", "-t", "tmpfs", "none", filepath.Join(n.dir, "hidden")})
		}
		for _, step := range steps {
			if err := m.do(step[0], step[1:]...); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(n.dir, "known"), known, 0o600),
		os.WriteFile(filepath.Join(n.dir, "config"), []byte(config), 0o600)); err != nil {
		return err
	}
	for _, m := range n.machines {
		if err := n.startSSHD(m); err != nil {
			return err
		}
	}
	return nil
}

// newMachine makes the namespaces.
func newMachine(name, addr string) (*machine, error) {
	m := &machine{name: name, addr: addr, holder: exec.Command("unshare", "--net", "--mount", "--propagation", "private",
		"sh", "-c", "echo ready; exec cat")}
	m.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := m.holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := m.holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.input = input
	if err := m.holder.Start(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(output, make([]byte, len("ready\n"))); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, m.do("ip", "link", "set", "lo", "up")
}

// in prepares a command that runs on the machine.
func (m *machine) in(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.holder.Process.Pid), "--net", "--mount", name}, args...)...)
}

func (m *machine) do(name string, args ...string) error {
	if text, err := m.in(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s %s: %w\n%s", m.name, name, strings.Join(args, " "), err, text)
	}
	return nil
}

// path returns how this process reaches a path as the machine sees it.
func (m *machine) path(path string) string {
	return filepath.Join("/proc", strconv.Itoa(m.holder.Process.Pid), "root", path)
}

// plug joins a machine to the bridge.
func (n *network) plug(m *machine, i int) error {
	port := fmt.Sprintf("port%d", i)
	return errors.Join(
		n.hub.do("ip", "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.holder.Process.Pid)),
		n.hub.do("ip", "link", "set", port, "master", "br0", "up"),
		m.do("ip", "addr", "add", m.addr+"/24", "dev", "eth0"),
		m.do("ip", "addr", "add", m.side+"/24", "dev", "eth0"),
		m.do("ip", "link", "set", "eth0", "up"),
		m.do("ip", "addr", "add", m.six+"/64", "dev", "eth0", "nodad"))
}

// startSSHD starts a machine's sshd and returns when it listens.
func (n *network) startSSHD(m *machine) error {
	m.sshd = m.in("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-o", "HostKey="+n.dir+"/host-"+m.name,
		"-o", "AuthorizedKeysFile="+n.dir+"/key.pub", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes",
		"-o", "PasswordAuthentication=no", "-o", "PidFile=none")
	m.sshd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := m.sshd.StderrPipe()
	if err != nil {
		return err
	}
	if err := m.sshd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(stderr)
	for listening := 0; listening < 2; { // one socket for each family
		line, err := lines.ReadString('\n')
		_, _ = m.log.Write([]byte(line))
		if err != nil {
			return fmt.Errorf("%s: sshd: %w\n%s", m.name, err, m.log.String())
		}
		if strings.HasPrefix(line, "Server listening on") {
			listening++
		}
	}
	go func() { _, _ = io.Copy(&m.log, lines) }()
	return nil
}

// stopSSHD ends a machine's sshd, connections included.
func (m *machine) stopSSHD() {
	if m.sshd == nil {
		return
	}
	_ = m.sshd.Process.Kill()
	_ = m.sshd.Wait()
	m.sshd = nil
	for _, pid := range m.processes() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// processes returns the processes on the machine, without those that make it one.
func (m *machine) processes() []int {
	ours := func(pid int) bool {
		return pid == m.holder.Process.Pid || m.sshd != nil && pid == m.sshd.Process.Pid
	}
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", m.holder.Process.Pid))
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir("/proc")
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || ours(pid) {
			continue
		}
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil && ns == want {
			found = append(found, pid)
		}
	}
	return found
}

// quiet checks that nothing of a job is left on any machine within two seconds.
func (n *network) quiet(t *testing.T) {
	t.Helper()
	const limit = 2 * time.Second
	for since := time.Now(); ; time.Sleep(time.Millisecond) {
		var left []string
		for _, m := range n.machines {
			for _, pid := range m.processes() {
				text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				left = append(left, fmt.Sprintf("%s: process %d: %s", m.name, pid, bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Since(since) > limit {
			t.Fatalf("still there after %v:\n%s", limit, strings.Join(left, "\n"))
		}
	}
}

func (n *network) close() {
	for _, m := range append(n.machines[:], n.hub) {
		if m == nil {
			continue
		}
		m.stopSSHD()
		_ = m.input.Close()
		_ = m.holder.Wait()
	}
}

// A lockedBuffer collects what one goroutine writes and another reads.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
