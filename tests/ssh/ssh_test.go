package ssh

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// job prepares place on the machines of a hosts file, started on node1 in the shared folder.
func (n *network) job(t testing.TB, hosts string, args ...string) *exec.Cmd {
	t.Helper()
	return n.program(t, "place", hosts, args...)
}

// program does it for any program.
func (n *network) program(t testing.TB, program, hosts string, args ...string) *exec.Cmd {
	t.Helper()
	list := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(list, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := n.machines[0].in("sh", append([]string{"-c", `cd "$0" && exec "$@"`, filepath.Join(n.shared, "work"),
		filepath.Join(n.dir, "hidden", program)}, args...)...)
	cmd.Env = append(os.Environ(), "JIA_HOSTS="+list, "JIA_SSH=ssh -F "+filepath.Join(n.dir, "config"), "JIA_SPIN=off")
	return cmd
}

// A result is how a job ended.
type result struct {
	stdout, stderr string
	code           int
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	_ = cmd.Wait() // the caller looks at the status
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// copies returns the copies of place that a machine keeps.
func copies(t *testing.T, m *machine) map[string]time.Time {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(m.path(filepath.Join(me.HomeDir, ".cache/jiajia/*/place")))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]time.Time)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		found[filepath.Base(path)] = info.ModTime()
	}
	return found
}

func TestThreeAndSixProcesses(t *testing.T) {
	n := need(t)
	for _, slots := range []int{1, 2} {
		t.Run(fmt.Sprintf("slots=%d", slots), func(t *testing.T) {
			before := copies(t, n.machines[1])
			cmd := n.job(t, fmt.Sprintf("10.77.0.1 slots=%d\nnode2 slots=%[1]d\nnode3 root slots=%[1]d\n", slots), "5")
			cmd.Stdin = strings.NewReader("hello\n")
			got := finish(t, cmd)
			n.quiet(t)
			if got.code != 5 || got.stderr != "" {
				t.Fatalf("status %d, standard error %q, standard output %q", got.code, got.stderr, got.stdout)
			}
			hosts := 3 * slots
			want := []string{"host 0 was told: hello"}
			for host := range hosts {
				want = append(want, fmt.Sprintf("host %d of %d: directory %s/work, input 100, sum %d, setting off", host, hosts, n.shared,
					100*hosts+hosts*(hosts-1)/2))
			}
			lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
			slices.Sort(lines)
			slices.Sort(want)
			if !slices.Equal(lines, want) {
				t.Errorf("output\n%s\nwant\n%s", got.stdout, strings.Join(want, "\n"))
			}
			for _, m := range n.machines[1:] {
				after := copies(t, m)
				if len(after) != 1 || after["place"].IsZero() {
					t.Errorf("%s has the copies %v", m.name, after)
				}
				if at, there := before["place"]; there && m == n.machines[1] && !at.Equal(after["place"]) {
					t.Errorf("%s: copied a second time", m.name)
				}
			}
			if found := copies(t, n.machines[0]); len(found) > 0 {
				t.Errorf("node1 has the copies %v", found)
			}
		})
	}
}

func TestWorkingDirectoryThatIsNotThere(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2\n")
	for i, arg := range cmd.Args { // a folder that only node1 sees
		if arg == filepath.Join(n.shared, "work") {
			cmd.Args[i] = filepath.Join(n.dir, "hidden", "work")
		}
	}
	got := finish(t, cmd)
	n.quiet(t)
	if got.code != 0 || !strings.Contains(got.stdout, "host 0 of 2: directory "+n.dir+"/hidden/work, input nothing") ||
		!strings.Contains(got.stdout, "/.cache/jiajia/") {
		t.Errorf("%+v", got)
	}
}

// Neither an argument that is not UTF-8 nor one of several lines changes on its way.
func TestArgumentsOfAnyBytes(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2\n", "0", "caf\xe9", "two\nlines", "", "\u2028<&>")
	got := finish(t, cmd)
	n.quiet(t)
	const want = `arguments 30 636166e9 74776f0a6c696e6573 - e280a83c263e`
	if got.code != 0 || strings.Count(got.stdout, want+"\n") != 2 {
		t.Errorf("%+v", got)
	}
}

