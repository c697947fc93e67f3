package launch

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
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
		return nil, fmt.Errorf("cannot reach %s: %w: install ssh, or correct JIA_SSH", to.Name, err)
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
	l.pid, err = syscall.ForkExec(path, sshArguments(command, to, s.plan.Silence), &syscall.ProcAttr{
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

// sshArguments returns the command line of ssh, which is to put up with some seconds of silence. The user's own words come first: ssh
// obeys the first of two contradictory options.
func sshArguments(command []string, to *site, silence int) []string {
	args := append([]string{}, command...)
	args = append(args, "-T", "-x", "-a",
		"-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", // for people who log in
		"-o", "BatchMode=yes", // never ask: nobody could answer for 8 machines at once
		"-o", "ControlMaster=no", // a master would outlive the job; an existing one is used
		"-o", "ConnectTimeout=30",
		"-o", fmt.Sprintf("ServerAliveInterval=%d", max(5, (silence+3)/4)), "-o", "ServerAliveCountMax=3")
	if to.User != "" {
		args = append(args, "-l", to.User)
	}
	return append(args, "--", to.Name, loginCommand)
}

func (l *link) progress() { l.heard.Store(time.Now().UnixNano()) }

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
