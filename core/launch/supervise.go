package launch

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
)

// The descriptors that a supervisor is started with, fixed so that nothing has to be said about them. The first three
// are /dev/null: constructors of the program run in the supervisor too, and what they print would show up twice.
// cabi/supervise.c closes all others, which may be pipes or locks of the program.
const (
	fdControl = 3 + iota // host 0's control connection
	fdOut                // read end of host 0's standard output
	fdErr                // and of its standard error
	fdPid                // pidfd of host 0, or /dev/null: see message.Pidfd
	fdStdout             // the real standard output
	fdStderr             // and standard error
	fdKeeper             // leads to the keeper, or /dev/null: see message.Kept
	fdCount
)

// Supervise is the whole life of the supervisor, the process that Start makes, and of the agents that it has on other machines.
// It returns when the job is over, with the status to exit with. Only for a process whose environment has EnvSupervisor or
// EnvAgent, before anything else runs there.
func Supervise() int {
	runtime.LockOSThread() // for ever: see spawn
	if os.Getenv(EnvAgent) != "" {
		return serveAsAgent()
	}
	s, err := newSupervisor()
	if err != nil {
		refuse(err, false)
		return 1
	}
	go func() {
		if err := s.relay.run(); err != nil {
			s.loop.post(func() { s.fail(err.Error()) })
		}
	}()
	if err := s.loop.run(); err != nil {
		return 1 // our end ends the hosts
	}
	return 0
}

// refuse tells host 0 why the job cannot start, and whether the keeper says it to the user. If that fails too it will find the
// connection closed.
func refuse(err error, kept bool) {
	refusal := message{Kind: kindRefused, Line: OneLine(err.Error()), Kept: kept}
	_ = unix.Sendto(fdControl, refusal.encode(), unix.MSG_NOSIGNAL, nil)
}

// newSupervisor takes over the descriptors, hears from host 0 what to start, and starts it. On an error the caller
// must exit, which ends the hosts that have been started.
func newSupervisor() (s *supervisor, err error) {
	s = &supervisor{pidfd: fdPid}
	env := withoutRoles()
	if err := os.Unsetenv(EnvSupervisor); err != nil {
		return nil, err
	}
	for fd := fdControl; fd < fdCount; fd++ {
		unix.CloseOnExec(fd)
	}
	// From here on a panic of this process can be seen.
	if err := unix.Dup3(fdStderr, 2, 0); err != nil {
		return nil, fmt.Errorf("take over standard error: %w", err)
	}
	first := &member{rank: 0, control: fdControl}
	start, err := receiveStart(first)
	if err != nil {
		return nil, err
	}
	s.plan = start.Plan
	s.env = merge(env, s.plan.Env)
	if s.argv, err = arguments(); err != nil {
		return nil, err
	}
	if !start.Pidfd {
		s.pidfd = -1
	}
	if start.Kept {
		s.keeper = keep.NewReporter(fdKeeper)
		s.keeper.Tell(keep.Report{Kind: keep.Begun, Pid: os.Getpid()})
		keeper := s.keeper
		defer func() {
			if err != nil { // or it would be taken for a death
				keeper.Tell(keep.Report{Kind: keep.Failed})
			}
		}()
	}
	if err := raiseDescriptorLimit(len(s.plan.Sites[0].Ranks), len(s.plan.Sites)-1); err != nil {
		return nil, err
	}
	if s.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	if s.loop, err = newLoop(); err != nil {
		return nil, err
	}
	s.relay, err = newRelay(fdStdout, fdStderr, func(k *sink) { s.loop.post(func() { s.outputLost(k) }) })
	if err != nil {
		return nil, err
	}
	s.relay.tags = s.plan.Tag
	s.links = make([]*link, len(s.plan.Sites))
	catchSignals(s.loop, s.childEnded, s.terminalSignal)
	first.pid = start.Pid
	first.streams = s.relay.add(0, fdOut, fdErr, start.Prompt)
	s.members = make([]*member, start.Size)
	s.members[0] = first
	if err := errors.Join(unix.SetNonblock(fdControl, true), s.watchFirst(), s.watchControl(first)); err != nil {
		return nil, err
	}
	if err := s.reachSites(); err != nil {
		return nil, err
	}
	s.launchWhenReady()
	return s, nil
}

func (s *supervisor) watchFirst() error {
	if s.pidfd < 0 {
		return nil
	}
	return s.loop.watch(s.pidfd, func() {
		s.loop.unwatch(s.pidfd)
		s.firstEnded()
	})
}

func (s *supervisor) watchControl(m *member) error {
	m.outbox = outbox{loop: s.loop, fd: m.control}
	return s.loop.watch(m.control, func() { s.readControl(m) })
}

