package launch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
)

// StartOn makes this process host 0 of a job on one or several machines: it starts the supervisor, which starts the others
// with the arguments that this process began with, those on this machine with its environment too. From then on descriptors 1
// and 2 are pipes to the supervisor; flush what is buffered for them before. It blocks until every host is started, for as long
// as something moves. On an error, which is one line, nothing has changed and nothing is left running.
//
// The program must have the constructor of cabi/supervise.c, or else the new processes run main.
func StartOn(o Options) (*Job, error) {
	p, err := makePlan(o)
	if err != nil {
		return nil, fmt.Errorf("start the job: %w", err)
	}
	job, err := start(p, o)
	var no refusal
	if err != nil && !errors.As(err, &no) {
		return nil, fmt.Errorf("start a job of %d hosts: %w", p.size(), err)
	}
	return job, err
}

// A refusal is the supervisor's line on why the job cannot begin, complete as it is.
type refusal string

func (r refusal) Error() string { return string(r) }

func start(p *plan, o Options) (job *Job, err error) {
	if privileged() {
		return nil, errors.New("this program has more rights than the user who started it (set-user-ID, set-group-ID or " +
			"file capabilities), and such a program takes no orders from its environment: remove these rights, or run it without JIA_NPROC")
	}
	if err := openStandard(); err != nil {
		return nil, err
	}
	w, err := newWiring()
	if err != nil {
		return nil, err
	}
	defer func() {
		closeAll(w.supervisor[:])
		if err != nil {
			closeAll(w.host[:])
		}
	}()
	if err := runSupervisor(w, o); err != nil {
		return nil, err
	}
	pidfd := w.supervisor[3] >= 0
	closeAll(w.supervisor[:]) // so that its end shows at ours
	w.supervisor = none

	control := os.NewFile(uintptr(w.host[0]), "control connection")
	w.host[0] = -1 // the file's from now on
	job, err = welcomed(control, &message{Kind: kindStart, Version: protocolVersion, Size: p.size(), Plan: p,
		Pid: os.Getpid(), Pidfd: pidfd, Prompt: somebodyAnswers(), Kept: o.Keeper != nil})
	var no refusal
	if err != nil && !errors.As(err, &no) && o.Keeper.Tell(keep.Report{Kind: keep.Lost, Host: -1, Line: OneLine("host 0: " + err.Error())}) {
		os.Exit(1) // the supervisor is gone, and the keeper says so
	}
	o.Keeper.Close() // the supervisor has it
	if err != nil {
		return nil, err
	}
	job.kept = o.Keeper != nil
	job.redirect(w)
	return job, nil
}

// privileged tells whether the kernel gave this program rights that its user lacks. secure_getenv, by which a
// supervisor knows itself, then finds nothing.
func privileged() bool {
	const secure = 23 // AT_SECURE
	vector, err := unix.Auxv()
	if err != nil {
		return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid()
	}
	return slices.Contains(vector, [2]uintptr{secure, 1})
}

// A wiring holds both ends of all that connects host 0 with its supervisor. An entry of -1 is closed.
type wiring struct {
	host       [5]int // control, write ends for standard output and error, copies of the real ones
	supervisor [5]int // control, read ends for standard output and error, pidfd of host 0, /dev/null
}

var none = [5]int{-1, -1, -1, -1, -1}

// newWiring opens everything. All of it is closed on exec.
func newWiring() (w *wiring, err error) {
	w = &wiring{host: none, supervisor: none}
	defer func() {
		if err != nil {
			closeAll(w.host[:])
			closeAll(w.supervisor[:])
		}
	}()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return w, fmt.Errorf("create a control connection: %w", err)
	}
	w.host[0], w.supervisor[0] = pair[0], pair[1]
	if err := unix.SetNonblock(w.host[0], true); err != nil {
		return w, fmt.Errorf("create a control connection: %w", err)
	}
	for i := 1; i < 3; i++ {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return w, fmt.Errorf("create a pipe: %w", err)
		}
		w.supervisor[i], w.host[i] = pipe[0], pipe[1]
		const above = 10 // out of the way of programs that expect small numbers from open
		if w.host[2+i], err = unix.FcntlInt(uintptr(i), unix.F_DUPFD_CLOEXEC, above); err != nil {
			return w, fmt.Errorf("save descriptor %d: %w", i, err)
		}
	}
	// Without it (before Linux 5.3, or in a sandbox) the end of the control connection has to do.
	if w.supervisor[3], err = pidfdOpen(os.Getpid(), 0); err != nil {
		w.supervisor[3] = -1
	}
	if w.supervisor[4], err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return w, fmt.Errorf("open /dev/null: %w", err)
	}
	return w, nil
}

// pidfdOpen is a variable so that tests can do without it, as old kernels must.
var pidfdOpen = unix.PidfdOpen

