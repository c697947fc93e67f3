package launch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pingInterval is how often an agent hears from the supervisor at least.
const pingInterval = 10 * time.Second

// A link is the supervisor's connection with the agent on another machine: an ssh process and three goroutines that serve its
// standard streams. What they learn is posted to the supervisor's loop, to which all fields without another note belong.
type link struct {
	s       *supervisor
	site    *site
	members []*member // of this machine, in the order of their ranks
	left    int       // those that have not ended

	pid      int // of ssh
	reaped   bool
	status   unix.WaitStatus // of ssh, when it is reaped
	openEnds int             // of ssh, its standard output and its standard error, those that have not ended; 0: the link is gone
	greeted  bool            // the agent has said hello
	launched bool            // and that its hosts exist
	address  netip.Addr      // where others reach that machine
	toward   netip.Addr      // where it reaches this machine, if hosts here listen on all addresses
	broken   string          // why the supervisor has given the link up; "" when it has not

	parcel *parcel
	heard  atomic.Int64 // time in ns of the last progress in either direction
	words  lastWords    // what ssh has said

	mu     sync.Mutex
	cond   sync.Cond
	queue  []io.Reader // to be sent; guarded by mu
	closed bool        // nothing will be added; guarded by mu
}

// newLink starts ssh towards a machine. From the locked thread of the supervisor, like spawn.
func newLink(s *supervisor, to *site, command []string, p *parcel) (*link, error) {
	l := &link{s: s, site: to, left: len(to.Ranks), openEnds: 3, parcel: p}
	l.cond.L = &l.mu
	l.progress()
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w: install ssh", to.Name, err)
	}
	var ours [3]*os.File
	var theirs [3]uintptr
	var close []int
	defer func() { closeAll(close) }()
	for i := range ours {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return nil, fmt.Errorf("create a pipe: %w", err)
		}
		our, their := pipe[0], pipe[1]
		if i == 0 {
			our, their = their, our
		}
		close = append(close, their)
		if err := unix.SetNonblock(our, true); err != nil {
			return nil, fmt.Errorf("create a pipe: %w", err)
		}
		ours[i], theirs[i] = os.NewFile(uintptr(our), "ssh"), uintptr(their)
	}
	l.pid, err = syscall.ForkExec(path, sshArguments(command, to), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: theirs[:],
		// A group of its own: the terminal's Ctrl-C is for the hosts, which it reaches through us.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	if err := watchChild(s.loop, l.pid, s.childEnded); err != nil {
		return nil, err
	}
	go l.write(ours[0])
	go l.read(ours[1])
	go l.listenToSSH(ours[2])
	s.loop.after(welcomeLimit, l.impatient)
	return l, nil
}

// sshArguments returns the command line of ssh. The user's own words come first: ssh obeys the first of two contradictory
// options.
func sshArguments(command []string, to *site) []string {
	args := append([]string{}, command...)
	args = append(args, "-T", "-x", "-a",
		"-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", // for people who log in
		"-o", "BatchMode=yes", // never ask: nobody could answer for 8 machines at once
		"-o", "ControlMaster=no", // a master would outlive the job; an existing one is used
		"-o", "ConnectTimeout=30",
		"-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")
	if to.User != "" {
		args = append(args, "-l", to.User)
	}
	return append(args, "--", to.Name, loginCommand)
}

func (l *link) progress() { l.heard.Store(time.Now().UnixNano()) }

// impatient gives the machine up when nothing has moved for welcomeLimit before its hosts exist.
func (l *link) impatient() {
	if l.launched || l.openEnds == 0 {
		return
	}
	if quiet := time.Since(time.Unix(0, l.heard.Load())); quiet < welcomeLimit {
		l.s.loop.after(welcomeLimit-quiet, l.impatient)
		return
	}
	l.breakOff(fmt.Sprintf("cannot start %s on %s: nothing came back for %v: see what keeps `%s`", hostList(l.site.Ranks),
		l.site.Name, welcomeLimit, l.trial()))
}

// trial words a command with which the user can see what is wrong.
func (l *link) trial() string {
	name := l.site.Name
	if l.site.User != "" {
		name = l.site.User + "@" + name
	}
	return "ssh -o BatchMode=yes " + name + " true"
}

// send queues a frame. It never blocks; what is sent after the end of the link is lost.
func (l *link) send(f frame) { l.enqueue(bytes.NewReader(f.encode())) }

func (l *link) enqueue(what io.Reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.queue = append(l.queue, what)
		l.cond.Signal()
	}
}

// close ends the agent, and with it whatever hosts it has, when all that is queued has arrived.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.cond.Signal()
}

// kill ends ssh itself, and through the end of the connection the agent. From any goroutine of the loop.
func (l *link) kill() {
	l.close()
	if !l.reaped {
		_ = unix.Kill(l.pid, unix.SIGKILL)
	}
}

