package launch

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A Job is a host's place in the job that it belongs to. Its methods may be called from any thread.
//
// While the job lasts, the supervisor may end this process at any moment: a goroutine of the Job listens for its
// word, and calls os.Exit(1) when it comes or when the supervisor is gone.
type Job struct {
	rank, size    int
	local         int    // hosts on this machine
	address       string // to listen on
	secret        []byte
	terminal      bool
	kept          bool // a keeper tells the user of losses
	pid           int  // of this process: a forked child has a Job too, but no part in the job
	supervisorPid int
	control       *os.File

	// Host 0 only: where standard output and error went before Start, -1 elsewhere.
	realStdout, realStderr int

	mu        sync.Mutex // guards the fields below, and keeps messages whole
	left      bool
	exchanged bool
	finished  bool // the supervisor has said that all is written: its end is no news

	last    sync.Once // entered by the thread that ends the process
	losing  Loser
	answers chan message  // capacity 1: the supervisor's to Exchange or Gather
	drained chan struct{} // closed when the supervisor is done
}

// Rank returns which host this is, from 0 to Size()-1.
func (j *Job) Rank() int { return j.rank }

// Size returns how many hosts the job has.
func (j *Job) Size() int { return j.size }

// Secret returns the 32 bytes that only the hosts of this job know. They have never been in a file, an environment or
// an argument. The caller must not change them.
func (j *Job) Secret() []byte { return j.secret }

// Local returns how many hosts of the job run on this machine, from 1 to Size().
func (j *Job) Local() int { return j.local }

// Listen returns the IP address, without a port, that this host must listen on for the others to reach it; it may be the one that
// stands for all addresses of the machine. What is then given to Exchange is that address with a port.
func (j *Job) Listen() string { return j.address }

// TerminalOutput reports whether a person looks at the standard output: C programs should then buffer it by lines,
// although it is a pipe.
func (j *Job) TerminalOutput() bool { return j.terminal }

// Exchange tells every host where this one listens and returns everybody's addresses by rank, the own one included.
// It is collective and may be called once; for anything but addresses there is Gather. It blocks until all hosts have called it; the error names those that have
// not within two minutes of the first one. address is any text of 1 to 256 bytes; where it is Listen() with a port, every host
// gets it in a form that works on its machine.
func (j *Job) Exchange(address string) ([]string, error) {
	if err := checkAddress(address); err != nil {
		return nil, fmt.Errorf("exchange addresses: %w", err)
	}
	j.mu.Lock()
	again := j.exchanged
	j.exchanged = true
	j.mu.Unlock()
	if again {
		return nil, errors.New("exchange addresses: it has been done already")
	}
	if err := j.send(message{Kind: kindAddress, Address: address}); err != nil {
		return nil, fmt.Errorf("exchange addresses: %w", err)
	}
	answer := <-j.answers
	if answer.Kind == kindMissing {
		return nil, fmt.Errorf("exchange addresses: %s did not call jia_init within %v of the first host: see what keeps it",
			HostList(answer.Missing), exchangeLimit)
	}
	if len(answer.Addresses) != j.size {
		return nil, fmt.Errorf("exchange addresses: %d addresses for %d hosts", len(answer.Addresses), j.size)
	}
	return answer.Addresses, nil
}

// HostList words some ranks, at least one: "host 3", "hosts 1, 2 and 5", "hosts 1, 2, 3 and 29 more".
func HostList(ranks []int) string {
	const shown = 8
	if len(ranks) == 1 {
		return fmt.Sprintf("host %d", ranks[0])
	}
	last := fmt.Sprintf("%d more", len(ranks)-shown)
	if len(ranks) <= shown {
		last = fmt.Sprint(ranks[len(ranks)-1])
		ranks = ranks[:len(ranks)-1]
	} else {
		ranks = ranks[:shown]
	}
	return "hosts " + strings.Trim(strings.ReplaceAll(fmt.Sprint(ranks), " ", ", "), "[]") + " and " + last
}

// Fail ends the job for the reason in line, which should say what, why and what to do; the supervisor puts "jia: " and
// the host before it, unless it begins with "host <rank>: " already. Of several reasons only the first is printed, and the death of another host counts as earlier.
// Fail never returns: the process is ended with status 1, at the latest after 1.5 s.
func (j *Job) Fail(line string) { j.fail(message{Kind: kindFail, Line: line}) }

// Lose is Fail for the loss of a host, -1 if it is not known which.
func (j *Job) Lose(host int, line string) {
	j.fail(message{Kind: kindFail, Line: line, Lost: true, Host: host})
}

// fail does not return.
func (j *Job) fail(msg message) {
	msg.Line = OneLine(msg.Line)
	if msg.Line == "" {
		msg.Line = "the program ended the job without giving a reason"
	}
	line := msg.Line
	err := j.send(msg)
	switch {
	case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET):
		j.bereaved() // it was gone before, and losing it makes other machines' hosts end, too
	case notOurs(err) && !strings.Contains(line, closedOurs):
		j.lastWord(byHost(j.rank, line+" ["+closedOurs+"]")) // why something failed in the first place
	case err != nil:
		j.lastWord(byHost(j.rank, line))
	}
	awaitEnd() // by the listener
	os.Exit(1)
}

// closedOurs says what has happened when a descriptor of the library is not there any more, and what to do.
const closedOurs = "the program has closed descriptors of the library: let it close only those that it has opened"

