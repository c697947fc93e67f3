package shm

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// A card says where a host is found, and whether a peer can be expected to find it: its kernel, its network namespace (in which
// the names of abstract sockets are known), its user, and the name of its socket.
type card struct {
	boot string
	net  string
	uid  int
	name string // hexadecimal; drawn, so that no other program can take it
}

const (
	cardVersion = "1"
	nameBytes   = 16
)

func (c card) String() string {
	return strings.Join([]string{cardVersion, c.boot, c.net, strconv.Itoa(c.uid), c.name}, ",")
}

// socket is the address of the card's socket: an abstract one, which leaves no file behind.
func (c card) socket() *net.UnixAddr {
	return &net.UnixAddr{Net: "unixpacket", Name: "@jia-" + c.name}
}

var errCard = errors.New("what it says about its shared memory cannot be read [run the same build on all hosts]")

func parseCard(s string) (c card, err error) {
	f := strings.Split(s, ",")
	if len(f) != 5 || f[0] != cardVersion || f[1] == "" || f[2] == "" {
		return card{}, errCard
	}
	c = card{boot: f[1], net: f[2], name: f[4]}
	if c.uid, err = strconv.Atoi(f[3]); err != nil || c.uid < 0 {
		return card{}, errCard
	}
	if b, err := hex.DecodeString(c.name); err != nil || len(b) != nameBytes {
		return card{}, errCard
	}
	return c, nil
}

// hereCard returns the card of this process, with a new name.
func hereCard() (c card, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return card{}, fmt.Errorf("tell this machine from others: %w", err)
	}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return card{}, fmt.Errorf("tell the network namespace: %w", err)
	}
	var name [nameBytes]byte
	rand.Read(name[:])
	c = card{boot: strings.TrimSpace(string(boot)), net: digits(ns), uid: os.Geteuid(), name: hex.EncodeToString(name[:])}
	return parseCard(c.String())
}

// digits returns the decimal digits of s: a namespace's link reads net:[4026531840].
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// why not: what keeps two hosts from sharing memory, as far as their cards tell. Both come to the same result.
func (c card) why(other card) error {
	switch {
	case c.boot != other.boot:
		return errors.New("it runs on another machine")
	case c.net != other.net:
		return errors.New("it runs in another network namespace [hosts in containers can share memory when they share the network namespace, too]")
	case c.uid != other.uid:
		return fmt.Errorf("it runs as user %d, this host as user %d", other.uid, c.uid)
	}
	return nil
}

// openDoor makes the socket at which this host is found, and its card.
func openDoor() (string, *net.UnixListener, error) {
	c, err := hereCard()
	if err != nil {
		return "", nil, err
	}
	l, err := net.ListenUnix("unixpacket", c.socket())
	if err != nil {
		return "", nil, err
	}
	return c.String(), l, nil
}

// Card returns what other hosts need to try this one, or in words why they cannot.
func (t *Transport) Card() (card, why string) { return t.card, t.noCard }
