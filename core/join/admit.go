package join

import (
	"bufio"
	"bytes"
	"fmt"
	"time"
)

// admit makes a guest part of the job. The connection proved to know the secret, so what is wrong with it is the user's
// mistake, and worth ending the job that has not begun yet.
func (r *root) admit(g *joined) bool {
	if bytes.Equal(g.hello.Instance, r.instance) {
		return false // contest has found ourselves
	}
	line := r.objection(g)
	r.mu.Lock()
	begun := r.welcomed
	over := r.failing
	var other *joined
	if line == "" && !over {
		if other = r.guests[g.hello.Rank]; other == nil {
			r.guests[g.hello.Rank] = g
			r.missing--
			r.gone.Add(1)
			if r.missing == 0 {
				r.welcomed = true
				close(r.complete)
			}
		}
	}
	r.mu.Unlock()
	if other != nil {
		line = fmt.Sprintf("two hosts claim rank %d, pid %d on %s and pid %d on %s: give each process a rank of its own",
			g.hello.Rank, other.hello.Pid, other.hello.Name, g.hello.Pid, g.hello.Name)
	}
	if over { // a line is on its way to the user already
		r.send(g, message{Kind: kindFail, Line: "host 0: the job has failed"})
		return false
	}
	if line == "" {
		return true
	}
	if begun {
		r.config.Warn("refused a late host: " + line)
	} else {
		r.accuse("host 0: " + line)
	}
	r.send(g, message{Kind: kindFail, Line: line})
	return false
}

// objection says what is wrong with a guest by itself, "" for nothing.
func (r *root) objection(g *joined) string {
	h, mine := g.hello, r.self
	who := fmt.Sprintf("host %d (pid %d on %s)", h.Rank, h.Pid, h.Name)
	switch {
	case h.Kind != kindHello:
		return fmt.Sprintf("a host began with a %q: run the same version of the library on all hosts", h.Kind)
	case h.Version != mine.Version:
		return fmt.Sprintf("%s has version %s of the library, but host 0 has %s: run the same build on all hosts", who, h.Version, mine.Version)
	case h.Size != mine.Size:
		return fmt.Sprintf("%s was told of %d hosts, but host 0 (pid %d on %s) of %d: give all the same number", who, h.Size,
			mine.Pid, mine.Name, mine.Size)
	case h.Rank == 0:
		return fmt.Sprintf("two hosts claim rank 0, pid %d on %s and pid %d on %s: give each process a rank of its own",
			mine.Pid, mine.Name, h.Pid, h.Name)
	case h.Rank >= mine.Size:
		return fmt.Sprintf("%s is beyond the %d hosts of the job: ranks go from 0 to %d", who, mine.Size, mine.Size-1)
	case h.Settings != mine.Settings:
		return fmt.Sprintf("%s has %s, but host 0 has %s: give all hosts the same settings", who, h.Settings, mine.Settings)
	}
	return ""
}

// contest looks for another host 0 where the others will look for this one, and claims its rank: one of the two is wrong, and the
// other will say so. Usually it finds nobody, or ourselves.
func (r *root) contest(find func() (*place, error)) {
	at, err := find()
	if err != nil {
		return
	}
	at.handshake = r.config.world.handshake
	conn, _, err := at.tryAll()
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(r.config.world.handshake))
	if _, err := conn.Write(r.self.encode()); err != nil {
		return
	}
	if m, err := receive(bufio.NewReaderSize(conn, maxMessage)); err == nil && m.Kind == kindFail {
		r.accuse("host 0: " + m.Line)
	}
}

// absent lists the ranks that have not come.
func (r *root) absent() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ranks []int
	for rank, g := range r.guests {
		if g == nil && rank > 0 {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}
