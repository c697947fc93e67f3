package launch

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
	"jiajia/core/pulse"
	"jiajia/core/reach"
)

// libraryVersion is what the two ends of a connection compare. A variable so that tests can have another.
var libraryVersion = conf.Version

// An agent watches over the hosts of a machine that the supervisor is not on. It decides nothing: it starts what it is told to
// start and passes on what it hears. Frames come on what ssh has made its standard input, and go out on its standard output.
// When no more can come, or nothing has come for silenceLimit, it exits, and the kernel ends its hosts, as it does when the
// agent dies of anything else.
//
// All fields belong to the loop's goroutine.
type agent struct {
	loop  *loop
	to    *os.File // the connection; written in blocking mode: the supervisor always reads
	null  int
	hosts []*ward // in the order of the ranks in the launch
	left  int     // those that have not ended

	heard  atomic.Bool        // something has come since the watch for silence last looked
	limits chan time.Duration // for it: another limit. Capacity 1
}

// serveAsAgent is the whole life of an agent. From the locked thread of Supervise.
func serveAsAgent() int {
	a, from, err := newAgent()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jia:", OneLine(err.Error())) // ssh passes it on
		return 1
	}
	go a.hear(from)
	go a.awaitSilence()
	if err := a.loop.run(); err != nil {
		return 1
	}
	return 0
}

// newAgent takes over the connection and says hello.
func newAgent() (a *agent, from *os.File, err error) {
	if err := os.Unsetenv(EnvAgent); err != nil {
		return nil, nil, err
	}
	const above = 10
	in, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return nil, nil, fmt.Errorf("take over standard input: %w", err)
	}
	out, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return nil, nil, fmt.Errorf("take over standard output: %w", err)
	}
	a = &agent{to: os.NewFile(uintptr(out), "connection"), limits: make(chan time.Duration, 1)}
	if a.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, nil, fmt.Errorf("open /dev/null: %w", err)
	}
	for fd := range 2 { // hosts and stray prints must not reach the connection
		if err := unix.Dup3(a.null, fd, 0); err != nil {
			return nil, nil, fmt.Errorf("close a standard descriptor: %w", err)
		}
	}
	if a.loop, err = newLoop(); err != nil {
		return nil, nil, err
	}
	catchSignals(a.loop, a.childEnded, func(number unix.Signal) {
		if fromTerminal(number) {
			os.Exit(1)
		}
	})
	if _, err := fmt.Fprintf(a.to, "\n%s\n", markReady); err != nil {
		return nil, nil, fmt.Errorf("answer: %w", err)
	}
	return a, os.NewFile(uintptr(in), "connection"), a.send(jsonFrame(frameHello,
		hello{Library: libraryVersion, Protocol: protocolVersion, Address: serverAddress(os.Getenv("SSH_CONNECTION"))}))
}

// serverAddress returns the third of the four words of SSH_CONNECTION, if it is an address.
func serverAddress(connection string) string {
	words := strings.Fields(connection)
	if len(words) != 4 {
		return ""
	}
	addr, err := netip.ParseAddr(words[2])
	if err != nil {
		return ""
	}
	return addr.Unmap().String()
}

// send sends a frame, blocking if it must. On an error the other end is gone, and hear ends this process.
func (a *agent) send(f frame) error {
	if _, err := a.to.Write(f.encode()); err != nil {
		return fmt.Errorf("reach the supervisor: %w", err)
	}
	return nil
}

// say is send for where there is nothing more to do about an error.
func (a *agent) say(f frame) {
	if a.send(f) != nil {
		os.Exit(1)
	}
}

// hear is the goroutine that reads what the supervisor says, whatever the loop is blocked in. It ends the process.
func (a *agent) hear(from *os.File) {
	frames := bufio.NewReaderSize(from, maxLine)
	for {
		f, err := readFrame(frames)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "jia: an agent of the job:", OneLine(err.Error()))
			}
			os.Exit(1)
		}
		a.heard.Store(true)
		a.loop.post(func() {
			if err := a.handle(f); err != nil {
				_ = a.send(frame{kind: frameRefused, data: []byte(OneLine(err.Error()))}) // gone or not, it is over
				os.Exit(1)
			}
		})
	}
}

