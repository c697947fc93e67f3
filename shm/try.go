package shm

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

// Try meets the other hosts, whose cards it is given by host id, and tells for each why it cannot be reached, or nil; "" stands
// for a host that need not be tried. All hosts must call it, once. It returns within patience.
func (t *Transport) Try(cards []string) (refused []error) {
	refused = make([]error, len(cards))
	fail := func(err error) []error {
		for i := range refused {
			if wire.HostID(i) != t.o.Self {
				refused[i] = err
			}
		}
		return refused
	}
	if err := t.enter("try"); err != nil {
		return fail(err)
	}
	defer t.calls.Done()
	if len(cards) != t.o.Hosts {
		return fail(fmt.Errorf("%d cards for %d hosts", len(cards), t.o.Hosts))
	}
	if t.card == "" {
		return fail(errors.New(t.noCard))
	}
	here, err := parseCard(t.card)
	if err != nil {
		return fail(err)
	}
	try := &trial{t: t, uid: here.uid, deadline: time.Now().Add(t.patience), came: make(map[wire.HostID]chan bool)}
	var calls sync.WaitGroup
	for i, s := range cards {
		id := wire.HostID(i)
		if id == t.o.Self {
			continue
		}
		there, err := parseCard(s)
		if err == nil {
			err = here.why(there)
		}
		switch {
		case s == "":
			refused[i] = errors.New("it offers no shared memory")
		case err != nil:
			refused[i] = err
		case id < t.o.Self:
			calls.Add(1)
			go func() {
				defer calls.Done()
				refused[i] = try.connect(id, there)
			}()
		default:
			try.came[id] = make(chan bool, 1)
		}
	}
	var accepting sync.WaitGroup
	accepting.Add(1)
	go func() {
		defer accepting.Done()
		try.accept()
	}()
	late := time.NewTimer(t.patience)
	defer late.Stop()
	over := false
	for id, came := range try.came {
		if !over {
			select {
			case <-came:
				continue
			case <-late.C:
			case <-t.stopped:
			}
			over = true
		}
		select {
		case <-came:
		default:
			refused[id] = fmt.Errorf("it did not connect within %v", t.patience)
		}
	}
	calls.Wait()
	t.door.Close()
	accepting.Wait()
	unix.Close(t.fd)
	t.fd = -1
	return refused
}

// A trial is a Try in progress.
type trial struct {
	t        *Transport
	uid      int
	deadline time.Time
	came     map[wire.HostID]chan bool // by host that is to connect; fixed

	mu     sync.Mutex      // guards what follows, and Transport.met
	guests []*net.UnixConn // who has not proved yet who it is, oldest first
	over   bool
}

const (
	mostGuests   = 64 // beside one for each host of the job
	guestTimeout = 5 * time.Second
	acceptGap    = 50 * time.Millisecond // after running out of descriptors
)

// accept lets in who connects, until the door is closed.
func (r *trial) accept() {
	var talks sync.WaitGroup
	for warned := false; ; {
		conn, err := r.t.door.AcceptUnix()
		if err == nil {
			r.enter(conn)
			talks.Add(1)
			go func() {
				defer talks.Done()
				r.talk(conn)
			}()
			continue
		}
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) && !errors.Is(err, unix.ENOMEM) {
			break
		}
		if !warned {
			warned = true
			r.t.o.Log.Warnf("another host cannot connect: %v: raise the limit of open files (ulimit -n)", err)
		}
		select {
		case <-time.After(acceptGap):
		case <-r.t.stopped:
		}
	}
	r.mu.Lock()
	r.over = true
	for _, g := range r.guests {
		g.Close()
	}
	r.mu.Unlock()
	talks.Wait()
}

// enter notes a guest; the oldest has to go when there are too many.
func (r *trial) enter(conn *net.UnixConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.guests) >= mostGuests+r.t.o.Hosts {
		r.guests[0].Close()
		r.guests = r.guests[1:]
	}
	r.guests = append(r.guests, conn)
}

// leave takes a guest off the list.
func (r *trial) leave(conn *net.UnixConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, g := range r.guests {
		if g == conn {
			r.guests = append(r.guests[:i], r.guests[i+1:]...)
			return
		}
	}
}

// talk is the acceptor's side of a handshake.
func (r *trial) talk(conn *net.UnixConn) {
	conn.SetDeadline(time.Now().Add(guestTimeout))
	p, err := r.hear(conn)
	r.leave(conn)
	if err == nil {
		err = r.meet(p)
	}
	if err != nil {
		conn.Close()
		r.t.o.Log.Debugf("refused a connection through shared memory: %v", err)
		return
	}
	r.came[p.id] <- true
}

