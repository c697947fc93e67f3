package epoll

import (
	"crypto/hmac"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

const (
	guestTimeout   = 5 * time.Second // for the whole handshake
	acceptsAtOnce  = 16              // per turn of the loop
	acceptRetryGap = 100 * time.Millisecond
)

// A door accepts connections and holds those that have not proved yet who they are. It runs in the loop's thread and
// never blocks it: a guest costs a little memory until its handshake is over, its time is up, or newer guests need the
// room.
type door struct {
	t       *Transport
	fd      int // listener
	most    int // guests
	timeout time.Duration
	guests  []*guest  // oldest first
	reopen  time.Time // when to accept again after running out of descriptors; else zero
}

// ready implements source: it accepts.
func (d *door) ready(uint32) {
	for range acceptsAtOnce {
		fd, _, err := unix.Accept4(d.fd, unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			d.admit(fd)
		case unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS:
			// The connection stays in the backlog, so the listener stays readable: look away for a while.
			d.t.loop.rearm(d.fd, 0)
			d.reopen = time.Now().Add(acceptRetryGap)
			return
		case unix.EAGAIN:
			return
		}
	}
}

// admit takes a new connection in as a guest. When there are too many, the oldest has to go: an honest guest is done
// within a few round trips and comes again when told that it is busy here.
func (d *door) admit(fd int) {
	if len(d.guests) >= d.most {
		d.guests[0].refuse(busy, nil)
	}
	g := &guest{door: d, fd: fd, until: time.Now().Add(d.timeout), want: helloSize}
	if d.t.loop.watch(fd, g, unix.EPOLLIN) != nil {
		unix.Close(fd)
		d.t.strangers.Add(1)
		return
	}
	d.guests = append(d.guests, g)
}

// timers drops the guests whose time is up and returns how long the loop may sleep, in milliseconds, or -1.
func (d *door) timers() int {
	if len(d.guests) == 0 && d.reopen.IsZero() {
		return -1 // nearly always: not worth reading the clock
	}
	now := time.Now()
	for len(d.guests) > 0 && !now.Before(d.guests[0].until) {
		d.guests[0].drop()
	}
	var next time.Time
	if len(d.guests) > 0 {
		next = d.guests[0].until
	}
	if !d.reopen.IsZero() {
		if now.Before(d.reopen) {
			if next.IsZero() || d.reopen.Before(next) {
				next = d.reopen
			}
		} else {
			d.reopen = time.Time{}
			d.t.loop.rearm(d.fd, unix.EPOLLIN)
		}
	}
	if next.IsZero() {
		return -1
	}
	return int(next.Sub(now).Milliseconds()) + 1
}

// close drops the listener and all guests, after the loop has ended.
func (d *door) close() {
	for _, g := range d.guests {
		unix.Close(g.fd)
	}
	d.guests = nil
	unix.Close(d.fd)
}

// A guest is a connection before it has proved who it is.
type guest struct {
	door       *door
	fd         int
	until      time.Time
	buf        [helloSize]byte
	got, want  int // bytes in buf, and bytes of the message awaited; never more is read
	challenged bool
	hello      [helloSize]byte
	says       hello // the claims in it
	challenge  [challengeSize]byte
}

// ready implements source.
func (g *guest) ready(uint32) {
	n, _, err := unix.Recvfrom(g.fd, g.buf[g.got:g.want], unix.MSG_DONTWAIT)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n == 0 {
		g.drop()
		return
	}
	if g.got += n; g.got < g.want {
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
		g.drop()
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
		h.from < 0 || int(h.from) >= len(t.peers) || h.from == t.o.Self || h.mailbox > math.MaxInt32 {
		g.refuseProved(otherJob)
		return
	}
	p := t.peers[h.from]
	switch h.purpose {
	case forService:
		g.enter(p, &p.service, h.from > t.o.Self)
	case forMailbox:
		c := &conn{t: t, peer: p, allowed: toServer, fd: -1}
		g.enter(p, c, h.mailbox > 0 && p.addBox(h.mailbox, c))
	case forLink:
		g.park(p, h.from > t.o.Self)
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

// leave ends the handshake well: the verdict is the last thing that the guest sends as a guest. False means that the
// guest is gone.
func (g *guest) leave(p *peer) bool {
	t := g.door.t
	if tune(g.fd, g.says.purpose) != nil {
		g.drop()
		return false
	}
	v := encodeVerdict(accepted, counterproof(t.o.Secret, &g.hello, &g.challenge, accepted))
	if !g.send(v[:]) {
		return false
	}
	g.door.remove(g)
	t.o.Log.Debugf("host %d connected, %v", p.id, g.says.purpose)
	return t.own(p, g.fd) == nil
}

// refuseProved turns away a guest that knows the secret.
func (g *guest) refuseProved(s status) {
	g.refuse(s, counterproof(g.door.t.o.Secret, &g.hello, &g.challenge, s))
}

// refuse tells the guest why it is dropped, in the message that it waits for.
func (g *guest) refuse(s status, mac []byte) {
	if g.challenged {
		v := encodeVerdict(s, mac)
		if !g.send(v[:]) {
			return
		}
	} else {
		c := encodeChallenge(s, g.door.t.o.Self)
		if !g.send(c[:]) {
			return
		}
	}
	g.drop()
}

// send sends a handshake message, which always fits into a fresh socket's buffer; a guest for which it does not is
// dropped.
func (g *guest) send(b []byte) bool {
	n, err := unix.SendmsgN(g.fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil || n != len(b) {
		g.drop()
		return false
	}
	return true
}

// drop closes the guest's connection. That of an honest peer which died, too, is counted as a stranger's.
func (g *guest) drop() {
	g.door.remove(g)
	if g.door.t.strangers.Add(1) == 1 {
		g.door.t.o.Log.Infof("dropped a connection that did not prove to belong to this job; further ones are not reported")
	}
	unix.Close(g.fd)
}

func (d *door) remove(g *guest) {
	d.t.loop.forget(g.fd)
	for i, other := range d.guests {
		if other == g {
			d.guests = append(d.guests[:i], d.guests[i+1:]...)
			return
		}
	}
}
