package keep

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/ckpt"
)

// A Config says what is kept, and how.
type Config struct {
	Path      string   // of the program, or of the launcher
	Args, Env []string // the program's name included
	Mask      uint64   // the signals that it is to begin with blocked, the lowest bit for signal 1
	Launcher  bool     // it is a launcher, whose processes report in a file

	MaxRestarts int
	CkptDir     string // where this job's checkpoints are; "": there are none

	// LeaveOut tells whether the job can do without these machines; nil: it cannot. The error is what to say to the user.
	LeaveOut func(machines []string) error
	// Again makes the arguments and the environment of a run that follows another from those of the first, which it must not change, and
	// says what there is to say about them; nil: as the first time.
	Again func(args, env []string) (newArgs, newEnv []string, remark string)

	say func(line string) // for tests; nil: on standard error
}

// Run runs the job until it has ended for good, and returns how the last run has ended, for End. It takes the signals of this
// process, and should be all that it does.
func Run(c Config) unix.WaitStatus {
	runtime.LockOSThread() // see spawn
	const failed = unix.WaitStatus(1 << 8)
	k := &keeper{Config: c, args: c.Args, env: c.Env, started: newest(c.CkptDir)}
	if k.say == nil {
		k.say = func(line string) { _, _ = unix.Write(2, []byte("jia: "+line+"\n")) } // there is nobody else to tell
	}
	if at, err := unix.Seek(0, 0, 1); err == nil {
		k.input = &at
	}
	var err error
	if k.signals, err = catchSignals(); err != nil {
		k.say(fmt.Sprintf("cannot watch over the job: %v", err))
		return failed
	}
	for {
		e, err := k.run()
		if err != nil {
			k.say(fmt.Sprintf("cannot run %s: %v", c.Path, err))
			return failed
		}
		v := judge(e)
		if v.again && k.isAsked(&e) {
			v = judge(e)
		}
		if !k.follows(v) {
			return e.status
		}
		if number := k.askedToEnd(); number != 0 {
			return unix.WaitStatus(number)
		}
	}
}

// isAsked waits a moment for the signal that may have ended a run: the terminal sends it to all processes in turn, and the keeper's turn may
// come last.
func (k *keeper) isAsked(e *ending) bool {
	late := time.After(echoLimit)
	for {
		select {
		case s := <-k.signals:
			if asksToEnd(s.number) {
				e.signalled, e.asked = time.Now(), s.number
				return true
			}
		case <-late:
			return false
		}
	}
}

// askedToEnd returns the signal by which that has happened since the last run; 0 if it has not.
func (k *keeper) askedToEnd() unix.Signal {
	for {
		select {
		case s := <-k.signals:
			if asksToEnd(s.number) {
				return s.number
			}
		default:
			return 0
		}
	}
}

// A keeper is the state of Run.
type keeper struct {
	Config
	args, env []string // of the next run
	signals   <-chan caught
	runs      int        // those that have begun
	started   generation // the newest in CkptDir when the job was started: it is another job's
	restarts  int
	leftOut   []string // machines that did not answer
	input     *int64   // where standard input stood at the start; nil if it cannot be read again
}

// follows says what comes after a run, and returns whether that is another.
func (k *keeper) follows(v verdict) bool {
	if !v.again {
		if v.line != "" {
			k.say(v.line)
		}
		return false
	}
	switch {
	case len(v.leaveOut) > 0 && (k.restarts == 0 || k.LeaveOut == nil):
		k.say(v.line) // at its start nothing has been lost yet
		return false
	case len(v.leaveOut) > 0:
		k.leftOut = append(k.leftOut, v.leaveOut...)
		if err := k.LeaveOut(k.leftOut); err != nil {
			k.say(fmt.Sprintf("%s; %v", v.line, err))
			return false
		}
		k.say(fmt.Sprintf("the restart does without %s: %s", strings.Join(v.leaveOut, " and "), v.line))
	case k.restarts == k.MaxRestarts && k.restarts == 0:
		k.say(v.line)
		return false
	case k.restarts == k.MaxRestarts:
		k.say(reworded(v.line, fmt.Sprintf("%s after %d restarts", EndsJob, k.restarts)))
		return false
	}
	k.prepare(v)
	return true
}

// prepare makes the next run, and says so unless it is the same restart once more.
func (k *keeper) prepare(v verdict) {
	remark := ""
	k.args, k.env = k.Args, k.Env
	if k.Again != nil {
		k.args, k.env, remark = k.Again(k.Args, k.Env)
	}
	from := "from the beginning"
	if now := newest(k.CkptDir); now.err != nil {
		from += fmt.Sprintf(" (%v)", now.err)
	} else if now.number > k.started.number {
		from = fmt.Sprintf("from checkpoint %d in %s", now.number, k.CkptDir)
		if k.started.number > 0 && k.get("JIA_RESTORE") == "" {
			k.set(EnvAfter, strconv.FormatUint(k.started.number, 10))
		}
		k.set("JIA_RESTORE", k.CkptDir)
	} else if dir := k.get("JIA_RESTORE"); dir != "" {
		from = "from " + dir + ", as the first time"
	}
	if len(k.leftOut) > 0 {
		k.set(EnvLeftOut, strings.Join(k.leftOut, " "))
	}
	if k.input != nil {
		_, _ = unix.Seek(0, *k.input, 0) // it could be done before
	}
	if len(v.leaveOut) > 0 {
		return
	}
	k.restarts++
	k.say(fmt.Sprintf("restart %d of %d, %s%s: %s", k.restarts, k.MaxRestarts, from, remark, reworded(v.line, "")))
}