func (r *trial) hear(conn *net.UnixConn) (*peer, error) {
	t := r.t
	if err := sameUser(conn, r.uid); err != nil {
		return nil, err
	}
	said, err := r.message(conn, helloSize)
	if err != nil {
		return nil, err
	}
	h, s, err := decodeHello(said)
	if err != nil {
		return nil, err
	}
	if s == accepted && h.to != t.o.Self {
		s = otherHost
	}
	challenge := encodeChallenge(s)
	if err := write(conn, challenge, nil); err != nil || s != accepted {
		return nil, errors.Join(s.err(), err)
	}
	mac, err := r.message(conn, proofSize)
	if err != nil {
		return nil, err
	}
	switch {
	case !hmac.Equal(mac, proof(t.o.Secret, said, challenge)):
		// Without a MAC of ours: a stranger learns nothing that depends on the secret.
		return nil, errors.Join(refusals[otherSecret], write(conn, encodeVerdict(otherSecret, make([]byte, macSize)), nil))
	case int(h.hosts) != t.o.Hosts || int(h.pageSize) != t.o.PageSize:
		s = otherJob
	case r.came[h.from] == nil:
		s = otherJob // a host that does not exist, or that we are to connect to
	}
	if err := write(conn, encodeVerdict(s, counterproof(t.o.Secret, said, challenge, s)), nil); err != nil || s != accepted {
		return nil, errors.Join(s.err(), err)
	}
	p := &peer{t: t, id: h.from, side: acceptor, conn: conn, sock: -1, dataFd: -1}
	err = p.takeGift()
	if err == nil {
		err = p.give(nil)
	}
	if err == nil {
		said, err = r.message(conn, len(doneMagic))
	}
	if err == nil && string(said) != doneMagic {
		err = errNoHost
	}
	if err != nil {
		p.free()
		return nil, err
	}
	return p, nil
}

// meet keeps a peer for Start.
func (r *trial) meet(p *peer) error {
	if err := p.keep(); err != nil {
		p.free()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.t.met[p.id] != nil {
		p.free()
		return refusals[alreadyThere]
	}
	p.join()
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.t.closed.Load() {
		p.free()
		return net.ErrClosed
	}
	r.t.met[p.id] = p
	return nil
}

// connect is the connector's side.
func (r *trial) connect(id wire.HostID, there card) error {
	d := net.Dialer{Deadline: r.deadline}
	c, err := d.Dial("unixpacket", there.socket().Name)
	if err != nil {
		if errors.Is(err, unix.ECONNREFUSED) {
			err = fmt.Errorf("nobody listens there: %w [did that host end early?]", err)
		}
		return err
	}
	conn := c.(*net.UnixConn)
	conn.SetDeadline(r.deadline)
	spoken := make(chan struct{})
	go func() {
		select {
		case <-r.t.stopped:
			conn.Close()
		case <-spoken:
		}
	}()
	p, err := r.speak(conn, id)
	close(spoken)
	if err == nil {
		err = r.meet(p)
	}
	if err != nil {
		conn.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
			err = errors.New("it hung up in the middle of the handshake")
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", r.t.patience)
		}
	}
	return err
}

func (r *trial) speak(conn *net.UnixConn, id wire.HostID) (*peer, error) {
	t := r.t
	if err := sameUser(conn, r.uid); err != nil {
		return nil, err
	}
	said := hello{from: t.o.Self, to: id, hosts: uint32(t.o.Hosts), pageSize: uint32(t.o.PageSize)}.encode()
	if err := write(conn, said, nil); err != nil {
		return nil, err
	}
	challenge, err := r.message(conn, challengeSize)
	if err != nil {
		return nil, err
	}
	if err := decodeChallenge(challenge); err != nil {
		return nil, err
	}
	if err := write(conn, proof(t.o.Secret, said, challenge), nil); err != nil {
		return nil, err
	}
	verdict, err := r.message(conn, verdictSize)
	if err != nil {
		return nil, err
	}
	if len(verdict) != verdictSize {
		return nil, errNoHost
	}
	s := status(binary.LittleEndian.Uint32(verdict))
	if !hmac.Equal(verdict[4:], counterproof(t.o.Secret, said, challenge, s)) {
		return nil, refusals[otherSecret]
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	p := &peer{t: t, id: id, side: connector, conn: conn, sock: -1, dataFd: -1}
	pair, fd, err := makeSegment("jia-pair", pairBytes())
	if err == nil {
		p.pair = pair
		err = p.give([]int{fd})
		unix.Close(fd)
	}
	if err == nil {
		err = p.takeGift()
	}
	if err == nil {
		err = write(conn, []byte(doneMagic), nil)
	}
	if err != nil {
		p.free()
		return nil, err
	}
	return p, nil
}

// message reads one without descriptors.
func (r *trial) message(conn *net.UnixConn, bytes int) ([]byte, error) {
	b, fds, err := receive(conn, bytes, 0)
	closeAll(fds)
	return b, err
}
