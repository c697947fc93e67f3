package epoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	retryFirst = time.Millisecond
	retryMost  = 100 * time.Millisecond
)

// dial connects to p and proves who we are; the result is owned by Close. It tries again while p is too busy for us, until
// the deadline.
func (t *Transport) dial(p *peer, what purpose, mailbox uint32, deadline time.Time) (int, error) {
	fd, err := t.tryDial(p, what, mailbox, deadline)
	for pause := retryFirst; retry(err); pause = min(2*pause, retryMost) {
		until := time.Now().Add(pause)
		if until.After(deadline) {
			break
		}
		if p.lost() {
			err = *p.cause.Load()
			break
		}
		if stop := await(-1, 0, t.stopfd, until); stop != os.ErrDeadlineExceeded {
			err = stop
			break
		}
		fd, err = t.tryDial(p, what, mailbox, deadline)
	}
	if err == nil {
		err = t.own(p, fd, what)
	}
	if err == nil {
		t.o.Log.Debugf("connected to host %d at %s, %v", p.id, p.addr, what)
		return fd, nil
	}
	return -1, fmt.Errorf("connect host %d to host %d at %s (%v): %w", t.o.Self, p.id, p.addr, what, t.explainDial(err))
}

// explainDial adds what the user can do about a failed attempt.
func (t *Transport) explainDial(err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("%w [is the name right? see: getent hosts %s]", err, dns.Name)
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("nobody listens there: %w [did that host end early? is the address right? does a firewall refuse the port?]", err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.ETIMEDOUT):
		return fmt.Errorf("no answer within %v: %w [is that host running? does a firewall drop packets? "+
			"TCP must be open between the hosts' machines]", t.dialTimeout, err)
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return fmt.Errorf("no way there from this machine: %w [is that machine up? is the address right? "+
			"see: ip route get ADDRESS; a firewall may say so, too]", err)
	}
	return explain(err)
}

// retry tells whether a failed attempt may fare better a moment later: a host that has too many handshakes going at once
// says so, or resets the connection. That nobody listens is no such case: hosts listen before their addresses are known.
func retry(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, errBusy)
}

func (t *Transport) tryDial(p *peer, what purpose, mailbox uint32, deadline time.Time) (int, error) {
	sa, family, err := resolve("tcp", p.addr, t.zone)
	if err != nil {
		return -1, err
	}
	fd, err := connect(t.open, sa, family, t.stopfd, deadline)
	if err != nil {
		return -1, err
	}
	if err = t.tune(fd, what); err == nil {
		err = t.introduce(fd, p, what, mailbox, deadline)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// introduce does the connector's side of the handshake.
func (t *Transport) introduce(fd int, p *peer, what purpose, mailbox uint32, deadline time.Time) error {
	h := hello{
		version: protocolVersion, purpose: what, from: t.o.Self, to: p.id, mailbox: mailbox,
		hosts: uint32(len(t.peers)), pageSize: uint32(t.o.PageSize),
	}
	hb := h.encode()
	if err := writeFull(fd, hb[:], t.stopfd, deadline); err != nil {
		return err
	}
	var c [challengeSize]byte
	if err := readHandshake(fd, c[:], t.stopfd, deadline); err != nil {
		return err
	}
	if err := readChallenge(&c, p.id); err != nil {
		return err
	}
	if err := writeFull(fd, proof(t.o.Secret, &hb, &c), t.stopfd, deadline); err != nil {
		return err
	}
	var v [verdictSize]byte
	if err := readHandshake(fd, v[:], t.stopfd, deadline); err != nil {
		return err
	}
	return readVerdict(&v, t.o.Secret, &hb, &c)
}

// readHandshake reads one message of the acceptor. A wrong beginning is found out at once, and the end of the stream
// is no way for a JIAJIA host to answer.
func readHandshake(fd int, b []byte, stop int, deadline time.Time) error {
	err := readFull(fd, b[:len(challengeMagic)], stop, deadline)
	if err == nil {
		if string(b[:len(challengeMagic)]) != challengeMagic {
			return ErrStranger
		}
		err = readFull(fd, b[len(challengeMagic):], stop, deadline)
	}
	if err == errHungUp {
		return fmt.Errorf("%w: %w", err, ErrStranger)
	}
	return err
}
