package join

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"jiajia/core/launch"
)

// A root is host 0's end of the control connections. It lets the others in, and decides when the job ends.
type root struct {
	self     message // this host's own hello
	config   Config
	gate     *gate
	instance []byte // of this process
	lobby    lobby
	slots    chan struct{} // one for every goroutine with a connection that has not said hello

	mu       sync.Mutex // guards the fields below
	guests   []*joined  // by rank; nil: has not come; that of rank 0 stays so
	missing  int        // how many are nil, rank 0 apart
	welcomed bool       // all have come, and nobody else may
	strange  bool       // a stranger was reported
	failure  failure    // the first report by a live host; its line is "" if there is none
	death    failure    // the first death
	failing  bool       // one of these has come, and end is due

	addresses []string // by rank, "" while unknown
	unknown   int      // how many are ""
	round     *round   // of Gather: the one that is going on, or comes next
	left      int      // hosts that are past jia_exit's barrier
	ended     bool     // this host is, too

	complete  chan struct{} // closed when all guests have come
	exchanged chan struct{} // closed when all addresses are known
	allLeft   chan struct{} // closed when left == size
	gone      sync.WaitGroup
}

// joined is a guest as the root sees it.
type joined struct {
	hello message
	conn  net.Conn
	left  bool // guarded by root.mu
}

func (j *joined) String() string {
	return fmt.Sprintf("host %d (pid %d on %s)", j.hello.Rank, j.hello.Pid, j.hello.Name)
}

// joinAsRoot opens the gate and waits for the others.
func joinAsRoot(l *Launch, c Config, bind string) (*Job, error) {
	most := l.Size + maxStrange
	r := &root{config: c, lobby: lobby{most: most}, slots: make(chan struct{}, 2*most), guests: make([]*joined, l.Size), missing: l.Size - 1,
		addresses: make([]string, l.Size), unknown: l.Size, round: newRound(l.Size), instance: make([]byte, nonceSize),
		complete: make(chan struct{}), exchanged: make(chan struct{}), allLeft: make(chan struct{})}
	rand.Read(r.instance)
	r.self = hello(l, c, r.instance)
	var err error
	if r.gate, err = l.means.open(l, bind); err != nil {
		if a, ok := l.means.(agreed); ok {
			r.contest(a.place())
		}
		return nil, err
	}
	keepFromChildren(r.gate.listener) // which is never closed
	go r.accept()
	if r.gate.elsewhere != nil {
		go r.contest(r.gate.elsewhere)
	}
	late, notice := time.After(c.world.join), time.After(c.world.notice)
	for waiting := true; waiting; {
		select {
		case <-r.complete:
			waiting = false
		case <-notice:
			c.Warn(fmt.Sprintf("%s of %d did not come yet; waiting on", launch.HostList(r.absent()), l.Size))
		case <-late:
			r.blame(failure{line: fmt.Sprintf("host 0: %s of %d did not come within %v: see whether they were started, and can reach %s",
				launch.HostList(r.absent()), l.Size, c.world.join, r.gate.listener.Addr()), lost: true, host: -1}, false)
			select {} // the end is near
		}
	}
	return r.welcome(bind)
}

// accept lets connections in for as long as the process lives: a host that comes too late is told so.
func (r *root) accept() {
	for {
		conn, err := r.gate.listener.Accept()
		if err != nil {
			// Out of descriptors, or a connection that was gone at once: neither is for ever.
			time.Sleep(dialPause)
			continue
		}
		select {
		case r.slots <- struct{}{}:
			go r.serve(r.lobby.enter(conn))
		default:
			_ = conn.Close() // hosts come again
		}
	}
}

// serve handles one connection to its end.
func (r *root) serve(conn *visitor) {
	defer conn.Close()
	tune(conn.Conn)
	_ = conn.SetDeadline(time.Now().Add(r.config.world.handshake))
	err := r.authenticate(conn)
	if r.lobby.leave(conn) && err != nil {
		err = errors.New("it was one of too many that did not say who they are")
	}
	var first message
	input := bufio.NewReaderSize(conn, maxMessage)
	if err == nil {
		if first, err = receive(input); err != nil {
			<-r.slots
			return // a host that found a better way to us
		}
	}
	<-r.slots
	if err != nil {
		r.stranger(conn, err)
		return
	}
	g := &joined{hello: first, conn: conn.Conn}
	if !r.admit(g) {
		return
	}
	defer r.gone.Done()
	defer keepFromChildren(conn.Conn)()
	_ = conn.SetDeadline(time.Time{})
	for {
		m, err := receive(input)
		if err != nil {
			r.lost(g)
			return
		}
		r.handle(g, m)
	}
}

