package epoll

import (
	"crypto/hmac"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

// A guest is a connection before it has proved who it is.
type guest struct {
	door       *door
	fd         int
	from       unix.Sockaddr
	until      time.Time
	buf        [helloSize]byte
	got, want  int // bytes in buf, and bytes of the message awaited; never more is read
	challenged bool
	hello      [helloSize]byte
	says       hello // the claims in it
	challenge  [challengeSize]byte
}

// ready implements source. A guest that hangs up is counted and not logged: a host of the job that dies in this moment
// looks like that, and so does whoever only checks whether a port is open.
func (g *guest) ready(uint32) {
	n, _, err := unix.Recvfrom(g.fd, g.buf[g.got:g.want], unix.MSG_DONTWAIT)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n == 0 {
		g.drop(unsaid)
		return
	}
	g.got += n
	if begin := g.buf[:min(g.got, len(helloMagic))]; !g.challenged && !strings.HasPrefix(helloMagic, string(begin)) {
		g.drop(notHello)
		return
	}
	if g.got < g.want {
		return
	}
	g.got = 0
	if g.challenged {
		g.prove()
	} else {
		g.greet()
	}
}

// greet answers the hello.
func (g *guest) greet() {
	t := g.door.t
	g.hello = g.buf
	if err := g.says.decode(&g.hello); err != nil {
		g.drop(notHello)
		return
	}
	if g.says.version != protocolVersion {
		g.refuse(otherVersion, nil)
		return
	}
	if g.says.to != t.o.Self {
		g.refuse(otherHost, nil)
		return
	}
	g.challenge = encodeChallenge(accepted, t.o.Self)
	if !g.send(g.challenge[:]) {
		g.drop(unsaid)
		return
	}
	g.challenged, g.want = true, proofSize
}

// prove checks the proof and lets the guest in.
func (g *guest) prove() {
	t := g.door.t
	if !hmac.Equal(g.buf[:proofSize], proof(t.o.Secret, &g.hello, &g.challenge)) {
		g.refuse(otherSecret, nil)
		return
	}
	h := &g.says
	if int(h.hosts) != len(t.peers) || int(h.pageSize) != t.o.PageSize ||
		h.from < 0 || int(h.from) >= len(t.peers) || t.peers[h.from] == nil || h.mailbox > math.MaxInt32 {
		g.refuseProved(otherJob)
		return
	}
	p := t.peers[h.from]
	dials := h.from > t.o.Self // whose part it is to connect, for what a pair of hosts has one of
	switch h.purpose {
	case forService:
		g.enter(p, &p.service, dials)
	case forMailbox:
		c := &conn{t: t, peer: p, allowed: wire.Requests, space: &t.loop.space, fd: -1}
		g.enter(p, c, h.mailbox > 0 && p.addBox(h.mailbox, c))
	case forLink:
		g.park(p, dials)
	case forWatch:
		g.watch(p, dials)
	case forData:
		g.feed(p)
	default:
		g.refuseProved(otherJob)
	}
}

// enter makes the guest's socket that of c, unless c has one.
func (g *guest) enter(p *peer, c *conn, fits bool) {
	if !fits || c.fd >= 0 {
		g.refuseProved(alreadyThere)
		return
	}
	if !g.leave(p) {
		p.dropBox(g.says.mailbox, c)
		return
	}
	if err := c.attach(g.fd); err != nil {
		g.door.t.broken(p, err)
		return
	}
	if g.says.purpose == forService {
		g.door.t.joined(p)
	}
}

// park keeps the guest's socket for OpenLink.
func (g *guest) park(p *peer, fits bool) {
	if !fits || p.linked {
		g.refuseProved(alreadyThere)
		return
	}
	if g.leave(p) {
		p.linked = true
		p.parked <- g.fd
	}
}

// watch makes the guest's socket the one that tells whether the peer's machine is there.
func (g *guest) watch(p *peer, fits bool) {
	if !fits || p.watched {
		g.refuseProved(alreadyThere)
		return
	}
	if g.leave(p) {
		g.door.t.watch(p, g.fd)
	}
}

// feed has the intake read the guest's socket.
func (g *guest) feed(p *peer) {
	if p.feeding {
		g.refuseProved(alreadyThere)
		return
	}
	if g.leave(p) {
		p.feeding = true
		p.outlet.adopt(g.fd)
		if err := g.door.t.intake.add(p, g.fd); err != nil {
			g.door.t.broken(p, err)
		}
	}
}

// leave ends the handshake well: the verdict is the last thing that the guest sends as a guest. False means that the
// guest is gone.
func (g *guest) leave(p *peer) bool {
	t := g.door.t
	v := encodeVerdict(accepted, counterproof(t.o.Secret, &g.hello, &g.challenge, accepted))
	if g.door.t.tune(g.fd, g.says.purpose) != nil || !g.send(v[:]) {
		g.drop(unsaid)
		return false
	}
	g.door.remove(g)
	t.o.Log.Debugf("host %d connected, %v", p.id, g.says.purpose)
	return t.own(p, g.fd, g.says.purpose) == nil
}

// refuseProved turns away a guest that knows the secret.
func (g *guest) refuseProved(s status) {
	g.refuse(s, counterproof(g.door.t.o.Secret, &g.hello, &g.challenge, s))
}

// refuse tells the guest why it is dropped, in the message that it waits for.
func (g *guest) refuse(s status, mac []byte) {
	if g.challenged {
		v := encodeVerdict(s, mac)
		g.send(v[:])
	} else {
		c := encodeChallenge(s, g.door.t.o.Self)
		g.send(c[:])
	}
	g.drop(offences[s])
}

// send sends a handshake message, which always fits into a fresh socket's buffer; false means that the guest is gone,
// or up to something.
func (g *guest) send(b []byte) bool {
	n, err := unix.SendmsgN(g.fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return err == nil && n == len(b)
}

// drop closes the guest's connection. That of an honest peer which died, too, is counted as a stranger's.
func (g *guest) drop(why offence) {
	g.door.remove(g)
	g.door.t.strangers.Add(1)
	g.door.remarks.make(why, addrPort(g.from).Addr())
	unix.Close(g.fd)
}
