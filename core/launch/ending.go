package launch

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
)

// judge decides whether a host that is gone takes the job with it. After jia_exit only a signal does: programs of old
// have a main that returns no status.
func (s *supervisor) judge(m *member, status unix.WaitStatus) {
	switch {
	case s.phase == starting:
		s.end(deathOf(m, status))
	case s.phase != running:
	case m.left && !status.Signaled():
	case status.Signaled() && status.Signal() == unix.SIGPIPE:
		s.afterHangUp(func() { s.end(deathOf(m, status)) })
	case status.Signaled() && fromTerminal(status.Signal()) && time.Since(s.interrupted) > interruptLimit:
		// The terminal's signal goes to all processes in turn; ours may be the next.
		if s.death.line == "" {
			s.death = deathOf(m, status)
		}
		s.loop.after(echoLimit, func() { s.end(s.death) })
	default:
		s.end(deathOf(m, status))
	}
}

// afterHangUp calls otherwise unless our own output turns out to be what was cut off.
func (s *supervisor) afterHangUp(otherwise func()) {
	s.relay.flushed(func() {
		s.loop.post(func() {
			if s.hungUp {
				s.fail("")
			} else {
				otherwise()
			}
		})
	})
}

// firstEnded is called when host 0 is gone.
func (s *supervisor) firstEnded() {
	first := s.members[0]
	if first.ended {
		return
	}
	s.readControl(first)
	first.ended = true
	s.relay.drain(first.streams, true)
	if s.phase == starting {
		// Only a keeper will read that.
		if status, known := fate(s.pidfd, first.pid); known {
			s.end(deathOf(first, status))
		} else {
			s.keeper.Tell(keep.Report{Kind: keep.Vanished})
			s.fail(vanished(first))
		}
		return
	}
	status, known := fate(s.pidfd, first.pid)
	switch {
	case known && status.Signaled() || known && !first.left:
		s.judge(first, status)
	case !first.left:
		s.afterHangUp(func() {
			s.keeper.Tell(keep.Report{Kind: keep.Vanished})
			s.fail(vanished(first))
		})
	default:
		// It left without running exit handlers, which is its right; the others may finish, but not take long.
		s.loop.after(interruptLimit, func() {
			if s.anyOther() {
				s.fail(fmt.Sprintf("host 0 (pid %d) ended without waiting for the other hosts, which are ended too: "+
					"let it return from main or call exit", first.pid))
			}
		})
	}
	if s.phase == draining { // nobody waits for the output any more, and perhaps nobody reads it
		s.loop.after(outputLimit, s.loop.stop)
	}
	s.step()
}

// byHost says who reports line, unless it does so itself.
func byHost(rank int, line string) string {
	who := fmt.Sprintf("host %d: ", rank)
	return who + strings.TrimPrefix(line, who)
}

// accuse takes a live host's report as the first cause, unless it turns out to be the echo of a death.
func (s *supervisor) accuse(c cause) {
	if s.accused {
		return
	}
	s.accused = true
	s.loop.after(echoLimit, func() {
		if s.death.line != "" {
			c = s.death
		}
		s.end(c)
	})
}

// outputLost is called when the real standard output or error can no longer be written.
func (s *supervisor) outputLost(k *sink) {
	if k.hungUp() {
		s.hungUp = true // the next host that writes dies of SIGPIPE, unless it prefers to know
		return
	}
	s.fail(OneLine(k.err.Error()) + ", which ends the job")
}

// terminalSignal is called for a signal to this process, which is one to the whole group.
func (s *supervisor) terminalSignal(number unix.Signal) {
	switch {
	case !fromTerminal(number):
	case number == unix.SIGHUP && s.pidfd >= 0:
		// A host 0 that dies orphans its process group, and the kernel sends the signal to a group that is orphaned while
		// some of it is stopped. That happens in the moment of the death: let it be heard of first.
		s.loop.after(orphanLimit, func() {
			if exited(s.pidfd) {
				s.firstEnded()
			}
			s.wasInterrupted(number)
		})
	default:
		s.wasInterrupted(number)
	}
}

// exited tells whether the process behind a pidfd is gone.
func exited(pidfd int) bool {
	list := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(list, 0)
	return err == nil && n > 0
}

// wasInterrupted takes note of a signal to the whole group, and passes it on to other machines.
func (s *supervisor) wasInterrupted(number unix.Signal) {
	if time.Since(s.interrupted) > interruptLimit { // else an echo: a terminal hangs up when the leader of its session dies
		s.interrupt = number
	}
	s.interrupted = time.Now()
	for _, l := range s.links[1:] {
		if l.launched {
			l.send(frame{frameKill, everyHost, []byte{byte(number)}})
		}
	}
}

func fromTerminal(number unix.Signal) bool {
	return number == unix.SIGINT || number == unix.SIGQUIT || number == unix.SIGTERM || number == unix.SIGHUP
}

