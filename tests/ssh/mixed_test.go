package ssh

import (
	"fmt"
	"strings"
	"testing"
)

const threeTimesTwo = "localhost slots=2\nnode2 slots=2\nnode3 slots=2\n"

// Two hosts of one machine share memory, those of different machines use TCP, although here all of them have one kernel.
func TestMixedJob(t *testing.T) {
	n := need(t)
	for _, test := range []struct {
		setting string
		says    func(host int) string
	}{
		{"JIA_COMM_TYPE=auto", func(host int) string {
			others := []string{"hosts 2-5", "hosts 0-1 and 4-5", "hosts 0-3"}[host/2]
			return fmt.Sprintf("jia: host %d: info: reaches host %d by shared memory, %s by TCP\n", host, host^1, others)
		}},
		{"JIA_SHM=off", func(host int) string {
			others := []string{"hosts 1-5", "hosts 0 and 2-5", "hosts 0-1 and 3-5", "hosts 0-2 and 4-5", "hosts 0-3 and 5", "hosts 0-4"}[host]
			return fmt.Sprintf("jia: host %d: info: reaches %s by TCP\n", host, others)
		}},
		{"JIA_COMM_TYPE=tcp", func(host int) string {
			return fmt.Sprintf("jia: host %d: info: transport TCP at 10.77.0.%d:", host, host/2+1)
		}},
	} {
		cmd := n.job(t, threeTimesTwo)
		cmd.Env = append(cmd.Env, test.setting, "JIA_LOG=info")
		got := finish(t, cmd)
		n.quiet(t)
		if got.code != 0 || strings.Count(got.stdout, "sum 615,") != 6 {
			t.Errorf("%s: %+v", test.setting, got)
		}
		for host := range 6 {
			if strings.Count(got.stderr, test.says(host)) != 1 {
				t.Errorf("%s: host %d does not say %q:\n%s", test.setting, host, test.says(host), got.stderr)
			}
		}
	}
}

// The memory model holds whichever way a page takes. See programs/random in the folder above.
func TestRandomProgramOnMixedJob(t *testing.T) {
	n := need(t)
	for _, hosts := range []string{threeTimesTwo, "localhost slots=3\nnode2\n", "localhost\nnode2 slots=2\nnode3\n"} {
		for i, backend := range []string{"uffd", "mprotect"} {
			seed := fmt.Sprint(i + 1)
			cmd := n.program(t, "random", hosts, seed)
			cmd.Env = append(cmd.Env, "JIA_FAULT="+backend)
			got := finish(t, cmd)
			n.quiet(t)
			if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "random: seed "+seed+", ") {
				t.Errorf("%q, %s: %+v", hosts, backend, got)
			}
		}
	}
}

// Each host in turn is killed: the line names it and its machine, and everything is gone, whoever shared memory with it.
func TestDeathInMixedJob(t *testing.T) {
	n := need(t)
	for victim := range 6 {
		cmd := n.job(t, threeTimesTwo, "die", fmt.Sprint(victim))
		stderr, wait := underWay(t, cmd, 6)
		wait(endLimit)
		n.quiet(t)
		want := fmt.Sprintf("jia: host %d on node%d (pid ", victim, victim/2+1)
		if victim < 2 {
			want = fmt.Sprintf("jia: host %d (pid ", victim)
		}
		if got := stderr.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "was killed by signal 9 (SIGKILL)") ||
			strings.Count(got, "\n") != 1 {
			t.Errorf("host %d: standard error %q", victim, got)
		}
	}
}
