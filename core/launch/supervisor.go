package launch

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/keep"
)

// A phase is how far the end of the job has come. It only ever moves forward.
type phase int

const (
	starting     phase = iota // other machines are being reached, hosts are being started; nobody has been welcomed
	running                   // all is well
	draining                  // all is well, only host 0 is left, and waits for its output to be written
	endingOthers              // a first cause is known: hosts 1 and up are being ended
	endingFirst               // host 0 too
	refusing                  // after starting: the job cannot begin, and what exists of it is being ended
)

// A supervisor decides. All its fields belong to the goroutine of loop; whatever happens elsewhere is posted there.
type supervisor struct {
	loop    *loop
	relay   *relay
	null    int       // /dev/null
	pidfd   int       // host 0; -1 where the kernel or a sandbox refuses it
	members []*member // by rank
	plan    *plan
	links   []*link        // by site; nil for the first, this machine
	argv    []string       // of every host
	env     []string       // of the hosts on this machine
	refusal cause          // why the job cannot begin
	keeper  *keep.Reporter // nil if there is none

	listen netip.Addr // what the hosts of this machine listen on

	phase     phase
	finishing bool // host 0 waits in Job.Finish
	answered  int  // hosts whose address is known
	told      bool // the addresses were sent, or it was too late for them
	round     round

	accused     bool      // a host has reported a failure that waits for its first cause
	death       cause     // a death that may turn out to be the terminal's doing; its line is "" if there is none
	silent      []string  // machines that could not be reached
	interrupted time.Time // of the last signal that a terminal sends to the whole job
	interrupt   unix.Signal
	hungUp      bool    // nobody reads our standard output or error any more
	abort       message // what ends a host, once the first cause is known
	causeOut    bool    // the first cause is written, or took too long
}

// others calls do for every host but host 0 that is still there.
func (s *supervisor) others(do func(*member)) {
	for _, m := range s.members[1:] {
		if !m.ended {
			do(m)
		}
	}
}

func (s *supervisor) anyOther() (any bool) {
	s.others(func(*member) { any = true })
	return any
}

// readControl handles what has arrived on the control connection of a host.
func (s *supervisor) readControl(m *member) {
	buf := make([]byte, 4096)
	for m.control >= 0 {
		n, err := unix.Read(m.control, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return
		case n <= 0:
			s.closeControl(m)
			s.loop.after(echoLimit, func() { s.deserted(m) })
			return
		}
		s.receive(m, buf[:n])
	}
}

// receive handles bytes that have arrived on the control connection of a host, wherever that runs.
func (s *supervisor) receive(m *member, data []byte) {
	if m.distrusted {
		return
	}
	if err := m.input.add(data); err != nil {
		s.distrust(m, err)
		return
	}
	for line := m.input.next(); line != nil; line = m.input.next() {
		msg, err := decode(line)
		if err == nil {
			err = s.handle(m, msg)
		}
		if err != nil {
			s.distrust(m, err)
			return
		}
	}
}

func (s *supervisor) closeControl(m *member) {
	if m.control >= 0 {
		s.loop.unwatch(m.control)
		_ = unix.Close(m.control)
		m.control = -1
	}
}

// deserted is called some time after a host closed its control connection: dying, it has been reaped since.
func (s *supervisor) deserted(m *member) {
	if m.rank == 0 && s.pidfd < 0 {
		s.firstEnded() // there is no other way to know
		return
	}
	if m.ended || m.left {
		return
	}
	s.fail(fmt.Sprintf("%s has closed the library's descriptors or become another program, "+
		"which ends the job: leave descriptors alone that the program did not open", m.who()))
}

func (s *supervisor) distrust(m *member, err error) {
	m.distrusted = true
	s.closeControl(m)
	s.fail(fmt.Sprintf("%s sent nonsense, which ends the job: %s: look for a program that writes to "+
		"descriptors it did not open", m.who(), OneLine(err.Error())))
}

// handle carries out one message. The error is for a message that this host may not send now.
func (s *supervisor) handle(m *member, msg message) error {
	switch msg.Kind {
	case kindAddress:
		if m.address != "" {
			return errors.New("a second address")
		}
		m.address = msg.Address
		s.answered++
		if s.answered == 1 {
			s.loop.after(exchangeLimit, s.exchangeLate)
		}
		s.tellAddresses()
	case kindText:
		return s.gather(m, msg.Text)
	case kindLeaving:
		m.left = true
	case kindFinish:
		if m.rank != 0 {
			return errors.New("only host 0 finishes")
		}
		s.finishing = true
		s.step()
	case kindFail:
		s.accuse(cause{line: byHost(m.rank, msg.Line), lost: msg.Lost, host: msg.Host})
	default:
		return fmt.Errorf("a %q is not for the supervisor", msg.Kind)
	}
	return nil
}

// tellAddresses sends everybody's address to everybody once they are all known.
func (s *supervisor) tellAddresses() {
	if s.told || s.answered < len(s.members) {
		return
	}
	s.told = true
	table := func(to *link) []byte {
		msg := message{Kind: kindTable}
		for _, m := range s.members {
			msg.Addresses = append(msg.Addresses, s.seenFrom(to, m))
		}
		return msg.encode()
	}
	if s.listen.IsUnspecified() {
		s.sendAll(table)
		return
	}
	same := table(nil) // it is long in a large job
	s.sendAll(func(*link) []byte { return same })
}

// exchangeLate is called exchangeLimit after the first host has said where it listens.
func (s *supervisor) exchangeLate() {
	if s.told {
		return
	}
	s.told = true
	s.sendMissing(func(m *member) bool { return m.address == "" })
}

// sendMissing tells everybody which hosts have kept them waiting for too long.
func (s *supervisor) sendMissing(silent func(*member) bool) {
	late := message{Kind: kindMissing}
	for _, m := range s.members {
		if silent(m) {
			late.Missing = append(late.Missing, m.rank)
		}
	}
	text := late.encode()
	s.sendAll(func(*link) []byte { return text })
}

// sendAll sends every host a message, which may depend on the machine that it runs on; nil stands for this one.
func (s *supervisor) sendAll(text func(to *link) []byte) {
	here := text(nil)
	for _, rank := range s.plan.Sites[0].Ranks {
		s.sendText(s.members[rank], here)
	}
	for _, l := range s.links[1:] {
		l.send(frame{frameControl, everyHost, text(l)})
	}
}

// send never blocks. A host that is gone is found out by other means.
func (s *supervisor) send(m *member, msg message) { s.sendText(m, msg.encode()) }

func (s *supervisor) sendText(m *member, text []byte) {
	if m.link != nil {
		m.link.send(frame{frameControl, uint32(m.rank), text})
		return
	}
	if m.control < 0 {
		return
	}
	if err := m.outbox.send(text); err != nil {
		s.distrust(m, err)
	}
}

// childEnded is called for every child of this process that is gone.
func (s *supervisor) childEnded(pid int, status unix.WaitStatus) {
	for _, m := range s.members[1:] {
		if m.link == nil && m.pid == pid && !m.ended {
			s.memberEnded(m, status)
			return
		}
	}
	for _, l := range s.links[1:] {
		if l.pid == pid && !l.reaped {
			l.sshEnded(status)
			return
		}
	}
}

// memberEnded is called when a host other than host 0 is gone.
func (s *supervisor) memberEnded(m *member, status unix.WaitStatus) {
	if m.ended {
		return
	}
	s.readControl(m) // what it said before it died decides whether this is a failure
	m.ended = true
	s.relay.drain(m.streams, true)
	s.judge(m, status)
	if m.link != nil {
		m.link.memberEnded()
	}
	s.step()
}
