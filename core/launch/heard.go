package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// route hands a frame to the loop that it concerns, in the order of arrival.
func (l *link) route(f frame) {
	if f.kind == frameOut || f.kind == frameErr {
		// Through the supervisor's loop, since it alone knows the members; the relay's order follows from it.
		l.s.loop.post(func() { l.output(f) })
		return
	}
	l.s.loop.post(func() {
		if err := l.handle(f); err != nil {
			l.breakOff(fmt.Sprintf("%s on %s: %v", HostList(l.site.Ranks), l.site.Name, err))
		}
	})
}

// member returns the host that a frame is about.
func (l *link) member(f frame) (*member, error) {
	for _, m := range l.members {
		if m.rank == int(f.rank) {
			return m, nil
		}
	}
	return nil, fmt.Errorf("frame %q about host %d, which is not there", byte(f.kind), f.rank)
}

func (l *link) output(f frame) {
	m, err := l.member(f)
	if err != nil || m.ended {
		return
	}
	stream := 1
	if f.kind == frameErr {
		stream = 2
	}
	l.s.relay.deliver(m.streams[stream-1], f.data, func() { l.send(creditFrame(m.rank, stream, len(f.data))) })
}

// handle carries out one frame of the agent.
func (l *link) handle(f frame) error {
	switch f.kind {
	case frameHello:
		return l.greet(f.data)
	case frameRefused:
		return errors.New(OneLine(string(f.data)))
	case frameLaunched:
		return l.hostsExist(f.data)
	}
	m, err := l.member(f)
	if err != nil {
		return err
	}
	switch f.kind {
	case frameControl:
		l.s.receive(m, f.data)
	case frameClosed:
		l.s.loop.after(echoLimit, func() { l.s.deserted(m) })
	case frameEnded:
		l.s.memberEnded(m, f.status())
	default:
		return fmt.Errorf("frame %q is not for the supervisor", byte(f.kind))
	}
	return nil
}

// greet checks who the agent is.
func (l *link) greet(data []byte) error {
	var h hello
	if err := json.Unmarshal(data, &h); err != nil {
		return fmt.Errorf("the agent's greeting: %w", err)
	}
	if h.Library != libraryVersion || h.Protocol != protocolVersion {
		return fmt.Errorf("the library there is version %s (protocol %d), but host 0 has %s (protocol %d): install the same version on "+
			"both machines", OneLine(h.Library), h.Protocol, libraryVersion, protocolVersion)
	}
	l.address, _ = netip.ParseAddr(h.Address) // not valid: see addresses.go
	l.address = l.address.Unmap()
	l.greeted = true
	l.words.forget()
	l.s.launchWhenReady()
	return nil
}

// hostsExist takes the agent's answer to a launch.
func (l *link) hostsExist(data []byte) error {
	var answer launched
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	if len(answer.Pids) != len(l.members) || l.launched {
		return fmt.Errorf("the agent's answer does not fit (%d hosts)", len(answer.Pids))
	}
	for i, m := range l.members {
		m.pid = answer.Pids[i]
	}
	if l.s.plan.Network != "" {
		address, err := netip.ParseAddr(answer.Address)
		if err != nil {
			return fmt.Errorf("the agent's address: %w", err)
		}
		l.address = address.Unmap()
	}
	l.launched = true
	l.s.loop.after(pingInterval, l.ping)
	l.s.welcomeWhenReady()
	return nil
}