// receiveStart reads host 0's first message, blocking. The socket's time limit is the only defence against a host 0
// that stops at that moment, and enough: nothing else exists yet.
func receiveStart(first *member) (message, error) {
	timeout := unix.NsecToTimeval(welcomeLimit.Nanoseconds())
	if err := unix.SetsockoptTimeval(fdControl, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return message{}, fmt.Errorf("the control connection: %w", err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fdControl, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return message{}, fmt.Errorf("host 0 has said nothing (%d bytes, error %w)", n, err)
		}
		if err := first.input.add(buf[:n]); err != nil {
			return message{}, err
		}
		if line := first.input.next(); line != nil {
			msg, err := decode(line)
			if err == nil && msg.Kind != kindStart {
				err = fmt.Errorf("host 0 began with a %q", msg.Kind)
			}
			return msg, err
		}
	}
}

// reachSites makes a member of every host and starts ssh towards all other machines at once.
func (s *supervisor) reachSites() error {
	for _, rank := range s.plan.Sites[0].Ranks {
		if rank > 0 {
			s.members[rank] = &member{rank: rank, control: -1}
		}
	}
	if len(s.plan.Sites) == 1 {
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/nonexistent" // it was removed; no other machine will have it
	}
	parcel := newParcel(dir)
	for i := 1; i < len(s.plan.Sites); i++ {
		to := &s.plan.Sites[i]
		l, err := newLink(s, to, s.plan.SSH, parcel)
		if err != nil {
			return err
		}
		s.links[i] = l
		for _, rank := range to.Ranks {
			m := &member{rank: rank, link: l, control: -1}
			m.streams = s.relay.addRemote(rank, func(stream int) { l.send(frame{frameCut, uint32(rank), []byte{byte(stream)}}) })
			l.members = append(l.members, m)
			s.members[rank] = m
		}
	}
	return nil
}

// launchWhenReady starts all hosts once every machine can be reached, so that a job that cannot begin has run nothing.
func (s *supervisor) launchWhenReady() {
	for _, l := range s.links[1:] {
		if !l.greeted {
			return
		}
	}
	if s.phase != starting {
		return
	}
	if err := s.launch(); err != nil {
		s.fail(err.Error())
		return
	}
	s.welcomeWhenReady()
}

func (s *supervisor) launch() error {
	for _, l := range s.links[1:] {
		l.send(jsonFrame(frameLaunch, launch{Args: s.argv, Env: s.exported(), Ranks: l.site.Ranks, Network: s.plan.Network, Silence: s.plan.Silence}))
	}
	for _, rank := range s.plan.Sites[0].Ranks {
		if rank == 0 {
			continue
		}
		m := s.members[rank]
		c, err := spawn(rank, s.null, s.argv, s.env)
		if err != nil {
			return err
		}
		m.pid, m.control = c.pid, c.control
		m.streams = s.relay.add(rank, c.streams[0], c.streams[1], false)
		if err := errors.Join(s.watchControl(m), watchChild(s.loop, m.pid, s.childEnded)); err != nil {
			return err
		}
	}
	return nil
}

// exported returns the variables that hosts on other machines get in addition to those of a login there.
func (s *supervisor) exported() []string {
	env := append([]string{}, s.plan.Env...)
	for _, name := range s.plan.Export {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// welcomeWhenReady lets everybody begin once all hosts exist.
func (s *supervisor) welcomeWhenReady() {
	for _, l := range s.links[1:] {
		if !l.launched {
			return
		}
	}
	if s.phase != starting {
		return
	}
	if err := s.settleAddresses(); err != nil {
		s.fail(err.Error())
		return
	}
	s.phase = running
	welcome := message{Kind: kindWelcome, Version: protocolVersion, Size: len(s.members), Pid: os.Getpid(),
		Secret: newSecret(), Terminal: isTerminal(fdStdout)}
	for _, m := range s.members {
		welcome.Rank = m.rank
		welcome.Local = len(s.plan.Sites[0].Ranks)
		if m.link != nil {
			welcome.Local = len(m.link.members)
		}
		welcome.Listen = s.listenOn(m.link).String()
		s.send(m, welcome)
	}
}

// raiseDescriptorLimit makes room for the descriptors of a large job: hosts on this machine, and connections to others. The
// hosts inherit the higher limit.
func raiseDescriptorLimit(hosts, links int) error {
	const perHost, perLink, others = 4, 5, 64
	need := uint64(perHost*hosts + perLink*links + others)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	if limit.Max < need {
		return fmt.Errorf("%d hosts here and %d other machines need %d open files, but only %d are allowed: raise the limit "+
			"(ulimit -n) or start fewer", hosts, links, need, limit.Max)
	}
	limit.Cur = need
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", need, err)
	}
	return nil
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
