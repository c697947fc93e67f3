package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"jiajia/core"
	"jiajia/core/conf"
	"jiajia/core/event"
	"jiajia/core/join"
	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/region"
	"jiajia/core/wire"
	"jiajia/epoll"
)

// pageSize is the coherence page in bytes.
const pageSize = 4096

// spinLimit is how long a waiting thread polls before it sleeps, where there is a processor for every host: longer than
// a round trip, so that the waker is spared the price of waking an idle processor.
const spinLimit = 50 * time.Microsecond

// job is this process's part in a job.
var job struct {
	self, hosts int
	member      member // nil in a job of one host
	node        atomic.Pointer[node.Node]
	left        atomic.Bool // jia_exit was called
	log         *event.Log
	report      string // absolute path of the file for the statistics at exit, or one of the words of conf.Stats
}

// A member is this process's place among the others, whoever started them.
type member interface {
	Rank() int
	Size() int
	Local() int     // hosts on this machine
	Listen() string // IP address for the transport
	Secret() []byte
	TerminalOutput() bool
	Exchange(address string) ([]string, error)
	Fail(line string)
	Leaving()
	Finish()
}

func init() {
	// A thread of the program that enters Go needs a P at once. Those whose threads sleep in system calls are only
	// taken back after a while, so there must be more than processors. The heap is small; collect seldom.
	runtime.GOMAXPROCS(max(128, 4*runtime.NumCPU()))
	debug.SetGCPercent(400)
}

// start makes this process a host. It tells whether the job's output goes to a terminal. It does not return when the
// job cannot start.
func start(getenv func(string) string) (terminal bool) {
	if job.node.Load() != nil {
		fail(fmt.Sprintf("host %d: jia_init was called twice; call it once", job.self))
	}
	settings, err := conf.Load(getenv)
	if err != nil {
		fail(err.Error())
	}
	job.hosts = 1
	if job.member, err = enter(settings, getenv); err != nil {
		fail(err.Error())
	}
	if job.member != nil {
		job.self, job.hosts = job.member.Rank(), job.member.Size()
	}
	level, _ := event.ParseLevel(string(settings.Log))
	job.log = event.New(level, job.self)
	job.report = reportPlace(settings.Stats)
	n, err := node.Open(node.Config{
		Self: wire.HostID(job.self), Hosts: job.hosts,
		RegionBytes: settings.RegionSize, PageSize: pageSize, Fault: region.Mode(settings.Fault),
		Fail: fail, Log: job.log,
	})
	if err == nil && job.hosts > 1 {
		err = connect(n, settings)
	}
	if err != nil {
		fail(fmt.Sprintf("host %d: jia_init: %v", job.self, err))
	}
	job.log.Infof("jiajia %s: %d host(s), process %d; fault backend %s; region %s at %#x", conf.Version, job.hosts, os.Getpid(),
		n.Region().Why(), bytesInWords(settings.RegionSize), n.Region().Base())
	n.BeginStats()
	job.node.Store(n)
	return job.member != nil && job.member.TerminalOutput()
}

// enter makes this process a host of the job that it was started for, or that it is to start. The member is nil if it is alone.
func enter(settings conf.Settings, getenv func(string) string) (member, error) {
	role, err := launch.FromEnvironment(settings.NProc)
	switch {
	case err != nil:
		return nil, err
	case role == launch.RoleMember:
		return orNone(launch.Join())
	}
	started, err := join.Detect(settings, getenv)
	switch {
	case err != nil:
		return nil, err
	case started != nil:
		return orNone(joinHosts(started, settings))
	case role == launch.RoleStarter:
		return orNone(startHosts(settings.NProc))
	}
	return nil, nil
}

// orNone keeps a nil pointer from becoming an interface that is not nil.
func orNone[M member](m M, err error) (member, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// joinHosts makes this process one of those that a launcher has started.
func joinHosts(l *join.Launch, settings conf.Settings) (*join.Job, error) {
	level, _ := event.ParseLevel(string(settings.Log))
	log := event.New(level, l.Rank)
	if l.Rank == 0 && (settings.NProcSet && settings.NProc > 1 || settings.Hosts != "") {
		log.Warnf("JIA_NPROC and JIA_HOSTS are ignored, since %s has started the %d hosts", l.Launcher, l.Size)
	}
	return join.Join(l, join.Config{
		Version:  conf.Version,
		Settings: fmt.Sprintf("JIA_REGION_SIZE=%d", settings.RegionSize),
		Network:  settings.Network,
		Warn:     func(line string) { log.Warnf("%s", line) },
	})
}

// startHosts makes this process host 0 of a job on this machine.
func startHosts(n int) (*launch.Job, error) {
	dir, ok := startDirectory()
	if !ok {
		return nil, errors.New("JIA_NPROC needs the library's constructor, which has not run: link the program with libjia.a")
	}
	return launch.StartIn(n, dir)
}

// connect joins this host to the others.
func connect(n *node.Node, settings conf.Settings) error {
	options := epoll.Options{
		Self: wire.HostID(job.self), Secret: job.member.Secret(), Handler: n.Handler(), PageSize: pageSize,
		Log: job.log,
	}
	if settings.Spin == conf.SpinOn || settings.Spin == conf.SpinAuto && job.member.Local() <= runtime.NumCPU() {
		options.Spin = spinLimit
	}
	t, err := epoll.Listen("tcp", net.JoinHostPort(job.member.Listen(), "0"), options)
	if err != nil {
		return err
	}
	job.log.Infof("transport TCP at %s; a waiting thread polls for %v before it sleeps", t.Addr(), options.Spin)
	addrs, err := job.member.Exchange(t.Addr())
	if err != nil {
		return err
	}
	n.Attach(t)
	if err := t.Start(addrs); err != nil {
		return err
	}
	return n.Connect()
}

// running returns the node for a call of the program.
func running(call string) *node.Node {
	n := job.node.Load()
	switch {
	case n == nil:
		fail(call + " was called before jia_init; call jia_init(argc, argv) first")
	case job.left.Load():
		fail(fmt.Sprintf("host %d: %s was called after jia_exit", job.self, call))
	}
	return n
}

// leave is jia_exit: the first call is collective, further ones do nothing.
func leave(owner core.Owner) {
	n := job.node.Load()
	if n == nil {
		fail("jia_exit was called before jia_init; call jia_init(argc, argv) first")
	}
	if !job.left.CompareAndSwap(false, true) {
		return
	}
	n.Rendezvous(owner, wire.KindExit)
	list := n.GatherStats()
	if job.member != nil {
		job.member.Leaving()
	}
	report(list)
}

// finish is called when the process exits, after stdio was flushed.
func finish() {
	if job.member != nil {
		job.member.Finish()
	}
}

// fail ends the job with one line on standard error. It does not return.
func fail(line string) {
	if job.member != nil {
		job.member.Fail(line)
	}
	fmt.Fprintf(os.Stderr, "jia: %s\n", launch.OneLine(line))
	os.Exit(1)
}

// supervise is what the supervisor's copy of the program runs instead of main.
func supervise() int { return launch.Supervise() }
