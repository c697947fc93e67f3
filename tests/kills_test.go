package tests

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var killsFlag = flag.Int("kills", 12, "rounds of TestKilledAgainAndAgain")

// longRuns are programs that go on from their checkpoints, with arguments that have them take many: one that is all barriers, and one
// that is all locks.
var longRuns = [][]string{{"resume_jacobi", "400", "1500", "50"}, {"resume_queue", "3000", "100", "2"}}

var sumOf = regexp.MustCompile(`: ok, sum ([0-9a-f]+), `)

// TestKilledAgainAndAgain kills each host in turn, and now and then the supervisor, at random moments, with checkpoints being written at any time. The
// answer is that of a run in peace, and nothing is left behind but the checkpoints.
func TestKilledAgainAndAgain(t *testing.T) {
	const hosts = 4
	peace := make(map[string]string)
	rounds := *killsFlag
	if testing.Short() {
		rounds = 4
	}
	restarts, fromCheckpoint := 0, 0
	for round := range rounds {
		run := longRuns[round%len(longRuns)]
		j := job{program: run[0], args: run[1:], hosts: hosts}
		if peace[run[0]] == "" {
			r := j
			r.env = []string{"JIA_CKPT_DIR=" + filepath.Join(publicDir(t), "checkpoints")}
			peace[run[0]] = sum(t, r.run(t))
		}
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d/%s/%d", round, run[0], seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			dir := filepath.Join(publicDir(t), "checkpoints")
			j.env = []string{restart, "JIA_MAX_RESTARTS=20", "JIA_CKPT_DIR=" + dir, transports[chance.IntN(2)], "JIA_FAULT=" + backends[chance.IntN(2)]}
			r := j.start(t)
			for kill := range 2 {
				time.Sleep(time.Duration(chance.IntN(1200)) * time.Millisecond)
				victim := (round/len(longRuns) + kill) % (hosts + 1)
				if pid := r.hostOf(victim); pid > 0 {
					_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
				}
			}
			result := r.wait()
			if got := sum(t, result); got != peace[run[0]] {
				t.Errorf("%v: sum %q, in peace %q\n%s", r.job, got, peace[run[0]], tail(result.stderr))
			}
			restarts += strings.Count(result.stderr, "jia: restart ")
			fromCheckpoint += strings.Count(result.stderr, "from checkpoint ")
			r.nothingLeft()
			if left, _ := filepath.Glob(filepath.Join(dir, "*tmp*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	t.Logf("%d rounds, %d restarts, %d of them from a checkpoint", rounds, restarts, fromCheckpoint)
}

// A host that hangs for longer than the others wait is as good as dead, host 0 too.
func TestHungHostIsDoneWithout(t *testing.T) {
	run := []string{"resume_jacobi", "400", "10000", "50"} // to its end within the job's deadline, but not before the host hangs
	for victim := range 2 {
		for _, transport := range transports {
			t.Run(fmt.Sprintf("%s/host=%d", transport, victim), func(t *testing.T) {
				dir := filepath.Join(publicDir(t), "checkpoints")
				r := job{program: run[0], args: run[1:], hosts: 2,
					env: []string{restart, "JIA_PEER_TIMEOUT=1000", "JIA_CKPT_DIR=" + dir, transport}}.start(t)
				r.await("first checkpoint", func(string) bool {
					complete, _ := filepath.Glob(filepath.Join(dir, "*.manifest"))
					return len(complete) > 0
				})
				signal(t, syscall.SIGSTOP, r.hostOf(victim))
				result := r.wait()
				sum(t, result)
				if !strings.Contains(result.stderr, "jia: restart 1 of 3, from checkpoint ") || !strings.Contains(result.stderr, "nothing was heard of it") {
					t.Errorf("%s", tail(result.stderr))
				}
				r.nothingLeft()
			})
		}
	}
}

// sum returns the sum of a run that was good.
func sum(t *testing.T, r result) string {
	t.Helper()
	found := sumOf.FindStringSubmatch(r.stdout)
	if r.status != 0 || found == nil {
		t.Errorf("%v: %s\n%s\n%s", r.job, describe(r.status), tail(r.stdout), tail(r.stderr))
		return ""
	}
	r.noGoTrace(t)
	return found[1]
}

// hostOf returns the process of a host of a job under a keeper, or of the supervisor for a number that no host has; 0 when it is not there. Host 0 is the
// keeper's child, the others are the supervisor's, which nobody's is.
func (r *running) hostOf(host int) int {
	keeper, supervisor := r.cmd.Process.Pid, 0
	var others []int // in the order in which they were started
	all := processes(r.tag)
	for _, pid := range all {
		if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && bytes.Contains(environ, []byte("JIA_SUPERVISOR=")) {
			supervisor = pid
		}
	}
	for _, pid := range all {
		switch parentOf(pid) {
		case keeper:
			if host == 0 && pid != supervisor {
				return pid
			}
		case supervisor:
			others = append(others, pid)
		}
	}
	switch {
	case host == 0:
		return 0
	case host-1 < len(others):
		return others[host-1]
	}
	return supervisor
}

func parentOf(pid int) int {
	fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
