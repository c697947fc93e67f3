package epoll

// A backlog is what a connection has to send before anything else, because the socket was full. Messages are copied.
// Pages are not: they stay where they are until the socket takes them, since whoever asked for a page may as well have it
// as it is then. So a peer that asks for much and reads nothing costs this host a few words a page.
type backlog struct {
	pieces [][]byte // in order; none is empty
	own    bool     // the last piece is a copy, which may be added to
}

func (q *backlog) empty() bool { return len(q.pieces) == 0 }

// copy appends a copy of b.
func (q *backlog) copy(b []byte) {
	switch last := len(q.pieces) - 1; {
	case len(b) == 0:
	case q.own && len(q.pieces[last])+len(b) <= keepBytes:
		q.pieces[last] = append(q.pieces[last], b...)
	default:
		q.pieces = append(q.pieces, append([]byte(nil), b...))
		q.own = true
	}
}

// refer appends b itself.
func (q *backlog) refer(b []byte) {
	if len(b) > 0 {
		q.pieces = append(q.pieces, b)
		q.own = false
	}
}

// advance leaves out the first n bytes, which have been sent.
func (q *backlog) advance(n int) {
	for n > 0 {
		if first := q.pieces[0]; n < len(first) {
			q.pieces[0] = first[n:]
			return
		}
		n -= len(q.pieces[0])
		q.pieces[0] = nil
		q.pieces = q.pieces[1:]
	}
	if q.empty() {
		q.clear()
	}
}

// clear drops everything.
func (q *backlog) clear() { *q = backlog{} }
