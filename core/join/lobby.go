package join

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
)

// A lobby holds the connections that have not proved yet who they are. There is always room for one more: when it is full, somebody
// has to go, so that no flood of connections keeps a host of the job out for sure.
type lobby struct {
	most int // connections at once

	mu      sync.Mutex
	waiting []*visitor // oldest first
}

// A visitor is such a connection.
type visitor struct {
	net.Conn
	spoke    bool // it has begun as a host does; guarded by lobby.mu
	sentAway bool // closed to make room; guarded by lobby.mu
}

// enter takes a connection in, and closes another if there are too many.
func (l *lobby) enter(conn net.Conn) *visitor {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= l.most {
		i := l.victim()
		l.waiting[i].sentAway = true
		_ = l.waiting[i].Close()
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	v := &visitor{Conn: conn}
	l.waiting = append(l.waiting, v)
	return v
}

// victim picks the oldest that has said nothing, else any one: if it were the oldest then, too, a fast flood would push out
// every host before its proof arrives. A host that is unlucky comes again.
func (l *lobby) victim() int {
	if i := slices.IndexFunc(l.waiting, func(v *visitor) bool { return !v.spoke }); i >= 0 {
		return i
	}
	return rand.IntN(len(l.waiting))
}

func (l *lobby) heard(v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.spoke = true
}

// leave is called when it is known who the visitor is. It reports whether it was sent away before.
func (l *lobby) leave(v *visitor) (sentAway bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, v); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return v.sentAway
}