// runSupervisor runs the program once more. That process forks and exits, so that the supervisor is no child of ours:
// a program that waits for all of its children must not wait for the end of the job.
func runSupervisor(w *wiring, o Options) error {
	argv := o.Args
	if argv == nil {
		var err error
		if argv, err = arguments(); err != nil {
			return err
		}
	}
	null := uintptr(w.supervisor[4])
	files := [fdCount]uintptr{null, null, null,
		fdControl: uintptr(w.supervisor[0]),
		fdOut:     uintptr(w.supervisor[1]),
		fdErr:     uintptr(w.supervisor[2]),
		fdPid:     null, // not closed, or the supervisor's own files might take the number
		fdStdout:  1,
		fdStderr:  2,
		fdKeeper:  null,
	}
	if o.Keeper != nil {
		files[fdKeeper] = uintptr(o.Keeper.Fd())
	}
	if w.supervisor[3] >= 0 {
		files[fdPid] = uintptr(w.supervisor[3])
	}
	pid, err := syscall.ForkExec(program(), argv, &syscall.ProcAttr{
		Dir:   o.Dir,
		Env:   append(withoutRoles(), fmt.Sprintf("%s=%d", EnvSupervisor, protocolVersion)),
		Files: files[:],
	})
	if err != nil {
		return fmt.Errorf("run the program again as a supervisor: %w", err)
	}
	for {
		_, err := unix.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return nil // it is gone; another error says that the program ignores SIGCHLD or has collected it itself
		}
	}
}

// Join makes this process the host that its supervisor started it as. Only where Member says so.
func Join() (*Job, error) {
	fd, ok := controlDescriptor()
	if !ok {
		return nil, errors.New("join the job: this process was not started by a supervisor")
	}
	// The program may have closed what it did not open, and opened something else in its place.
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		awaitEnd() // the supervisor has seen the end of it, and says so once for all hosts
		return nil, fmt.Errorf("join the job: descriptor %d, the connection with the supervisor, is not there any more: "+
			"the program has closed it before jia_init; let it close only what it has opened", fd)
	}
	unix.CloseOnExec(fd)
	if err := errors.Join(os.Unsetenv(envControl), unix.SetNonblock(fd, true)); err != nil {
		return nil, fmt.Errorf("join the job: %w", err)
	}
	job, err := welcomed(os.NewFile(uintptr(fd), "control connection"), nil)
	if err != nil {
		return nil, fmt.Errorf("join the job: %w", err)
	}
	return job, nil
}

// welcomed says hello, if there is anything to say, and waits for the supervisor's first message. It owns control.
func welcomed(control *os.File, hello *message) (job *Job, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, control.Close())
		}
	}()
	job = &Job{control: control, pid: os.Getpid(), realStdout: -1, realStderr: -1,
		answers: make(chan message, 1), drained: make(chan struct{})}
	if hello != nil {
		if err := job.send(*hello); err != nil {
			return nil, err
		}
	}
	if hello == nil || len(hello.Plan.Sites) == 1 { // otherwise the supervisor has limits of its own
		if err := control.SetReadDeadline(time.Now().Add(welcomeLimit)); err != nil {
			return nil, fmt.Errorf("set a time limit: %w", err)
		}
	}
	var input lineBuffer
	text, err := nextLine(control, &input)
	if err != nil {
		return nil, fmt.Errorf("wait for the supervisor: %w", err)
	}
	msg, err := decode(text)
	switch {
	case err != nil:
		return nil, err
	case msg.Kind == kindRefused && msg.Kept:
		os.Exit(1)
	case msg.Kind == kindRefused:
		return nil, refusal(msg.Line)
	case msg.Kind != kindWelcome:
		return nil, fmt.Errorf("the supervisor began with a %q", msg.Kind)
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lift a time limit: %w", err)
	}
	job.rank, job.size, job.secret = msg.Rank, msg.Size, msg.Secret
	job.terminal, job.supervisorPid = msg.Terminal, msg.Pid
	job.local, job.address = msg.Local, msg.Listen
	go job.listen(&input)
	return job, nil
}

// redirect puts the pipes in the place of standard output and error, and remembers those.
func (j *Job) redirect(w *wiring) {
	for i := 1; i < 3; i++ {
		// Both are open, so only a signal could interrupt it, and in Linux none does.
		_ = unix.Dup3(w.host[i], i, 0)
		_ = unix.Close(w.host[i])
	}
	j.realStdout, j.realStderr = w.host[3], w.host[4]
}

// openStandard opens /dev/null in the place of standard descriptors that are closed, so that none of ours gets their
// numbers.
func openStandard() error {
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("open /dev/null: %w", err)
		}
		if fd > 2 {
			_ = unix.Close(fd)
			return nil
		}
	}
}

// somebodyAnswers reports whether an unfinished line of host 0 may be a prompt or a progress display: a person looks
// at the output, or a person or program may be about to write to the input.
func somebodyAnswers() bool {
	var input unix.Stat_t
	if unix.Fstat(0, &input) == nil {
		if kind := input.Mode & unix.S_IFMT; kind == unix.S_IFIFO || kind == unix.S_IFSOCK {
			return true
		}
	}
	return isTerminal(0) || isTerminal(1) || isTerminal(2)
}
