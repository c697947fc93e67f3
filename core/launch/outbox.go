package launch

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An outbox sends bytes on a control connection without ever blocking: what the socket does not take is kept until there is
// room. Only what all hosts have said can be longer than a socket's buffer, and nobody is told the next before it has read the
// last; so a longer queue means that the other side does not read. Its methods belong to the loop's goroutine.
type outbox struct {
	loop *loop
	fd   int // the connection, non-blocking and watched by the loop
	held []byte
}

// send takes text, which must not change any more.
func (o *outbox) send(text []byte) error {
	if len(o.held) == 0 {
		var err error
		if text, err = o.try(text); err != nil || len(text) == 0 {
			return err
		}
		o.loop.whenRoom(o.fd, o.more)
	}
	if len(o.held)+len(text) > 2*maxMessage {
		return errors.New("it does not read what it is sent")
	}
	o.held = append(o.held, text...)
	return nil
}

// try writes what the socket takes and returns the rest. A receiver that is gone takes everything: it is found out by other
// means.
func (o *outbox) try(text []byte) ([]byte, error) {
	for len(text) > 0 {
		n, err := unix.SendmsgN(o.fd, text, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return text, nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("send: %w", err)
		default:
			text = text[n:]
		}
	}
	return nil, nil
}

// more is called when there is room again.
func (o *outbox) more() {
	rest, err := o.try(o.held)
	if err != nil {
		rest = nil // the connection's reader hears of it too
	}
	o.held = rest
	if len(rest) > 0 {
		o.loop.whenRoom(o.fd, o.more)
	}
}
