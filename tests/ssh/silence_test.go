package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hosts returns the processes on the machine that are hosts of a job.
func (m *machine) hosts() (found []int) {
	for _, pid := range m.processes() {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(append([]byte{0}, environ...), []byte("\x00JIA_CONTROL=")) {
			found = append(found, pid)
		}
	}
	return found
}

// A machine that the network does not reach any more is lost by the hosts' own deadline, which is shorter than ssh's; and its hosts, who
// cannot be told, end by that as well.
func TestMachineIsCutOff(t *testing.T) {
	n := need(t)
	for _, setting := range []string{"JIA_COMM_TYPE=auto", "JIA_COMM_TYPE=tcp"} {
		cmd := n.job(t, "localhost\nnode2 slots=2\nnode3\n", "wait")
		cmd.Env = append(cmd.Env, setting, "JIA_PEER_TIMEOUT=2000")
		stderr, wait := underWay(t, cmd, 4)
		if count := len(n.machines[1].hosts()); count != 2 {
			t.Errorf("%d hosts on node2", count)
		}
		cut := time.Now()
		if err := n.hub.do("ip", "link", "set", "port1", "down"); err != nil {
			t.Fatal(err)
		}
		wait(2*time.Second*5/4 + endLimit)
		t.Logf("%s: the job is at an end %.2f s after the cut", setting, time.Since(cut).Seconds())
		for len(n.machines[1].hosts()) > 0 {
			if time.Since(cut) > 2*time.Second*5/4+2*endLimit {
				t.Fatalf("hosts are left on node2: %v", n.machines[1].hosts())
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("and the last host on the other side %.2f s after it", time.Since(cut).Seconds())
		if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, ": lost host ") ||
			!strings.Contains(got, ": nothing was heard of it for 2 s: it hangs, or the network does not reach it") {
			t.Errorf("standard error %q", got)
		}
		n.machines[1].stopSSHD() // so that nobody has to wait until it notices, too
		if err := errors.Join(n.hub.do("ip", "link", "set", "port1", "up"), n.startSSHD(n.machines[1])); err != nil {
			t.Fatal(err)
		}
		n.quiet(t)
	}
}

// A host that hangs on another machine is lost, and ended there.
func TestHostHangsElsewhere(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2 slots=2\n", "wait")
	cmd.Env = append(cmd.Env, "JIA_PEER_TIMEOUT=1000")
	stderr, wait := underWay(t, cmd, 3)
	if err := unix.Kill(n.machines[1].hosts()[0], unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wait(time.Second*5/4 + endLimit)
	n.quiet(t)
	if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, ": nothing was heard of it for 1 s: ") {
		t.Errorf("standard error %q", got)
	}
}

// All processes of a job on all machines are stopped, for longer than any of them would be silent, and continued.
func TestWholeJobIsStopped(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\nnode2\nnode3\n", "wait")
	cmd.Env = append(cmd.Env, "JIA_PEER_TIMEOUT=500")
	stderr, wait := underWay(t, cmd, 3)
	for _, number := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		for _, m := range n.machines {
			for _, pid := range m.processes() {
				if err := unix.Kill(pid, number); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(2 * time.Second)
	}
	if got := stderr.String(); got != "" {
		t.Errorf("standard error %q", got)
	}
	if err := unix.Kill(-cmd.Process.Pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait(endLimit)
	n.quiet(t)
	if got, want := stderr.String(), "jia: interrupted (SIGTERM)\n"; got != want {
		t.Errorf("standard error %q, want %q", got, want)
	}
}
