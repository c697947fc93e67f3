package keep

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Env is the variable by which a job finds its keeper. Its value is "<descriptor>,<process id of the keeper>": the descriptor is
// the write end of a pipe, and the process id exposes a stale value, one that a grandchild of the keeper has inherited. Or it is
// the absolute path of a file.
const Env = "JIA_KEEPER"

// EnvLeftOut is the variable that names the machines of the hosts file to do without, separated by spaces.
const EnvLeftOut = "JIA_LEFT_OUT"

// EnvAfter is the variable that names the newest generation in the directory of the checkpoints that was there before the job.
const EnvAfter = "JIA_RESTORE_AFTER"

// A Kind is what a report is about.
type Kind string

const (
	Begun       Kind = "begun"       // there is a supervisor, and it will report
	Lost        Kind = "lost"        // the job ends, or cannot begin, because of the loss of a host
	Unreachable Kind = "unreachable" // the job cannot begin since machines do not answer
	Vanished    Kind = "vanished"    // host 0 is gone, and its parent must know why
	Failed      Kind = "failed"      // the job ends for another reason, which the user has been told
	Interrupted Kind = "interrupted" // the job ends since the user wants it to
	Done        Kind = "done"        // all is well, and only host 0 is left
)

// A Report is what a job tells its keeper, in one line of JSON. Only the fields that its kind names are set.
type Report struct {
	Kind     Kind     `json:"kind"`
	Pid      int      `json:"pid,omitempty"`      // begun: of the supervisor
	Host     int      `json:"host,omitempty"`     // lost: its rank, -1 if not known
	Line     string   `json:"line,omitempty"`     // lost, unreachable: the cause, for the user, who has not been told
	Machines []string `json:"machines,omitempty"` // unreachable: their names in the hosts file
	Instead  bool     `json:"instead,omitempty"`  // lost: what this process has reported before was an echo of this
}

// maxReport is how long a report may be, in bytes: what a pipe takes in one piece.
const maxReport = 4096

// leastLine is how many bytes of a line are sent at least.
const leastLine = 200

// encode returns r as it is sent, cut to maxReport.
func (r Report) encode() []byte {
	for {
		text, err := json.Marshal(r)
		if err != nil {
			panic(fmt.Sprintf("keep: encode %+v: %v", r, err)) // a structure of our own
		}
		over := len(text) + 1 - maxReport
		switch {
		case over <= 0:
			return append(text, '\n')
		case len(r.Line) > leastLine:
			const escaped = 6 // bytes for one, at most
			r.Line = strings.ToValidUTF8(r.Line[:max(leastLine, len(r.Line)-over/escaped-1)], "")
		default:
			r.Machines = r.Machines[:len(r.Machines)/2] // the others are found out by the next run
		}
	}
}

// decode reads a report. Lines that are none give false: a program may write to descriptors that it did not open.
func decode(line []byte) (Report, bool) {
	var r Report
	if len(line) > maxReport || json.Unmarshal(line, &r) != nil {
		return Report{}, false
	}
	switch r.Kind {
	case Begun:
		return r, r.Pid > 0
	case Lost:
		return r, r.Host >= -1 && printable(r.Line)
	case Unreachable:
		for _, name := range r.Machines {
			if name == "" || strings.ContainsFunc(name, notInName) {
				return Report{}, false
			}
		}
		return r, len(r.Machines) > 0 && printable(r.Line)
	case Vanished, Failed, Interrupted, Done:
		return r, true
	}
	return Report{}, false
}

func printable(line string) bool {
	return line != "" && !strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func notInName(r rune) bool { return r <= ' ' || r == 0x7f }

// A Reporter is a job's end of the connection with its keeper.
type Reporter struct {
	fd int
}

// Find returns the connection with the keeper of this process, nil if it has none. The descriptor, which the Reporter owns, is closed on
// exec. The variable is removed: processes that the program starts are none of this keeper's.
func Find() *Reporter {
	fd := -1
	if value := os.Getenv(Env); strings.HasPrefix(value, "/") {
		var err error
		if fd, err = unix.Open(value, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0); err != nil {
			fd = -1 // it is on another machine: the launcher's exit status has to do
		}
	} else if n, ok := kept(value); ok {
		fd = n
		unix.CloseOnExec(fd)
	}
	_ = os.Unsetenv(Env)
	if fd < 0 {
		return nil
	}
	return &Reporter{fd: fd}
}

// kept tells whether value means this very process, and on which descriptor it is to report.
func kept(value string) (fd int, ok bool) {
	number, parent, _ := strings.Cut(value, ",")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 0 || parent != strconv.Itoa(os.Getppid()) {
		return -1, false
	}
	var st unix.Stat_t
	return fd, unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// IsKept tells whether value, that of Env, means this very process, or a command around it. The descriptor does not reach programs that this
// one executes.
func IsKept(value string) bool {
	if strings.HasPrefix(value, "/") {
		return true
	}
	fd, ok := kept(value)
	if ok {
		unix.CloseOnExec(fd)
	}
	return ok
}

// LeftOut returns the machines of the hosts file to do without. The variable is removed, as Env is.
func LeftOut() []string {
	names := strings.Fields(os.Getenv(EnvLeftOut))
	_ = os.Unsetenv(EnvLeftOut)
	return names
}

// After returns the newest generation that is another job's where this one restores from its own checkpoints; 0: there is none. The
// variable is removed, as Env is.
func After() uint64 {
	number, _ := strconv.ParseUint(os.Getenv(EnvAfter), 10, 64) // 0 if it is not set
	_ = os.Unsetenv(EnvAfter)
	return number
}

// NewReporter takes over a descriptor that Fd has returned in another process.
func NewReporter(fd int) *Reporter { return &Reporter{fd: fd} }

// Fd returns the descriptor, which a supervisor is to inherit.
func (r *Reporter) Fd() int { return r.fd }

// Close closes the descriptor, when another process reports. r may be nil.
func (r *Reporter) Close() {
	if r != nil {
		_ = unix.Close(r.fd)
	}
}

// Tell sends a report, and returns whether that has succeeded; not if r is nil. It does not block for long: the keeper reads at all times.
func (r *Reporter) Tell(report Report) bool {
	if r == nil {
		return false
	}
	text := report.encode()
	for {
		n, err := unix.Write(r.fd, text)
		if err != unix.EINTR {
			return err == nil && n == len(text)
		}
	}
}
