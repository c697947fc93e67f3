package join

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
	"jiajia/core/launch"
	"jiajia/core/reach"
)

// A Config is what Join must know of the library and the user's wishes.
type Config struct {
	Version  string            // of the library, which must be the same on all hosts
	Settings string            // those that must be the same on all hosts, worded for the user; at most maxText bytes
	Network  string            // where to listen, in the words of reach.On; "": where host 0 is
	Warn     func(line string) // prints a line that is no failure; from any goroutine

	Keeper *keep.Reporter // to tell how the job ends; nil if nobody wants to know

	losing *launch.Loser // Join makes it
	world  world         // for tests; Join fills in what is not set
}

// A world is what a job does to its process, and how long it waits.
type world struct {
	exit            func(status int)
	say             func(line string) // prints a line of the library
	join, handshake time.Duration     // joinLimit and handshakeLimit
	notice          time.Duration     // noticeLimit
}

var realWorld = world{
	exit: os.Exit,
	say: func(line string) {
		_, _ = unix.Write(2, []byte("jia: "+line+"\n")) // there is nobody left to tell if this fails
	},
	join: joinLimit, handshake: handshakeLimit, notice: noticeLimit,
}

// A Job is this process's place in a job. Its methods may be called from any thread.
//
// While the job lasts its end may come at any moment: a goroutine of the Job then calls os.Exit(1).
type Job struct {
	rank, size, local int
	listen            string
	secret            []byte
	star              star
	world             world
	losing            *launch.Loser
	config            *Config
}

// A failure is why a job ends.
type failure struct {
	line string // one line
	lost bool   // a host was lost
	host int    // that one, -1 if it is not known
}

func (f failure) message() message {
	return message{Kind: kindFail, Line: f.line, Lost: f.lost, Host: f.host}
}

func (f failure) report() keep.Report {
	if f.lost {
		return keep.Report{Kind: keep.Lost, Host: f.host, Line: f.line}
	}
	return keep.Report{Kind: keep.Failed}
}

func failureOf(m message) failure { return failure{line: m.Line, lost: m.Lost, host: m.Host} }

// A star is one end of the control connections: a root or a guest.
type star interface {
	exchange(address string) ([]string, error)
	gather(text string) ([]string, error)
	fail(f failure) // returns when the word is passed on
	leaving()       // blocks until this host's end is no news to the others
	hasLeft() bool
}

// Join makes this process the host that l says. It blocks until all hosts have come, or joinLimit is over. The error is a line for
// the user, after which Launch.Abort is due; when the job itself cannot start, Join does not return: the line is printed by host 0,
// and all hosts end.
func Join(l *Launch, c Config) (*Job, error) {
	if c.world.exit == nil {
		c.world = realWorld
	}
	c.losing = new(launch.Loser)
	bind := ""
	if c.Network != "" {
		ip, err := reach.On(c.Network)
		if err != nil {
			return nil, fmt.Errorf("host %d: JIA_NETWORK: %w", l.Rank, err)
		}
		bind = ip.String()
	}
	join := joinAsGuest
	if l.Rank == 0 {
		join = joinAsRoot
	}
	job, err := join(l, c, bind)
	if err != nil {
		return nil, fmt.Errorf("host %d of %d under %s: %w", l.Rank, l.Size, l.Launcher, err)
	}
	job.losing, job.config = c.losing, &c
	for _, name := range []string{envRank, envSize, envRoot} {
		_ = os.Unsetenv(name) // a child that uses the library is a job of its own
	}
	_ = os.Setenv(envJoined, markers(os.Getenv))
	return job, nil
}

// Abort tells the launcher, if it wants to know, that this process could not join. The launcher then ends all processes of the
// job, perhaps at once: what the user has to read must be printed before.
func (l *Launch) Abort() { l.means.abort() }

// hello is what this process says about itself.
func hello(l *Launch, c Config, instance []byte) message {
	return message{Kind: kindHello, Version: c.Version, Rank: l.Rank, Size: l.Size, Machine: machineID(), Name: hostName(),
		Pid: os.Getpid(), Settings: c.Settings, Instance: instance}
}

// Rank returns which host this is, from 0 to Size()-1.
func (j *Job) Rank() int { return j.rank }