func TestHomeThatForbidsPrograms(t *testing.T) {
	n := need(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	m := n.machines[1]
	if err := m.do("mount", "-o", "remount,noexec", me.HomeDir); err != nil {
		t.Fatal(err)
	}
	got := finish(t, n.job(t, "localhost\nnode2\n"))
	n.quiet(t)
	if err := m.do("mount", "-o", "remount,exec", me.HomeDir); err != nil {
		t.Fatal(err)
	}
	want := "jia: cannot start host 1 on node2: programs in " + me.HomeDir + "/.cache/jiajia cannot be run, "
	if got.code != 1 || !strings.HasPrefix(got.stderr, want) || !strings.HasSuffix(got.stderr, ": correct that on node2\n") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%+v", got)
	}
}

// Where the ways to the other machines differ, the hosts of node1 listen on all of its addresses, and each machine is told one
// that works for it.
func TestWaysToTheOthers(t *testing.T) {
	n := need(t)
	tests := []struct{ name, hosts, network string }{
		{"one network", "localhost slots=2\nnode2\nnode3\n", ""},
		{"two networks", "localhost slots=2\nnode2\nside3\n", ""},
		{"IPv6", "localhost slots=2\nsix2\nsix3\n", ""},
		{"both families", "localhost slots=2\nnode2\nsix3\n", ""},
		{"another network than that of ssh", "localhost slots=2\nnode2\nsix3\n", "10.78.0.0/16"},
		{"an interface", "localhost slots=2\nnode2\nside3\n", "eth0"},
		{"IPv6 for the hosts", "localhost slots=2\nnode2\n10.77.0.3\n", "fd77::/64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := n.job(t, test.hosts)
			cmd.Env = append(cmd.Env, "JIA_NETWORK="+test.network)
			got := finish(t, cmd)
			n.quiet(t)
			if got.code != 0 || got.stderr != "" || strings.Count(got.stdout, "sum 406,") != 4 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestNetworkThatAMachineIsNotOn(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2\n")
	cmd.Env = append(cmd.Env, "JIA_NETWORK=10.77.0.1")
	got := finish(t, cmd)
	n.quiet(t)
	if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "jia: host 1 on node2: ") ||
		!strings.Contains(got.stderr, "no address on network") {
		t.Errorf("%+v", got)
	}
}

func TestOneMachineIsDown(t *testing.T) {
	n := need(t)
	n.machines[2].stopSSHD()
	defer func() {
		if err := n.startSSHD(n.machines[2]); err != nil {
			t.Fatal(err)
		}
	}()
	got := finish(t, n.job(t, "localhost\nnode2\nnode3\n"))
	n.quiet(t)
	if got.code != 1 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 ||
		!strings.HasPrefix(got.stderr, "jia: cannot start host 2 on node3: ssh: connect to host 10.77.0.3 port 22: Connection refused: ") {
		t.Errorf("%+v", got)
	}
}

func TestMachineThatNobodyKnows(t *testing.T) {
	n := need(t)
	for host, want := range map[string]string{
		"10.77.0.99":   "No route to host",
		"node.invalid": "ame or service not known", // or: Temporary failure in n...
	} {
		got := finish(t, n.job(t, "localhost\n"+host+"\n"))
		n.quiet(t)
		if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "jia: cannot start host 1 on "+host+": ssh: ") ||
			!strings.Contains(got.stderr, want) && !strings.Contains(got.stderr, "Temporary failure in name resolution") {
			t.Errorf("%+v", got)
		}
	}
}

// endLimit is within what time of the first cause everything must be gone.
const endLimit = 2 * time.Second

// underWay starts a job that would run for ever, and returns when every host has spoken.
func underWay(t *testing.T, cmd *exec.Cmd, hosts int) (stderr *bytes.Buffer, wait func(limit time.Duration)) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	for range hosts {
		if line, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	}
	return stderr, func(limit time.Duration) {
		since := time.Now()
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
		if took := time.Since(since); took > limit {
			t.Errorf("the end took %v", took)
		}
	}
}

