package join

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A guest is the end of a control connection in hosts 1 and up.
type guest struct {
	rank   int
	size   int
	conn   net.Conn
	input  *bufio.Reader
	config Config

	mu        sync.Mutex // guards the fields below, and keeps messages whole
	left      bool
	exchanged bool

	table chan []string // capacity 1
	texts chan []string // capacity 1: of a whole round of Gather
	heard []string      // those of the round that are there; of obey's goroutine
}

// joinAsGuest finds the root and waits for its welcome.
func joinAsGuest(l *Launch, c Config, bind string) (*Job, error) {
	now := time.Now()
	deadline := now.Add(c.world.join)
	at, err := l.means.find(l)
	if err != nil {
		return nil, err
	}
	at.handshake = c.world.handshake
	conn, secret, err := at.reach(deadline, now.Add(c.world.notice), c.Warn)
	if err != nil {
		return nil, err
	}
	keepFromChildren(conn) // which is never closed
	g := &guest{rank: l.Rank, size: l.Size, conn: conn, input: bufio.NewReaderSize(conn, maxTable(l.Size)), config: c,
		table: make(chan []string, 1), texts: make(chan []string, 1)}
	if err := g.send(hello(l, c, nil)); err != nil {
		return nil, fmt.Errorf("say hello to host 0 at %s: %w", at.where, err)
	}
	// The root waits for all hosts, and says who does not come.
	_ = conn.SetReadDeadline(deadline.Add(c.world.join))
	welcome, err := receive(g.input)
	if err == nil && welcome.Kind == kindFail {
		g.config.world.exit(1) // the root has said why
	}
	if err == nil && welcome.Kind != kindWelcome {
		err = fmt.Errorf("it began with a %q", welcome.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for host 0 at %s: %w", at.where, err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	job := &Job{rank: l.Rank, size: l.Size, local: welcome.Local, listen: welcome.Listen, star: g, world: c.world,
		secret: derive(secret, welcome.Nonce, "job")}
	if job.listen == "" {
		job.listen = ipOf(conn.LocalAddr()).String()
	}
	if bind != "" && !job.SameMachine() {
		job.listen = bind
	}
	go g.obey()
	return job, nil
}

// reach connects to host 0 and proves who we are, again and again until the deadline: it may not be there yet. If it takes
// until the time of notice, warn is told why, once.
func (p *place) reach(deadline, notice time.Time, warn func(line string)) (net.Conn, []byte, error) {
	var conn net.Conn
	var secret []byte
	for noticed := false; ; {
		var err error
		if conn, secret, err = p.tryAll(); err == nil {
			return conn, secret, nil
		}
		var lasting final
		hopeless := errors.Is(err, errLayout) || errors.As(err, &lasting) || len(p.addresses) == 1 && errors.Is(err, errSecret)
		if hopeless {
			return nil, nil, fmt.Errorf("reach host 0 at %s: %w", p.where, err)
		}
		if time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("reach host 0 at %s: %w: see that host 0 runs there, and that this machine can reach it", p.where, err)
		}
		if !noticed && time.Now().After(notice) {
			noticed = true
			warn(fmt.Sprintf("host 0 at %s cannot be reached yet: %v; trying on", p.where, err))
		}
		time.Sleep(dialPause)
	}
}

// A final error is one that another attempt cannot cure.
type final struct{ error }

// tryAll tries all addresses at once; the first that proves to be host 0 counts. The error is that of the first address.
func (p *place) tryAll() (net.Conn, []byte, error) {
	type attempt struct {
		index  int
		conn   net.Conn
		secret []byte
		err    error
	}
	attempts := make(chan attempt, len(p.addresses))
	for i, address := range p.addresses {
		go func() {
			conn, secret, err := p.try(address)
			attempts <- attempt{i, conn, secret, err}
		}()
	}
	var firstErr error
	for tried := 1; tried <= len(p.addresses); tried++ {
		a := <-attempts
		if a.err == nil {
			go func() { // the others are of no use
				for range len(p.addresses) - tried {
					if a := <-attempts; a.err == nil {
						_ = a.conn.Close()
					}
				}
			}()
			return a.conn, a.secret, nil
		}
		if firstErr == nil || a.index == 0 {
			firstErr = a.err
		}
	}
	return nil, nil, firstErr
}

// try makes one attempt at one address.
func (p *place) try(address string) (net.Conn, []byte, error) {
	dialer := net.Dialer{Timeout: dialLimit, KeepAliveConfig: keepAlive}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, nil, err
	}
	tune(conn)
	secret, err := p.prove(conn)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, secret, nil
}

// prove does the guest's part of the handshake.
func (p *place) prove(conn net.Conn) (secret []byte, err error) {
	if conn.LocalAddr().String() == conn.RemoteAddr().String() {
		return nil, errors.New("nobody listens there yet") // TCP lets a socket meet itself
	}
	_ = conn.SetDeadline(time.Now().Add(p.handshake))
	if secret = p.secret; secret == nil {
		if secret, err = ask(conn, p.check); err != nil {
			return nil, err
		}
	}
	if err := greetRoot(conn, secret); err != nil {
		return nil, err
	}
	return secret, conn.SetDeadline(time.Time{})
}

func ipOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return at.Addr().Unmap()
}

// obey handles what the root says, for as long as the process lives.
func (g *guest) obey() {
	for {
		m, err := receive(g.input)
		if err != nil {
			g.orphaned()
			return
		}
		switch m.Kind {
		case kindFail:
			if m.Lost {
				g.config.losing.Lost(m.Host, m.Line)
			}
			g.config.world.exit(1) // the root has printed the line
		case kindTexts:
			if err := g.collect(m); err != nil {
				g.fail(failure{line: fmt.Sprintf("host %d: host 0 sent %v", g.rank, err)})
			}
		case kindTable:
			select {
			case g.table <- m.Addresses:
			default: // sent once only, so this is a second one: ignore it
			}
		}
	}
}

// orphaned is called at the end of the connection.
func (g *guest) orphaned() {
	if g.hasLeft() {
		return
	}
	f := failure{line: fmt.Sprintf("host %d: host 0 at %s is gone, which ends the job: see its exit status; "+
		"if nobody killed it, see its kernel's log (dmesg) for a lack of memory", g.rank, g.conn.RemoteAddr()), lost: true, host: 0}
	if g.rank == 1 { // one host has to say it
		time.Sleep(echoLimit) // unless the launcher is ending us all
		g.config.announce(f.report(), f.line)
	}
	g.config.losing.Lost(f.host, f.line)
	g.config.world.exit(1)
}

func (g *guest) send(m message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.conn.SetWriteDeadline(time.Now().Add(sendLimit))
	_, err := g.conn.Write(m.encode())
	return err
}

func (g *guest) exchange(address string) ([]string, error) {
	g.mu.Lock()
	again := g.exchanged
	g.exchanged = true
	g.mu.Unlock()
	if again {
		return nil, errAgain
	}
	if err := g.send(message{Kind: kindAddress, Address: address}); err != nil {
		return nil, err
	}
	return <-g.table, nil // the root ends the job when somebody does not call
}

func (g *guest) fail(f failure) {
	if err := g.send(f.message()); err != nil {
		g.config.announce(f.report(), f.line)
		if f.lost {
			g.config.losing.Lost(f.host, f.line)
		}
		g.config.world.exit(1)
	}
}

func (g *guest) leaving() {
	g.mu.Lock()
	g.left = true
	g.mu.Unlock()
	_ = g.send(message{Kind: kindLeaving}) // a root that is gone has ended us, or is about to
}

func (g *guest) hasLeft() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left
}
