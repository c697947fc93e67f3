package epoll

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	acceptsAtOnce  = 16 // per turn of the loop, so that the job's own messages never wait for more than a few dozen strangers
	acceptRetryGap = 100 * time.Millisecond
)

// guestTimeout is how long a connection may take to prove that it belongs to the job. An honest one needs a few round
// trips; five seconds leave room for a lost packet or two and for a machine that is short of processors.
const guestTimeout = 5 * time.Second

// A door accepts connections and holds those that have not proved yet who they are. It runs in the loop's thread and
// never blocks it: a guest costs a little memory until its handshake is over, its time is up, or others need the room.
type door struct {
	t       *Transport
	fd      int // listener
	most    int // guests; set before the loop runs
	timeout time.Duration
	guests  []*guest  // oldest first; at most `most`
	reopen  time.Time // when to accept again after running out of descriptors; else zero
	full    bool      // the log says that descriptors ran out
	remarks remarks
}

// guestLimit is how many guests may be here at once, beside two for each host of the job: many, since a program with
// hundreds of threads connects them all at the same time, but never more than a quarter of the descriptors that this
// process may open.
func guestLimit() int {
	const fewest, most = 64, 1024
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return fewest
	}
	return int(max(fewest, min(most, limit.Cur/4)))
}

// ready implements source: it accepts.
func (d *door) ready(uint32) {
	for i := range acceptsAtOnce {
		fd, from, err := unix.Accept4(d.fd, unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			d.admit(fd, from)
		case unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS:
			// The connection stays in the backlog, so the listener stays readable: look away for a while.
			d.t.loop.rearm(d.fd, 0)
			d.reopen = time.Now().Add(acceptRetryGap)
			if i == 0 && !d.full { // somebody waits; later in the turn, it may be that nobody does
				d.full = true
				d.t.o.Log.Warnf("another host cannot connect: accept: %v: raise the limit of open files (ulimit -n)", err)
			}
			return
		case unix.EAGAIN:
			return
		}
	}
}

// admit takes a new connection in as a guest. Its hello has often arrived before it could be accepted, and is read at
// once: whoever fills the room with silence then competes with guests that have shown more than that.
func (d *door) admit(fd int, from unix.Sockaddr) {
	if len(d.guests) >= d.most {
		d.victim().refuse(busy, nil)
	}
	g := &guest{door: d, fd: fd, from: from, until: time.Now().Add(d.timeout), want: helloSize}
	if d.t.loop.watch(fd, g, unix.EPOLLIN) != nil {
		unix.Close(fd)
		d.t.strangers.Add(1)
		return
	}
	d.guests = append(d.guests, g)
	g.ready(0)
}

// victim returns the guest that has to go when there are too many: the oldest that has not sent its hello, else any one.
// It is drawn, since in a flood of hellos the oldest would be pushed out for certain before its proof arrives; drawn, an
// honest guest gets through after some attempts, and it tries again when it is told that it is busy here.
func (d *door) victim() *guest {
	for _, g := range d.guests {
		if !g.challenged {
			return g
		}
	}
	return d.guests[rand.IntN(len(d.guests))]
}

// timers drops the guests whose time is up and returns how long the loop may sleep, in milliseconds, or -1.
func (d *door) timers() int {
	if len(d.guests) == 0 && d.reopen.IsZero() {
		return -1 // nearly always: not worth reading the clock
	}
	now := time.Now()
	for len(d.guests) > 0 && !now.Before(d.guests[0].until) {
		d.guests[0].drop(outOfTime)
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

// remove takes a guest off the list, and off the loop.
func (d *door) remove(g *guest) {
	d.t.loop.forget(g.fd)
	for i, other := range d.guests {
		if other == g {
			d.guests = append(d.guests[:i], d.guests[i+1:]...)
			return
		}
	}
}
