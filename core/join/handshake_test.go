package join

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// shake runs both sides of the handshake and returns their errors.
func shake(guestSecret, rootSecret []byte, change func([]byte) []byte) (guestErr, rootErr error) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer b.Close()
		var magic [magicSize]byte
		if _, err := io.ReadFull(b, magic[:]); err != nil {
			done <- err
			return
		}
		done <- greetGuest(b, magic, rootSecret)
	}()
	_ = a.SetDeadline(time.Now().Add(10 * time.Second))
	guestErr = greetRoot(changer{a, change}, guestSecret)
	_ = a.Close()
	return guestErr, <-done
}

// A changer alters what is read, as somebody in between would.
type changer struct {
	net.Conn
	change func([]byte) []byte
}

func (c changer) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.change != nil && n > 0 {
		copy(b, c.change(b[:n]))
	}
	return n, err
}

func TestHandshake(t *testing.T) {
	right, wrong := newSecret(), newSecret()
	if g, r := shake(right, right, nil); g != nil || r != nil {
		t.Errorf("the right secret: %v, %v", g, r)
	}
	if g, r := shake(wrong, right, nil); !errors.Is(g, errSecret) || r == nil {
		t.Errorf("another secret: %v, %v", g, r)
	}
	if g, _ := shake(right, right, func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) }); !errors.Is(g, errStranger) {
		t.Errorf("a stranger: %v", g)
	}
	if g, _ := shake(right, right, func(b []byte) []byte { b[magicSize]++; return b }); !errors.Is(g, errLayout) {
		t.Errorf("another version: %v", g)
	}
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	if g, _ := shake(right, right, flip); !errors.Is(g, errSecret) {
		t.Errorf("bytes that were changed: %v", g)
	}
}

func TestCredential(t *testing.T) {
	vouch := func() ([]byte, error) { return []byte("sealed"), nil }
	check := func(b []byte) ([]byte, error) {
		if string(b) != "sealed" {
			return nil, errors.New("not the credential")
		}
		return []byte("secret"), nil
	}
	a, b := net.Pipe()
	go func() {
		defer b.Close()
		_, _ = io.CopyN(io.Discard, b, magicSize)
		_ = answer(b, vouch)
	}()
	if secret, err := ask(a, check); err != nil || string(secret) != "secret" {
		t.Errorf("%q, %v", secret, err)
	}
	for _, text := range []string{"", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x09\x00\x00\x00cut"} {
		a, b := net.Pipe()
		go func() {
			defer b.Close()
			_, _ = io.CopyN(io.Discard, b, magicSize)
			_, _ = io.WriteString(b, text)
		}()
		if _, err := ask(a, check); err == nil {
			t.Errorf("%q was taken for a credential", text)
		}
	}
}