// awaitSilence is the goroutine that ends the process when the supervisor has said nothing for silenceLimit, or for longer if the launch
// says so. A time in which this process was stopped, with the whole job perhaps, does not count.
func (a *agent) awaitSilence() {
	for limit := silenceLimit; ; limit = <-a.limits {
		a.heard.Store(true)
		m := pulse.NewMonitor(limit, 1, time.Now())
		ticker := time.NewTicker(pulse.Interval(limit))
		for len(a.limits) == 0 {
			<-ticker.C
			if m.Look(time.Now(), func(int) bool { return a.heard.Swap(false) }) != nil {
				os.Exit(1)
			}
		}
		ticker.Stop()
	}
}

// handle carries out one frame.
func (a *agent) handle(f frame) error {
	switch f.kind {
	case frameLaunch:
		return a.launch(f.data)
	case framePing:
		return nil
	}
	found := false
	for _, w := range a.hosts {
		if f.rank != everyHost && f.rank != uint32(w.rank) {
			continue
		}
		found = true
		if w.ended {
			continue // the supervisor does not know yet
		}
		if err := a.handleFor(w, f); err != nil {
			return fmt.Errorf("host %d: %w", w.rank, err)
		}
	}
	if !found {
		return fmt.Errorf("frame %q for host %d, which is not here", byte(f.kind), f.rank)
	}
	return nil
}

func (a *agent) handleFor(w *ward, f frame) error {
	switch f.kind {
	case frameControl:
		if w.control < 0 {
			return nil
		}
		return w.outbox.send(f.data)
	case frameKill:
		_ = unix.Kill(w.pid, unix.Signal(f.data[0]))
	case frameCredit:
		stream, n := f.credit()
		w.credit[stream-1] += n
		return a.watchStream(w, stream-1)
	case frameCut:
		a.closeStream(w, int(f.data[0])-1)
	default:
		return fmt.Errorf("frame %q is not for an agent", byte(f.kind))
	}
	return nil
}

// launch starts the hosts.
func (a *agent) launch(data []byte) error {
	var what launch
	if err := json.Unmarshal(data, &what); err != nil {
		return fmt.Errorf("what to launch: %w", err)
	}
	if len(a.hosts) > 0 || len(what.Args) == 0 {
		return fmt.Errorf("what to launch is unclear: %d arguments, %d hosts are here", len(what.Args), len(a.hosts))
	}
	var answer launched
	if what.Network != "" {
		address, err := reach.On(what.Network)
		if err != nil {
			return fmt.Errorf("%w: correct JIA_NETWORK", err)
		}
		answer.Address = address.String()
	}
	if err := raiseDescriptorLimit(len(what.Ranks), 0); err != nil {
		return err
	}
	env := merge(foreign(), what.Env)
	for _, rank := range what.Ranks {
		c, err := spawn(rank, a.null, what.Args, env)
		if err != nil {
			return err
		}
		w := &ward{child: c, rank: rank, credit: [2]int{outputWindow, outputWindow}}
		w.outbox = outbox{loop: a.loop, fd: c.control}
		a.hosts = append(a.hosts, w)
		answer.Pids = append(answer.Pids, c.pid)
		if err := errors.Join(unix.SetNonblock(w.streams[0], true), unix.SetNonblock(w.streams[1], true),
			a.loop.watch(w.control, func() { a.readControl(w) }), watchChild(a.loop, w.pid, a.childEnded),
			a.watchStream(w, 0), a.watchStream(w, 1)); err != nil {
			return err
		}
	}
	a.left = len(a.hosts)
	if limit := time.Duration(what.Silence) * time.Second; limit > silenceLimit {
		a.limits <- limit
	}
	return a.send(jsonFrame(frameLaunched, answer))
}
