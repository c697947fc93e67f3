//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// open joins c with a new queue pair of its peer, which reads from it what purpose says.
func (t *Transport) open(c *conn, what purpose, mailbox uint32) error {
	err := t.joinPair(c.peer, c.qp, what, mailbox)
	if err == nil {
		c.mu.Lock()
		c.left, c.owed = dataCredits, dataCredits
		err = c.grantLocked() // the other end sends nothing before
		c.mu.Unlock()
	}
	return err
}

// joinPair joins a queue pair with a new one of a peer.
func (t *Transport) joinPair(p *peer, qp *verbs.QP, what purpose, mailbox uint32) error {
	answer := make(chan invitation, 1)
	t.mu.Lock()
	t.token++
	ask := invitation{purpose: what, mailbox: mailbox, token: t.token, number: qp.Number, psn: rand.Uint32N(1 << 24)}
	t.asked[ask.token] = answer
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.asked, ask.token)
		t.mu.Unlock()
	}()
	err := t.invite(p, &ask)
	timer := time.NewTimer(openTime)
	defer timer.Stop()
	var got invitation
	if err == nil {
		select {
		case got = <-answer:
			err = got.status.err()
		case <-p.gone:
			err = *p.cause.Load()
		case <-t.stopped:
			err = net.ErrClosed
		case <-timer.C:
			err = fmt.Errorf("no answer within %v", openTime)
		}
	}
	if err == nil {
		err = qp.Connect(p.join.id, got.number, got.psn, ask.psn, p.join.reads)
	}
	if err != nil {
		return fmt.Errorf("join queue pairs with host %d (%v): %w", p.id, what, err)
	}
	return nil
}

// readsWith is how many RDMA READs both ends of a connection can do at once: a device that is sent more than it has given fails the queue pair.
func (t *Transport) readsWith(e *verbs.Event) int { return max(1, min(t.reads, e.ReadsAtOnce)) }

func (t *Transport) invite(p *peer, i *invitation) error {
	b := i.encode()
	if err := p.service.sendRaw(b[:]); err != nil {
		return t.broken(p, err)
	}
	return nil
}

// invited acts on an invitation of a peer, or its answer to ours. Loop's thread.
func (t *Transport) invited(p *peer, b []byte) error {
	var i invitation
	if err := i.decode(b); err != nil {
		return err
	}
	if i.purpose == 0 {
		t.mu.Lock()
		answer := t.asked[i.token]
		delete(t.asked, i.token) // nobody answers twice
		t.mu.Unlock()
		if answer != nil {
			answer <- i
		}
		return nil
	}
	reply := invitation{token: i.token, psn: rand.Uint32N(1 << 24)}
	qp, err := t.meet(p, &i)
	if err == nil {
		err = qp.Connect(p.join.id, i.number, i.psn, reply.psn, p.join.reads)
	}
	switch {
	case errors.Is(err, ErrTwice):
		reply.status = alreadyThere
	case err != nil:
		t.o.Log.Warnf("cannot make a queue pair for host %d: %v", p.id, err)
		reply.status = unable
	default:
		reply.number = qp.Number
	}
	return t.invite(p, &reply)
}

// meet makes our end of what a peer asks for. Loop's thread.
func (t *Transport) meet(p *peer, i *invitation) (*verbs.QP, error) {
	switch i.purpose {
	case forMailbox:
		if p.box(i.mailbox) != nil {
			return nil, ErrTwice
		}
		c, err := t.bankConn(p)
		if err != nil {
			return nil, err
		}
		c.asm = assembly{from: p.id, allowed: wire.Requests}
		p.boxMu.Lock()
		p.boxes[i.mailbox] = c
		p.boxMu.Unlock()
		return c.qp, nil
	case forLink:
		if p.linked {
			return nil, ErrTwice
		}
		l, err := t.newLink(p)
		if err != nil {
			return nil, err
		}
		p.linked = true
		p.parked <- l
		return l.c.qp, nil
	case forPages:
		return t.exports.lane(p, i.mailbox)
	default:
		if p.feeding {
			return nil, ErrTwice
		}
		p.feeding = true
		c, err := t.intake.conn(p)
		if err != nil {
			return nil, err
		}
		return c.qp, nil
	}
}