// breakOff gives the link up for the reason in line.
func (l *link) breakOff(line string) {
	if l.broken == "" {
		l.broken = line
	}
	l.kill()
}

// write is the goroutine that feeds ssh.
func (l *link) write(stdin *os.File) {
	defer stdin.Close()
	begin, err := l.parcel.introduction()
	if err != nil {
		l.s.loop.post(func() { l.breakOff(err.Error()) })
		return
	}
	to := progressWriter{l, stdin}
	if _, err := to.Write(begin); err != nil {
		return // ssh is gone, and its end says why
	}
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closed {
			l.cond.Wait()
		}
		work := l.queue
		l.queue = nil
		l.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, what := range work {
			if _, err := io.Copy(to, what); err != nil {
				return
			}
		}
	}
}

// A progressWriter notes when bytes went through.
type progressWriter struct {
	l  *link
	to io.Writer
}

func (w progressWriter) Write(data []byte) (int, error) {
	n, err := w.to.Write(data)
	if n > 0 {
		w.l.progress()
	}
	return n, err
}

// read is the goroutine that hears the script, then the agent.
func (l *link) read(stdout *os.File) {
	defer stdout.Close()
	from := bufio.NewReaderSize(stdout, maxLine)
	err := l.readMarks(from)
	for err == nil {
		var f frame
		if f, err = readFrame(from); err == nil {
			l.progress()
			l.route(f)
		}
	}
	l.s.loop.post(func() {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && l.broken == "" {
			l.breakOff(fmt.Sprintf("%s on %s: the connection brought nonsense, which ends the job: %v: see what writes to the "+
				"standard output of `%s`", hostList(l.site.Ranks), l.site.Name, err, l.trial()))
		}
		l.endClosed()
	})
}

// readMarks skips what the login shell prints, up to some length, and sends the program if it is asked for.
func (l *link) readMarks(from *bufio.Reader) error {
	const most = 1 << 20
	for skipped := 0; skipped < most; {
		line, err := from.ReadSlice('\n')
		skipped += len(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		l.progress()
		switch strings.TrimSpace(string(line)) {
		case markSend:
			l.enqueue(l.parcel.content())
		case markReady:
			return nil
		}
	}
	return fmt.Errorf("%d bytes before the agent's first", most)
}

func (l *link) ping() {
	if l.openEnds == 0 {
		return
	}
	l.mu.Lock()
	idle := len(l.queue) == 0
	l.mu.Unlock()
	if idle {
		l.send(frame{kind: framePing})
	}
	l.s.loop.after(pingInterval, l.ping)
}

// listenToSSH is the goroutine that reads ssh's own words.
func (l *link) listenToSSH(stderr *os.File) {
	defer stderr.Close()
	l.words.readFrom(stderr)
	l.s.loop.post(l.endClosed)
}

// sshEnded is called when ssh is gone.
func (l *link) sshEnded(status unix.WaitStatus) {
	l.reaped, l.status = true, status
	l.endClosed()
	l.s.loop.after(graceLimit, func() { // somebody else may hold its streams open
		for l.openEnds > 0 {
			l.endClosed()
		}
	})
}

// memberEnded is called when one of the hosts is gone. The agent exits with the last one, and ssh with the agent.
func (l *link) memberEnded() {
	if l.left--; l.left == 0 {
		l.close()
		l.s.loop.after(graceLimit, l.kill)
	}
}

// endClosed is called for each of the three ends; with the last one the whole story is known.
func (l *link) endClosed() {
	if l.openEnds == 0 {
		return
	}
	if l.openEnds--; l.openEnds > 0 {
		return
	}
	l.close()
	line := l.broken
	if line == "" && l.left > 0 {
		line = l.lostCause()
	}
	for _, m := range l.members {
		if !m.ended {
			m.ended = true
			l.s.relay.drain(m.streams, true)
		}
	}
	l.left = 0
	if line != "" {
		l.s.fail(line)
	}
	l.s.step()
}

// lostCause words the end of ssh while hosts depended on it.
func (l *link) lostCause() string {
	said := l.words.last()
	if said == "" {
		said = fmt.Sprintf("ssh ended with status %d", l.status.ExitStatus())
		if l.status.Signaled() {
			said = fmt.Sprintf("ssh was killed by signal %d (%s)", int(l.status.Signal()), unix.SignalName(l.status.Signal()))
		}
	}
	if !l.launched {
		return fmt.Sprintf("cannot start %s on %s: %s: see what `%s` says", hostList(l.site.Ranks), l.site.Name, said, l.trial())
	}
	return fmt.Sprintf("the connection with %s on %s is lost, which ends the job: %s: see whether that machine and its sshd still run",
		hostList(l.site.Ranks), l.site.Name, said)
}