// Size returns how many hosts the job has.
func (j *Job) Size() int { return j.size }

// Local returns how many hosts run on this machine, this one included.
func (j *Job) Local() int { return j.local }

// SameMachine reports whether all hosts run on this machine.
func (j *Job) SameMachine() bool { return j.local == j.size }

// Secret returns the 32 bytes that only the hosts of this job know. The caller must not change them.
func (j *Job) Secret() []byte { return j.secret }

// Listen returns the IP address on which this host's transport should listen: loopback when all hosts are on one machine,
// the unspecified address where others come by different ways. Exchange makes addresses of it that work for each host.
func (j *Job) Listen() string { return j.listen }

// TerminalOutput reports whether C programs should buffer standard output by lines. A launcher reads it through a pipe or
// a terminal of its own, and passes on what it gets: only what is written a line at a time comes out in whole lines.
func (j *Job) TerminalOutput() bool {
	var st unix.Stat_t
	return unix.Fstat(1, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFREG
}

// Exchange tells every host where this one listens and returns everybody's addresses by rank, the own one included.
// It is collective and may be called once; for anything but addresses there is Gather. It blocks until all hosts have called it, which joinLimit bounds.
func (j *Job) Exchange(address string) ([]string, error) {
	if address == "" || len(address) > maxAddress {
		return nil, fmt.Errorf("exchange addresses: an address of %d bytes", len(address))
	}
	table, err := j.star.exchange(address)
	if err != nil {
		return nil, fmt.Errorf("exchange addresses: %w", err)
	}
	if len(table) != j.size {
		return nil, fmt.Errorf("exchange addresses: %d addresses for %d hosts", len(table), j.size)
	}
	return table, nil
}

// Fail ends the job for the reason in line, which should say what, why and what to do; "jia: " and the host are put before
// it, unless it begins with "host <rank>: " already. Of several reasons only the first is printed, and the death of another
// host counts as earlier. Fail never returns: the process is ended with status 1, at the latest after failLimit.
func (j *Job) Fail(line string) { j.end(failure{line: line}) }

// Lose is Fail for the loss of a host, -1 if it is not known which.
func (j *Job) Lose(host int, line string) { j.end(failure{line: line, lost: true, host: host}) }

// OnLoss has do called, once and in a goroutine of its own, when this process is about to end because a host was lost: which, -1 if
// that is not known, and why in one line. The process ends when do returns, or after 300 ms.
func (j *Job) OnLoss(do func(host int, line string)) { j.losing.Set(do) }

// announce tells the keeper how the job ends, and the user unless the keeper does: of a loss, with what follows from it.
func (c *Config) announce(r keep.Report, line string) {
	if !c.Keeper.Tell(r) || r.Kind != keep.Lost {
		c.world.say(line)
	}
}

// end does not return.
func (j *Job) end(f failure) {
	if f.line = launch.OneLine(f.line); f.line == "" {
		f.line = "the program ended the job without giving a reason"
	}
	who := fmt.Sprintf("host %d: ", j.rank)
	f.line = launch.OneLine(who + strings.TrimPrefix(f.line, who))
	j.star.fail(f)
	time.Sleep(failLimit) // the star ends the process before, unless host 0 hangs
	if j.rank == 1 {      // all hosts notice that, and one has to say it
		j.config.announce(f.report(), f.line)
	} else if f.lost { // but it may be ended by the launcher, when the first of all ends
		j.config.Keeper.Tell(f.report())
	}
	if f.lost {
		j.losing.Lost(f.host, f.line)
	}
	j.world.exit(1)
}

// Leaving says that this host is past jia_exit's barrier. From now on it may end as it likes: its launcher judges the exit
// status. In host 0 it blocks until all hosts have said so.
func (j *Job) Leaving() { j.star.leaving() }

// Finish is for the host's exit handler. In a host that exits without Leaving it ends the job as Fail does. It does not wait for
// the other hosts: the launcher does.
func (j *Job) Finish() {
	if !j.star.hasLeft() {
		j.Fail("it called exit, or returned from main, before jia_exit, which ends the job: let every host call jia_exit before it ends")
	}
}

var errAgain = errors.New("it has been done already")