func TestOneHostDies(t *testing.T) {
	n := need(t)
	for victim, place := range []string{"host 0 (pid ", "host 1 on node2 (pid ", "host 2 on node3 (pid "} {
		cmd := n.job(t, "localhost\nnode2\nnode3\n", "die", fmt.Sprint(victim))
		stderr, wait := underWay(t, cmd, 3)
		wait(endLimit)
		n.quiet(t)
		if got := stderr.String(); !strings.HasPrefix(got, "jia: "+place) || !strings.Contains(got, "was killed by signal 9 (SIGKILL)") ||
			strings.Count(got, "\n") != 1 {
			t.Errorf("host %d: standard error %q", victim, got)
		}
	}
}

func TestInterrupt(t *testing.T) {
	n := need(t)
	for _, number := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		cmd := n.job(t, "localhost\nnode2 slots=2\nnode3\n", "wait")
		stderr, wait := underWay(t, cmd, 4)
		if err := unix.Kill(-cmd.Process.Pid, number); err != nil {
			t.Fatal(err)
		}
		wait(endLimit)
		n.quiet(t)
		if got, want := stderr.String(), "jia: interrupted ("+unix.SignalName(number)+")\n"; got != want {
			t.Errorf("standard error %q, want %q", got, want)
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != number {
			t.Errorf("host 0 ended with %v", cmd.ProcessState)
		}
	}
}

// A network that breaks tells neither end. ssh notices, here sooner than it does unless it is told otherwise.
func TestNetworkBreaks(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2\n", "wait")
	cmd.Env = append(cmd.Env, "JIA_SSH=ssh -F "+filepath.Join(n.dir, "config")+" -o ServerAliveInterval=1 -o ServerAliveCountMax=1")
	stderr, wait := underWay(t, cmd, 2)
	if err := n.hub.do("ip", "link", "set", "port1", "down"); err != nil {
		t.Fatal(err)
	}
	wait(10 * time.Second)
	if got := stderr.String(); strings.Count(got, "\n") != 1 ||
		!strings.HasPrefix(got, "jia: the connection with host 1 on node2 is lost, which ends the job: Timeout, server 10.77.0.2 not responding: ") {
		t.Errorf("standard error %q", got)
	}
	n.machines[1].stopSSHD() // so that nobody has to wait until the other end notices
	if err := errors.Join(n.hub.do("ip", "link", "set", "port1", "up"), n.startSSHD(n.machines[1])); err != nil {
		t.Fatal(err)
	}
	n.quiet(t)
}

// The connection is cut on the far side, on the near side, and by the death of the supervisor: whatever happens, no host is left.
func TestConnectionIsCut(t *testing.T) {
	n := need(t)
	tests := []struct {
		name    string
		machine *machine // whose process is killed
		command string   // how its command line begins; "" for the environment instead
		environ string
		want    string
	}{
		{"the far sshd", n.machines[1], "sshd: ", "", "jia: the connection with hosts 1 and 2 on node2 is lost, which ends the job: "},
		{"the near ssh", n.machines[0], "ssh ", "", "jia: the connection with hosts 1 and 2 on node2 is lost, which ends the job: ssh was killed"},
		{"the agent", n.machines[1], "", "JIA_AGENT", "jia: the connection with hosts 1 and 2 on node2 is lost, which ends the job: ssh ended"},
		{"the supervisor", n.machines[0], "", "JIA_SUPERVISOR", "jia: host 0: the supervisor of the job (pid "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := n.job(t, "localhost\nnode2 slots=2\n", "wait")
			stderr, wait := underWay(t, cmd, 3)
			killed := 0
			for _, pid := range test.machine.processes() {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				if err != nil {
					continue
				}
				environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
				if err != nil {
					continue
				}
				command := string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
				hit := strings.HasPrefix(command, test.command)
				if test.command == "" {
					hit = bytes.Contains(environ, []byte("\x00"+test.environ+"="))
				}
				if hit {
					killed++
					if err := unix.Kill(pid, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
			}
			wait(endLimit)
			n.quiet(t)
			if got := stderr.String(); killed == 0 || !strings.HasPrefix(got, test.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("%d killed, standard error %q", killed, got)
			}
		})
	}
}