// fail ends the job for a reason that is not the loss of a host.
func (s *supervisor) fail(line string) { s.end(cause{line: line}) }

// end ends the job; c is the first cause. Only the first call counts.
func (s *supervisor) end(c cause) {
	if s.phase > draining {
		return
	}
	if s.phase == starting {
		s.refuse(c)
		return
	}
	s.phase = endingOthers
	report := c.report()
	if time.Since(s.interrupted) < interruptLimit {
		c = cause{line: fmt.Sprintf("interrupted (%s)", unix.SignalName(s.interrupt))}
		report = keep.Report{Kind: keep.Interrupted}
	}
	line := c.line
	if s.keeper.Tell(report) && c.lost {
		line = "" // the keeper says it, with what follows
	}
	for _, m := range s.members {
		if !m.ended {
			s.relay.drain(m.streams, false) // what was written before the cause is shown before it
		}
	}
	if line != "" {
		s.relay.say(line)
	}
	written := func() {
		s.causeOut = true
		s.step()
	}
	s.relay.flushed(func() { s.loop.post(written) })
	s.loop.after(outputLimit, written)

	s.abort = message{Kind: kindAbort}
	if c.lost {
		s.abort = message{Kind: kindAbort, Lost: true, Host: c.host, Line: OneLine(c.line)}
	}
	s.others(func(m *member) { s.send(m, s.abort) })
	s.loop.after(graceLimit, func() {
		s.others(func(m *member) { m.kill(unix.SIGKILL) })
		s.loop.after(graceLimit, s.cutLinks) // a machine that does not answer any more
	})
	s.step()
}

// refuse ends what there is of a job that cannot begin, before host 0 is told and prints the cause.
func (s *supervisor) refuse(c cause) {
	s.phase, s.refusal = refusing, c
	s.others(func(m *member) {
		if m.link == nil && m.pid == 0 {
			m.ended = true // it has never begun
			return
		}
		m.kill(unix.SIGKILL)
	})
	for _, l := range s.links[1:] {
		if l.greeted {
			l.close()
		} else {
			l.kill()
		}
	}
	s.loop.after(graceLimit, s.cutLinks)
	s.step()
}

// anyLink reports whether an ssh process is left.
func (s *supervisor) anyLink() bool {
	for _, l := range s.links[1:] {
		if l.openEnds > 0 {
			return true
		}
	}
	return false
}

// cutLinks ends all ssh processes, with what is left of their hosts.
func (s *supervisor) cutLinks() {
	for _, l := range s.links[1:] {
		l.kill()
	}
}

// step moves the end of the job on as far as it can go.
func (s *supervisor) step() {
	first := s.members[0]
	switch s.phase {
	case running:
		if s.anyOther() || s.anyLink() || !s.finishing && !first.ended || first.ended && !first.left {
			return
		}
		s.phase = draining
		s.relay.drain(first.streams, true)
		s.relay.flushed(func() {
			s.loop.post(func() {
				if s.phase == draining { // the last bytes may have found the disk full
					s.keeper.Tell(keep.Report{Kind: keep.Done})
					s.send(first, message{Kind: kindDrained})
					s.loop.stop()
				}
			})
		})
	case endingOthers:
		if s.anyOther() || s.anyLink() || !s.causeOut {
			return
		}
		s.phase = endingFirst
		if !first.ended {
			s.endFirst()
		}
		s.step()
	case endingFirst:
		if first.ended {
			s.relay.flushed(func() { s.loop.post(s.loop.stop) })
			s.loop.after(outputLimit, s.loop.stop)
		}
	case refusing:
		if s.anyOther() || s.anyLink() {
			return
		}
		kept := s.keeper.Tell(s.refusal.report()) && (s.refusal.lost || len(s.refusal.machines) > 0)
		if s.members[0].control >= 0 {
			refuse(refusal(s.refusal.line), kept)
		}
		s.loop.stop()
	}
}

// endFirst ends host 0, in the way that a single program would end if there is one.
func (s *supervisor) endFirst() {
	first := s.members[0]
	abort := func() { s.send(first, s.abort) }
	switch {
	case time.Since(s.interrupted) < interruptLimit:
		// It had the signal too. Its parent should see it die of that, and it may have a handler.
		s.loop.after(echoLimit, abort)
	case s.hungUp:
		_ = s.signalFirst(unix.SIGPIPE)
		s.loop.after(echoLimit, abort)
	default:
		abort()
	}
	s.loop.after(graceLimit, func() {
		if err := s.signalFirst(unix.SIGKILL); err != nil && !first.ended {
			// Already gone, or not to be reached: there is nobody to wait for.
			first.ended = true
			s.step()
		}
	})
}

func (s *supervisor) signalFirst(number unix.Signal) error {
	if s.pidfd < 0 {
		return os.NewSyscallError("kill", unix.Kill(s.members[0].pid, number))
	}
	return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(s.pidfd, number, nil, 0))
}
