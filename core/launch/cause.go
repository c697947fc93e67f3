package launch

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
)

// A cause is why a job ends.
type cause struct {
	line     string   // for the user; "" if silence is better
	lost     bool     // a host was lost, which another run may not be
	host     int      // that host, -1 if it is not known
	machines []string // those that cannot be reached, so that the job cannot begin
}

// loss is the cause that is the loss of a host.
func loss(host int, line string) cause { return cause{line: line, lost: true, host: host} }

// deathOf is the cause that is the death of a host. Only a signal makes a loss of it: a program that exits wants to.
func deathOf(m *member, status unix.WaitStatus) cause {
	return cause{line: deathCause(m, status), lost: status.Signaled(), host: m.rank}
}

// report is what the keeper is told of the end.
func (c cause) report() keep.Report {
	switch {
	case len(c.machines) > 0:
		return keep.Report{Kind: keep.Unreachable, Line: OneLine(c.line), Machines: c.machines}
	case c.lost:
		return keep.Report{Kind: keep.Lost, Host: c.host, Line: OneLine(c.line)}
	}
	return keep.Report{Kind: keep.Failed}
}

// deathCause words how a host ended before its time: which host, what, and what to do about it.
func deathCause(m *member, status unix.WaitStatus) string {
	who := m.who()
	if status.Signaled() {
		number := status.Signal()
		dumped := ""
		if status.CoreDump() {
			dumped = ", core dumped"
		}
		return fmt.Sprintf("%s was killed by signal %d (%s%s), which ends the job: %s",
			who, int(number), unix.SignalName(number), dumped, signalAdvice(number))
	}
	return fmt.Sprintf("%s exited with status %d before jia_exit, which ends the job: let every host call jia_exit before it ends",
		who, status.ExitStatus())
}

func signalAdvice(number unix.Signal) string {
	switch number {
	case unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGABRT, unix.SIGTRAP, unix.SIGSYS:
		return "debug the program, for instance with its core file (ulimit -c unlimited)"
	case unix.SIGKILL:
		return "if nobody killed it, see the kernel's log (dmesg) for a lack of memory"
	case unix.SIGXCPU, unix.SIGXFSZ:
		return "raise the limit (ulimit -a shows them)"
	case unix.SIGPIPE:
		return "see who reads what it writes"
	default:
		return "see who sent it"
	}
}

// vanished words the end of host 0 when nobody could find out how it died. Its parent knows, usually a shell.
func vanished(m *member) string {
	return fmt.Sprintf("host %d (pid %d) ended before jia_exit, which ends the job: its exit status tells why", m.rank, m.pid)
}

// fate finds out how a process that is no child of ours has ended. Kernels from 6.15 on tell through the pidfd once
// the parent has collected the process; before that, any kernel tells through /proc. ok is false if we came between.
func fate(pidfd, pid int) (status unix.WaitStatus, ok bool) {
	if status, ok = fateOfZombie(pid); ok {
		return status, true
	}
	return fateFromPidfd(pidfd)
}

// fateOfZombie reads the exit status of a process that its parent has not collected yet.
func fateOfZombie(pid int) (status unix.WaitStatus, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// "pid (name) state ppid ... exit_code": the name may hold anything, so count from its closing parenthesis.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, exitCode = 0, 49 // fields 3 and 52 of proc(5), which counts from 1; two are cut off
	if len(fields) <= exitCode || fields[state] != "Z" {
		return 0, false
	}
	code, err := strconv.Atoi(fields[exitCode])
	return unix.WaitStatus(code), err == nil
}

// pidfdInfo is struct pidfd_info of linux/pidfd.h, its first version.
type pidfdInfo struct {
	mask, cgroup uint64
	ids          [11]uint32 // process and user ids
	exitCode     int32
}

// PIDFD_GET_INFO and the bit of its mask that asks for the exit code.
const (
	pidfdGetInfo  = 3<<30 | unsafe.Sizeof(pidfdInfo{})<<16 | 0xff<<8 | 11
	pidfdInfoExit = 1 << 3
)

func fateFromPidfd(pidfd int) (status unix.WaitStatus, ok bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&pidfdInfoExit == 0 {
		return 0, false
	}
	return unix.WaitStatus(info.exitCode), true
}
