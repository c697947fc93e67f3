package keep

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An ending is all that is known of how a run has ended.
type ending struct {
	pid       int             // of host 0, or of the launcher
	status    unix.WaitStatus // its own
	launcher  string          // its name; "" if it is none
	reports   []Report        // in their order
	caused    time.Time       // when the first sign of the end came
	signalled time.Time       // when the keeper was last asked to end; zero: never
	asked     unix.Signal     // how, then
}

// A verdict is what the keeper makes of it.
type verdict struct {
	again    bool     // the run has lost something that another run may have again
	line     string   // the cause, for the user; "" if the user knows
	leaveOut []string // machines that the next run must do without. The verdict holds only if it can
}

// judge finds out whether a run has lost a host.
func judge(e ending) verdict {
	var first Report // that decides
	supervisor := 0
	for _, r := range e.reports {
		if r.Kind == Begun {
			supervisor = r.Pid
		} else if first.Kind == "" || r.Instead {
			first = r
		}
	}
	died := e.status.Signaled()
	if e.wanted() {
		return verdict{line: first.Line}
	}
	if died && e.status.Signal() == unix.SIGPIPE && first.Kind == "" && supervisor == 0 {
		return verdict{} // nobody reads its output any more, as in "./app | head"
	}
	switch first.Kind {
	case Lost:
		return verdict{again: true, line: first.Line}
	case Unreachable:
		return verdict{again: true, line: first.Line, leaveOut: first.Machines}
	case Failed, Interrupted:
		return verdict{}
	case "":
		if !died && supervisor > 0 {
			return verdict{again: true, line: fmt.Sprintf("the supervisor of the job (pid %d) is gone: if nobody killed it, "+
				"see the kernel's log (dmesg) for a lack of memory", supervisor)}
		}
	case Vanished, Done, Begun:
	}
	switch {
	case died:
		number := e.status.Signal()
		return verdict{again: true, line: fmt.Sprintf("%s (pid %d) was killed by signal %d (%s)", e.who(), e.pid, int(number), unix.SignalName(number))}
	case e.launcher != "" && first.Kind == "" && e.signal() > 0:
		number := e.signal()
		return verdict{again: true, line: fmt.Sprintf("the launcher ended with status %d, which says that a process was killed by signal %d (%s)",
			e.status.ExitStatus(), int(number), unix.SignalName(number))}
	}
	return verdict{}
}

// wanted tells whether the run has ended since the keeper was asked to end. A program may take its time for that, and then die of the
// signal that it had; a launcher takes it, for processes that do not obey.
func (e ending) wanted() bool {
	limit := signalLimit
	if e.launcher != "" {
		limit = launcherLimit
	}
	switch {
	case e.signalled.IsZero():
		return false
	case e.status.Signaled() && e.status.Signal() == e.asked:
		return true
	}
	return e.caused.Sub(e.signalled) < limit
}

func (e ending) who() string {
	if e.launcher != "" {
		return "the launcher"
	}
	return "host 0"
}

// signal returns the signal that a launcher's exit status stands for; 0 if it stands for none that says that a process was lost. Most
// do as shells do; those of MPICH give the bare number, when they have ended all hosts before any could report.
func (e ending) signal() unix.Signal {
	const above = 128
	status := e.status.ExitStatus()
	if status < above && strings.HasPrefix(e.launcher, "mpiexec") {
		status += above
	}
	switch number := unix.Signal(status - above); number {
	case unix.SIGKILL, unix.SIGSEGV, unix.SIGBUS, unix.SIGABRT, unix.SIGILL, unix.SIGFPE:
		return number
	}
	return 0
}

// EndsJob is what the lines of the library that name a cause say besides. A job that begins again has not ended.
const EndsJob = ", which ends the job"

// reworded returns the cause with what follows from it, in the place of EndsJob.
func reworded(line, follows string) string {
	if before, after, ok := strings.Cut(line, EndsJob); ok {
		return before + follows + after
	}
	return line + follows
}
