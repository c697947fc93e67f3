package launch

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// How a link ends: because its hosts have ended, because ssh has, or because the supervisor gives it up.

// impatient gives the machine up when nothing has moved for welcomeLimit before its hosts exist.
func (l *link) impatient() {
	if l.launched || l.openEnds == 0 {
		return
	}
	if quiet := time.Since(time.Unix(0, l.heard.Load())); quiet < welcomeLimit {
		l.s.loop.after(welcomeLimit-quiet, l.impatient)
		return
	}
	l.breakOff(fmt.Sprintf("cannot start %s on %s: nothing came back for %v: see what keeps `%s`", HostList(l.site.Ranks),
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

// breakOff gives the link up for the reason in line.
func (l *link) breakOff(line string) {
	if l.broken == "" {
		l.broken = line
	}
	l.kill()
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
		l.lose(line)
	}
	l.s.step()
}

// lose ends the job for the end of a link. A machine that has never answered may be left out of another run; several of them are often
// found out in one moment.
func (l *link) lose(line string) {
	s := l.s
	switch {
	case !l.greeted && s.phase == starting:
		s.silent = append(s.silent, l.site.Name)
		tell := func() { s.end(cause{line: line, machines: s.silent}) }
		if s.keeper == nil {
			tell()
		} else if len(s.silent) == 1 {
			s.loop.after(echoLimit, tell)
		}
	case l.broken != "":
		s.fail(line)
	default:
		s.end(loss(l.site.Ranks[0], line))
	}
}

// lostCause words the end of ssh while hosts depended on it.
func (l *link) lostCause() string {
	said := l.words.last()
	remedy := fmt.Sprintf("see what `%s` says", l.trial())
	const sshFailed = 255 // any other status is that of what ran there
	if said != "" && l.status.Exited() && l.status.ExitStatus() != sshFailed {
		remedy = "correct that on " + l.site.Name
	}
	if said == "" {
		said = fmt.Sprintf("ssh ended with status %d", l.status.ExitStatus())
		if l.status.Signaled() {
			said = fmt.Sprintf("ssh was killed by signal %d (%s)", int(l.status.Signal()), unix.SignalName(l.status.Signal()))
		}
	}
	if !l.launched {
		return fmt.Sprintf("cannot start %s on %s: %s: %s", HostList(l.site.Ranks), l.site.Name, said, remedy)
	}
	return fmt.Sprintf("the connection with %s on %s is lost, which ends the job: %s: see whether that machine and its sshd still run",
		HostList(l.site.Ranks), l.site.Name, said)
}