// authenticate reads as far as the proof that the other end knows the secret.
func (r *root) authenticate(conn *visitor) error {
	var magic [magicSize]byte
	if _, err := io.ReadFull(conn, magic[:]); err != nil {
		return fmt.Errorf("it did not say who it is: %w", err)
	}
	if m := string(magic[:]); m == guestMagic || m == questionMagic {
		r.lobby.heard(conn)
	}
	if string(magic[:]) == questionMagic && r.gate.vouch != nil {
		if err := answer(conn, r.gate.vouch); err != nil {
			return fmt.Errorf("give it a credential: %w", err)
		}
		if _, err := io.ReadFull(conn, magic[:]); err != nil {
			return fmt.Errorf("it did not make anything of a credential: %w", err)
		}
	}
	return greetGuest(conn, magic, r.gate.secret)
}

// stranger reports the first connection that is none of the job's.
func (r *root) stranger(conn net.Conn, err error) {
	r.mu.Lock()
	again := r.strange
	r.strange = true
	r.mu.Unlock()
	if !again {
		r.config.Warn(fmt.Sprintf("refused a connection from %s, which is not a host of this job: %v (further ones are not reported)",
			conn.RemoteAddr(), err))
	}
}

// handle obeys a message.
func (r *root) handle(g *joined, m message) {
	switch m.Kind {
	case kindAddress:
		r.tell(g.hello.Rank, m.Address)
	case kindText:
		if _, err := r.gathered(g.hello.Rank, m.Text); err != nil {
			r.accuse(fmt.Sprintf("%v sent %v", g, err))
		}
	case kindLeaving:
		r.mu.Lock()
		again := g.left
		g.left = true
		r.mu.Unlock()
		if !again {
			r.oneLeft()
		}
	case kindFail:
		r.blame(failureOf(m), false)
	default:
		r.accuse(fmt.Sprintf("%v sent a %q, which is not for host 0", g, m.Kind))
	}
}

// lost is called at the end of a guest's connection.
func (r *root) lost(g *joined) {
	r.mu.Lock()
	left := g.left
	r.mu.Unlock()
	if !left {
		r.blame(failure{line: fmt.Sprintf("%v ended, or lost its connection, before jia_exit, which ends the job: "+
			"see what its launcher says of it; if nobody killed it, see its kernel's log (dmesg) for a lack of memory", g),
			lost: true, host: g.hello.Rank}, true)
	}
}

func (r *root) oneLeft() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left++; r.left == len(r.guests) {
		close(r.allLeft)
	}
}

// accuse takes line, which is not about the loss of a host, as the cause of the job's end.
func (r *root) accuse(line string) { r.blame(failure{line: line}, false) }

// blame takes a failure as the cause of the job's end. A death counts more than what live hosts see of it.
func (r *root) blame(f failure, death bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.death.line == "" && r.failure.line == "" {
		r.config.Keeper.Tell(f.report()) // at once: the launcher may be ending us all
	}
	if death && r.death.line == "" {
		r.death = f
	}
	if !death && r.failure.line == "" {
		r.failure = f
	}
	if !r.failing {
		r.failing = true
		time.AfterFunc(echoLimit, r.end)
	}
}

// end prints the first cause and ends all hosts, this one last.
func (r *root) end() {
	r.mu.Lock()
	f := r.death
	if f.line == "" {
		f = r.failure
	}
	report := f.report()
	report.Instead = r.death.line != "" && r.failure.line != "" // which the keeper was told at once
	var guests []*joined
	for _, g := range r.guests {
		if g != nil {
			guests = append(guests, g)
		}
	}
	r.mu.Unlock()
	r.config.announce(report, f.line)
	for _, g := range guests {
		go r.send(g, f.message())
	}
	if f.lost {
		r.config.losing.Lost(f.host, f.line)
	}
	// Not before they have read it: a connection that breaks says less.
	gone := make(chan struct{})
	go func() {
		r.gone.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(graceLimit):
	}
	r.config.world.exit(1)
}

// send never blocks for long: a guest reads at all times.
func (r *root) send(g *joined, m message) {
	_ = g.conn.SetWriteDeadline(time.Now().Add(sendLimit))
	_, _ = g.conn.Write(m.encode()) // one that is gone is found out by its reader
}

func (r *root) fail(f failure) { r.blame(f, false) }

func (r *root) leaving() {
	r.mu.Lock()
	again := r.ended
	r.ended = true
	r.mu.Unlock()
	if !again {
		r.oneLeft()
	}
	<-r.allLeft
}

func (r *root) hasLeft() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}