// notOurs tells whether err is the absence of a descriptor, or of the socket that it was.
func notOurs(err error) bool { return errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOTSOCK) }

// awaitEnd gives the supervisor time to end this process. A system call, not a timer: Go's timers need Go's own epoll descriptor,
// which a program that closes what is not its own has closed, too.
func awaitEnd() {
	pause := unix.NsecToTimespec(int64(failLimit))
	for errors.Is(unix.Nanosleep(&pause, &pause), unix.EINTR) {
	}
}

// Leaving tells the supervisor that this host is past jia_exit's barrier. From now on it may exit with any status; only
// a signal that kills it is still a failure of the job.
func (j *Job) Leaving() {
	j.mu.Lock()
	j.left = true
	j.mu.Unlock()
	// A supervisor that is gone has ended us, or is about to.
	if err := j.send(message{Kind: kindLeaving}); notOurs(err) {
		j.lastWord(byHost(j.rank, closedOurs)) // hosts that share memory come as far as this without any descriptor
	}
}

// Finish is for the host's exit handler, when standard output and error were flushed. In host 0 it gives descriptors
// 1 and 2 their old meaning, then blocks until all other hosts have ended and all output is written, so that nothing
// of the job is left when the process is gone. In other hosts it returns at once, and in a forked child that inherited
// the handler too. In a host 0 that exits without Leaving it ends the job as Fail does.
func (j *Job) Finish() {
	if j.rank != 0 || os.Getpid() != j.pid {
		return
	}
	j.mu.Lock()
	left := j.left
	j.mu.Unlock()
	if !left {
		j.Fail("it called exit, or returned from main, before jia_exit, which ends the job: " +
			"let every host call jia_exit before it ends")
	}
	// A program may have closed them, and then it does not want them back.
	restore(j.realStdout, 1)
	restore(j.realStderr, 2)
	if err := j.send(message{Kind: kindFinish}); err != nil {
		return // the listener ends the process
	}
	<-j.drained
}

// restore gives descriptor to the file that saved refers to, if it is open at all.
func restore(saved, to int) {
	if _, err := unix.FcntlInt(uintptr(to), unix.F_GETFD, 0); err == nil {
		_ = unix.Dup3(saved, to, 0) // both are open, so only a signal can interrupt it, and Linux does not do that
	}
}

// lastWord ends the process with one line, the first caller's, the supervisor being out of reach.
func (j *Job) lastWord(line string) {
	j.last.Do(func() {
		j.say(line)
		os.Exit(1)
	})
}

// say prints a line of the library where the user can see it, the supervisor being gone.
func (j *Job) say(line string) {
	fd := 2
	if j.realStderr >= 0 {
		fd = j.realStderr
	}
	text := []byte("jia: " + line + "\n")
	if _, err := unix.Write(fd, text); err != nil && fd != 2 { // a program may have closed what it did not open
		_, _ = unix.Write(2, text) // there is nobody left to tell if this fails
	}
}

// send sends one message, blocking if it must.
func (j *Job) send(msg message) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	raw, err := j.control.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	text := msg.encode()
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		for len(text) > 0 && sendErr == nil {
			n, err := unix.SendmsgN(int(fd), text, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false // call again when there is room
			case errors.Is(err, unix.EINTR):
			case err != nil:
				sendErr = err
			default:
				text = text[n:]
			}
		}
		return true
	})
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	return nil
}

// listen handles what the supervisor says, for as long as the process lives.
func (j *Job) listen(input *lineBuffer) {
	for {
		line, err := nextLine(j.control, input)
		var msg message
		if err == nil {
			msg, err = decode(line)
		}
		if err != nil {
			j.orphaned()
			return
		}
		switch msg.Kind {
		case kindAbort:
			if msg.Lost {
				j.losing.Lost(msg.Host, msg.Line)
			}
			os.Exit(1)
		case kindTable, kindTexts, kindMissing:
			select {
			case j.answers <- msg:
			default: // there is one for each call, so this is another one: ignore it
			}
		case kindDrained:
			j.mu.Lock()
			j.finished = true
			j.mu.Unlock()
		}
	}
}

// orphaned is called at the end of the control connection.
func (j *Job) orphaned() {
	j.mu.Lock()
	finished := j.finished
	j.mu.Unlock()
	if finished {
		close(j.drained)
		return
	}
	j.bereaved()
}

// bereaved ends the process because the supervisor is gone. Host 0 says so for all.
func (j *Job) bereaved() {
	if j.rank == 0 {
		line := fmt.Sprintf("host 0: the supervisor of the job (pid %d) is gone, which ends the job: if nobody killed it, "+
			"see the kernel's log (dmesg) for a lack of memory", j.supervisorPid)
		j.losing.Lost(-1, line)
		if !j.kept {
			j.lastWord(line)
		}
	}
	os.Exit(1)
}

// nextLine returns the next message's bytes, valid until the next call. It blocks, within the file's deadline.
func nextLine(control *os.File, input *lineBuffer) ([]byte, error) {
	buf := make([]byte, 4096)
	for {
		if line := input.next(); line != nil {
			return line, nil
		}
		n, err := control.Read(buf)
		if n > 0 {
			err = input.add(buf[:n])
		}
		if err != nil {
			return nil, err
		}
	}
}
