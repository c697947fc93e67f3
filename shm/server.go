package shm

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"jiajia/core/wire"
)

// The server is a host's one serving thread: it sleeps at the host's bell, hands the requests of the peers to the handler, and
// data when nobody attends, and writes what was queued. It never waits for anything else.
type server struct {
	t    *Transport
	done chan struct{} // closed when it has ended

	behind atomic.Bool // owing is not empty
	errand atomic.Bool // errands is not empty

	mu      sync.Mutex // guards what follows
	owing   []*outlet  // with something queued, or lately so
	errands []func()   // to be run in the server's thread
}

// backlog notes that an outlet has something queued. Any thread.
func (s *server) backlog(o *outlet) {
	s.mu.Lock()
	if !slices.Contains(s.owing, o) {
		s.owing = append(s.owing, o)
		s.behind.Store(true)
	}
	s.mu.Unlock()
}

// do has f called in the server's thread, soon; after Close it does nothing. Any thread.
func (s *server) do(f func()) {
	s.mu.Lock()
	s.errands = append(s.errands, f)
	s.errand.Store(true)
	s.mu.Unlock()
	s.t.ringServer()
}

func (s *server) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.done)
	t := s.t
	ready := s.ready
	for !t.closed.Load() {
		progress := s.runErrands()
		for _, p := range t.active {
			if s.serve(p) {
				progress = true
			}
		}
		if t.intake.serve() {
			progress = true
		}
		if s.behind.Load() {
			s.flush()
		}
		if !progress {
			t.bells.server.await(0, ready)
		}
	}
}

// ready tells whether there is something to do.
func (s *server) ready() bool {
	if s.t.closed.Load() || s.errand.Load() {
		return true
	}
	for _, p := range s.t.active {
		if p.requests.any() && !p.lost() {
			return true
		}
	}
	if s.t.intake.due() {
		return true
	}
	if !s.behind.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.owing, func(o *outlet) bool { return o.room() || o.peer.lost() })
}

func (s *server) runErrands() bool {
	if !s.errand.Load() {
		return false
	}
	s.mu.Lock()
	errands := s.errands
	s.errands = nil
	s.errand.Store(false)
	s.mu.Unlock()
	for _, f := range errands {
		f()
	}
	return true
}

// serve hands the requests of a peer to the handler.
func (s *server) serve(p *peer) bool {
	if p.lost() || !p.requests.any() {
		return false
	}
	progress, err := p.requests.turn(s.deliver, always)
	if err != nil {
		s.t.broken(p, err)
	}
	return progress
}

func always() bool { return true }

func (s *server) deliver(m *wire.Message, body []byte) {
	if m.Type != wire.Diff {
		body = nil
	}
	s.t.o.Handler.Serve(m, body)
}

// flush writes what is queued and has room.
func (s *server) flush() {
	s.mu.Lock()
	owing := s.owing
	s.owing = nil
	s.behind.Store(false)
	s.mu.Unlock()
	for _, o := range owing {
		if !o.flush() {
			s.backlog(o)
		}
	}
}
