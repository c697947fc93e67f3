package keep

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const (
	exited1 = unix.WaitStatus(1 << 8)
	killed  = unix.WaitStatus(unix.SIGKILL)
)

func TestJudge(t *testing.T) {
	now := time.Now()
	begun := Report{Kind: Begun, Pid: 7}
	lost := Report{Kind: Lost, Host: 2, Line: "host 2 is gone, which ends the job: see why"}
	for _, test := range []struct {
		name string
		of   ending
		want verdict
	}{
		{"a good end", ending{reports: []Report{begun, {Kind: Done}}}, verdict{}},
		{"a good end with a status", ending{status: exited1, reports: []Report{begun, {Kind: Done}}}, verdict{}},
		{"a program that never began", ending{status: exited1}, verdict{}},
		{"killed before it began", ending{pid: 5, status: killed}, verdict{again: true, line: "host 0 (pid 5) was killed by signal 9 (SIGKILL)"}},
		{"killed behind its end", ending{pid: 5, status: killed, reports: []Report{begun, {Kind: Done}}},
			verdict{again: true, line: "host 0 (pid 5) was killed by signal 9 (SIGKILL)"}},
		{"a loss", ending{status: exited1, reports: []Report{begun, lost}}, verdict{again: true, line: lost.Line}},
		{"a loss that is known better later", ending{status: exited1, reports: []Report{{Kind: Lost, Line: "an echo"}, {Kind: Lost, Line: lost.Line, Instead: true}}}, verdict{again: true, line: lost.Line}},
		{"a host that hung wakes up", ending{status: exited1, reports: []Report{begun, lost, {Kind: Lost, Host: 1, Line: "all others are gone"}}},
			verdict{again: true, line: lost.Line}},
		{"an error", ending{status: exited1, reports: []Report{begun, {Kind: Failed}, lost}}, verdict{}},
		{"an error that was the echo of a loss", ending{status: exited1, reports: []Report{{Kind: Failed}, {Kind: Lost, Line: lost.Line, Instead: true}}},
			verdict{again: true, line: lost.Line}},
		{"an error, and host 0 had to be killed", ending{status: killed, reports: []Report{begun, {Kind: Failed}}}, verdict{}},
		{"host 0 is gone in an unknown way", ending{pid: 5, status: killed, reports: []Report{begun, {Kind: Vanished}, {Kind: Failed}}},
			verdict{again: true, line: "host 0 (pid 5) was killed by signal 9 (SIGKILL)"}},
		{"host 0 is gone, and has exited", ending{status: exited1, reports: []Report{begun, {Kind: Vanished}, {Kind: Failed}}}, verdict{}},
		{"the supervisor is gone", ending{status: exited1, reports: []Report{begun}}, verdict{again: true,
			line: "the supervisor of the job (pid 7) is gone: if nobody killed it, see the kernel's log (dmesg) for a lack of memory"}},
		{"machines that do not answer", ending{status: exited1, reports: []Report{begun, {Kind: Unreachable, Line: "no", Machines: []string{"a"}}}},
			verdict{again: true, line: "no", leaveOut: []string{"a"}}},
		{"the terminal", ending{status: exited1, reports: []Report{begun, {Kind: Interrupted}}}, verdict{}},
		{"a signal to the keeper", ending{status: killed, reports: []Report{begun, lost}, signalled: now, caused: now.Add(signalLimit / 2)}, verdict{line: lost.Line}},
		{"a signal long ago", ending{status: killed, reports: []Report{begun, lost}, signalled: now, caused: now.Add(2 * signalLimit)},
			verdict{again: true, line: lost.Line}},
		{"a signal that the program obeyed late", ending{status: unix.WaitStatus(unix.SIGTERM), reports: []Report{begun, lost}, signalled: now,
			asked: unix.SIGTERM, caused: now.Add(time.Hour)}, verdict{line: lost.Line}},
		{"a signal that a launcher obeyed late", ending{launcher: "mpirun", status: 137 << 8, signalled: now, asked: unix.SIGTERM,
			caused: now.Add(launcherLimit / 2)}, verdict{}},
		{"nobody reads the output", ending{status: unix.WaitStatus(unix.SIGPIPE)}, verdict{}},
		{"a host dies of what nobody reads", ending{pid: 5, status: unix.WaitStatus(unix.SIGPIPE), reports: []Report{begun, lost}},
			verdict{again: true, line: lost.Line}},
		{"a launcher's status", ending{launcher: "srun", status: 137 << 8}, verdict{again: true,
			line: "the launcher ended with status 137, which says that a process was killed by signal 9 (SIGKILL)"}},
		{"a launcher's status of an error", ending{launcher: "srun", status: 9 << 8}, verdict{}},
		{"MPICH's", ending{launcher: "mpiexec.hydra", status: 9 << 8}, verdict{again: true,
			line: "the launcher ended with status 9, which says that a process was killed by signal 9 (SIGKILL)"}},
		{"a launcher's status after SIGTERM", ending{launcher: "srun", status: 143 << 8}, verdict{}},
		{"a launcher's status of an error that was reported", ending{launcher: "srun", status: 137 << 8, reports: []Report{{Kind: Failed}}}, verdict{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, judge(test.of), cmp.AllowUnexported(verdict{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReworded(t *testing.T) {
	for _, test := range []struct{ line, follows, want string }{
		{"it is gone, which ends the job: see why", "", "it is gone: see why"},
		{"it is gone, which ends the job: see why", EndsJob + " after 3 restarts", "it is gone, which ends the job after 3 restarts: see why"},
		{"it is gone", EndsJob + " after 3 restarts", "it is gone, which ends the job after 3 restarts"},
	} {
		if got := reworded(test.line, test.follows); got != test.want {
			t.Errorf("%q", got)
		}
	}
}
