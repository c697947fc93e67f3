package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"jiajia/core"
	"jiajia/core/capacity"
	"jiajia/core/conf"
	"jiajia/core/event"
	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/region"
	"jiajia/core/resume"
	"jiajia/core/wire"
)

// job is this process's part in a job.
var job struct {
	self, hosts int
	member      member // nil in a job of one host
	abort       func() // tells a launcher that this process could not join its job; nil: there is nobody to tell
	node        atomic.Pointer[node.Node]
	left        atomic.Bool // jia_exit was called
	log         *event.Log
	report      string // absolute path of the file for the statistics at exit, or one of the words of conf.Stats
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
	settings, err := enter(getenv)
	if err != nil {
		fail(err.Error())
	}
	job.hosts = 1
	if job.member != nil {
		job.self, job.hosts = job.member.Rank(), job.member.Size()
		job.member.OnLoss(callProgram)
	}
	job.log = newLog(settings, job.self)
	job.report = reportPlace(settings.Stats)
	poolCheck = settings.PoolCheck
	local := 1
	if job.member != nil {
		local = job.member.Local()
	}
	cache, why, err := cachePages(settings, local)
	if err != nil {
		fail(fmt.Sprintf("host %d: %v", job.self, err))
	}
	n, err := node.Open(node.Config{
		Self: wire.HostID(job.self), Hosts: job.hosts,
		RegionBytes: settings.RegionSize, PageSize: settings.PageSize, Fault: region.Mode(settings.Fault), ReadAhead: settings.Prefetch,
		CachePages: cache, Checkpoints: checkpoints(settings, local), Fail: fail, Lost: lost, Log: job.log,
	})
	var plan *resume.Plan
	if err == nil {
		plan, err = beginFrom(n, settings)
	}
	if err == nil && job.hosts > 1 {
		err = connect(n, settings)
	}
	if err == nil && plan != nil {
		err = n.Load(plan)
	}
	if gone := (*node.LostHost)(nil); errors.As(err, &gone) {
		lost(gone.Host, fmt.Sprintf("host %d: lost host %d during jia_init: %v", job.self, gone.Host, gone.Cause))
	}
	if err != nil {
		fail(fmt.Sprintf("host %d: jia_init: %v", job.self, err))
	}
	job.log.Infof("jiajia %s: %d host(s), process %d; fault backend %s; region %s at %#x in pages of %s", conf.Version, job.hosts, os.Getpid(),
		n.Region().Why(), bytesInWords(settings.RegionSize), n.Region().Base(), bytesInWords(uint64(settings.PageSize)))
	if job.hosts > 1 {
		job.log.Infof("a page cache of %s: %s", capacity.Size(cache*uint64(settings.PageSize)), why)
	}
	n.LookAhead()
	n.BeginStats()
	job.node.Store(n)
	return job.member != nil && job.member.TerminalOutput()
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
	list, named := n.GatherStats()
	if job.member != nil {
		job.member.Leaving()
	}
	report(list, named)
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
	if job.abort != nil {
		job.abort() // which may end this process, too
	}
	os.Exit(1)
}

// supervise is what the supervisor's and the agents' copies of the program run instead of main.
func supervise() int { return launch.Supervise() }
