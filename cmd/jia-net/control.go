package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The two ends talk in lines of JSON, after each has proved that it knows the token. Every measurement has connections of its
// own, which begin with the session's key.

const (
	handshakeLimit = 5 * time.Second
	idleLimit      = 2 * time.Minute // between two words of the other end
	maxLine        = 64 << 10
	keySize        = 32
)

// A request asks the serving end to listen at one of its addresses.
type request struct {
	Listen string `json:"listen"`
}

// An offer is its answer: where it listens now, or why it does not.
type offer struct {
	TCP     string `json:"tcp,omitempty"`  // address and port
	RDMA    int    `json:"rdma,omitempty"` // port of the connection manager
	Device  string `json:"device,omitempty"`
	Error   string `json:"error,omitempty"`    // nothing works
	NotRDMA string `json:"not_rdma,omitempty"` // why RDMA does not
}

// A greeting is the first thing that the serving end says.
type greeting struct {
	Addresses []nic `json:"addresses"`
}

// A wire is a control connection.
type wire struct {
	conn  net.Conn
	input *bufio.Reader
	key   []byte // of the session
}

var errToken = errors.New("the other end does not know the token: set " + tokenVariable + " to what jia-net serve has printed")

// shake is the handshake, the same from both ends: nonces, then proofs. A proof covers both nonces and the side, so that nobody
// can send one back.
func shake(conn net.Conn, token string, serving bool) (*wire, error) {
	_ = conn.SetDeadline(time.Now().Add(handshakeLimit))
	mine, theirs := make([]byte, sha256.Size), make([]byte, sha256.Size)
	rand.Read(mine)
	if _, err := conn.Write(mine); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if _, err := io.ReadFull(conn, theirs); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	server, client := mine, theirs
	if !serving {
		server, client = theirs, mine
	}
	proof := func(what string) []byte {
		h := hmac.New(sha256.New, []byte(token))
		h.Write([]byte("jia-net 1 " + what))
		h.Write(server)
		h.Write(client)
		return h.Sum(nil)
	}
	own, other := "client", "server"
	if serving {
		own, other = other, own
	}
	if _, err := conn.Write(proof(own)); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(conn, got); err != nil {
		return nil, fmt.Errorf("handshake: %w [%v]", err, errToken)
	}
	if !hmac.Equal(got, proof(other)) {
		return nil, errToken
	}
	return &wire{conn: conn, input: bufio.NewReaderSize(conn, maxLine), key: proof("session")[:keySize]}, nil
}

func (w *wire) send(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(handshakeLimit))
	_, err = w.conn.Write(append(text, '\n'))
	return err
}

func (w *wire) receive(v any) error {
	_ = w.conn.SetReadDeadline(time.Now().Add(idleLimit))
	line, err := w.input.ReadSlice('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}