func (k *keeper) set(name, value string) { k.env = Set(k.env, name, value) }

func (k *keeper) get(name string) string {
	for _, entry := range k.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// Set returns env with a variable of that name and no other.
func Set(env []string, name, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	return append(env, name+"="+value)
}

// A generation is the newest complete checkpoint of a directory.
type generation struct {
	number uint64 // 0: there is none
	err    error  // the directory cannot be read
}

func newest(dir string) generation {
	if dir == "" {
		return generation{}
	}
	all, err := ckpt.Open(dir).Manifests()
	if err != nil || len(all) == 0 {
		return generation{err: err}
	}
	return generation{number: all[0]}
}

// run starts the job once, and returns when all of it is gone that can be waited for.
func (k *keeper) run() (e ending, err error) {
	if k.Launcher {
		e.launcher = filepath.Base(k.args[0])
	}
	var way *channel
	if k.Launcher {
		way, err = openFile(k.CkptDir)
	} else {
		way, err = openPipe()
	}
	if err != nil {
		return e, err
	}
	defer way.close()
	death := unix.SIGKILL
	if k.Launcher {
		death = unix.SIGTERM // it has processes to end, perhaps on other machines
	}
	k.runs++
	e.pid, err = spawn(k.Path, k.args, Set(k.env, Env, way.value), k.Mask, death)
	way.spawned()
	if err != nil {
		return e, err
	}
	ended := make(chan unix.WaitStatus, 1)
	go func() { ended <- wait(e.pid) }()
	var (
		alive    = true
		over     = way.over       // closed at the end of the reports; nil when it has come
		watched  chan struct{}    // closed when the supervisor is gone; nil as long as none is known
		patience <-chan time.Time // ends the wait for a supervisor that may never have been
		look     <-chan time.Time // at the file of reports, if there is one
		stuck    time.Time        // when the launcher is to be ended, since the job has ended; zero: it has not
		by       = unix.SIGTERM   // by which signal
	)
	if k.Launcher {
		ticker := time.NewTicker(lookInterval)
		defer ticker.Stop()
		look = ticker.C
	}
	for alive || over != nil {
		select {
		case r := <-way.reports:
			if r.Kind == Begun {
				watched = whenGone(r.Pid)
			} else if r.Kind != Done && e.caused.IsZero() {
				e.caused = time.Now()
			}
			e.reports = append(e.reports, r)
		case e.status = <-ended:
			alive = false
			if e.caused.IsZero() {
				e.caused = time.Now()
			}
			patience = time.After(beginLimit)
		case s := <-k.signals:
			if asksToEnd(s.number) {
				e.signalled, e.asked = time.Now(), s.number
			}
			if alive && (!s.kernel || s.run < k.runs) { // the terminal's: it had that itself, if it was there
				_ = unix.Kill(e.pid, s.number)
			}
		case <-watched:
			watched = nil
			way.finish()
		case <-patience:
			if watched == nil {
				way.finish() // whoever holds the pipe open is no supervisor
			}
		case <-over:
			over = nil
		case now := <-look:
			switch {
			case stuck.IsZero() && way.ended():
				stuck = now.Add(stuckLimit)
			case !stuck.IsZero() && now.After(stuck): // it waits for a host that hangs
				_ = unix.Kill(e.pid, by)
				stuck, by = now.Add(launcherLimit), unix.SIGKILL // that of MPICH waits on if only that host is left
			}
		}
	}
	e.reports = append(e.reports, way.rest()...)
	return e, nil
}

// wait collects a child.
func wait(pid int) unix.WaitStatus {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status
		}
	}
}

// whenGone returns a channel that is closed when a process is gone that is no child of this one.
func whenGone(pid int) chan struct{} {
	fd, err := unix.PidfdOpen(pid, 0)
	gone := make(chan struct{})
	switch {
	case err == unix.ESRCH:
		close(gone)
		return gone
	case err != nil: // before Linux 5.3, or in a sandbox
		go func() {
			for unix.Kill(pid, 0) != unix.ESRCH {
				time.Sleep(lookInterval)
			}
			close(gone)
		}()
		return gone
	}
	go func() {
		defer unix.Close(fd)
		for {
			if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); n > 0 || err != unix.EINTR {
				close(gone)
				return
			}
		}
	}()
	return gone
}
