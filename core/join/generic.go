package join

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
)

// The variables of the generic form.
const (
	envRank   = "JIA_RANK"
	envSize   = "JIA_SIZE"
	envRoot   = "JIA_ROOT"
	envSecret = "JIA_SECRET_FILE"
)

// What the file of the secret may be, in bytes.
const (
	minSecretFile = 16
	maxSecretFile = 64 << 10
)

// agreed is the means of those to whom address and secret were given.
type agreed struct {
	address string // host:port of host 0, as all see it
	secret  []byte
	from    string // the variable that says so, for messages
}

// generic detects JIA_RANK and the others, which conf has checked already.
func generic(s conf.Settings, _ func(string) string) (*Launch, error) {
	if s.Size == 0 {
		return nil, nil
	}
	l := &Launch{Launcher: envRank, Rank: s.Rank, Size: s.Size}
	if s.Size == 1 {
		return l, nil
	}
	secret, err := secretFromFile(s.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("host %d: %w", s.Rank, err)
	}
	l.means = agreed{address: s.Root, secret: secret, from: envRoot}
	return l, nil
}

// secretFromFile derives the secret from the bytes of a file, which only its owner, and perhaps a group, may read.
func secretFromFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a named pipe without a writer would block
	if err != nil {
		return nil, fmt.Errorf("%s: %w: it must be a file that this process can read", envSecret, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envSecret, err)
	}
	const openToOthers = 0o027 // groups may read: container orchestrators mount secrets so
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, fmt.Errorf("%s: %s is no regular file", envSecret, path)
	case mode.Perm()&openToOthers != 0:
		return nil, fmt.Errorf("%s: %s has mode %#o, so others may read or change it: run chmod 600 on it, and make a new secret",
			envSecret, path, mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", envSecret, err)
	case len(text) < minSecretFile || len(text) > maxSecretFile:
		return nil, fmt.Errorf("%s: %s must have from %d to %d bytes: make it with head -c 32 /dev/urandom",
			envSecret, path, minSecretFile, maxSecretFile)
	}
	return derive(text, nil, "secret from a file"), nil
}

// derive makes secretSize bytes for one purpose.
func derive(secret, salt []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, "JIAJIA 3 "+purpose, secretSize)
	if err != nil {
		panic(err) // only for keys longer than 255 hashes
	}
	return key
}

func (a agreed) open(l *Launch, bind string) (*gate, error) {
	listener, err := listenAt(a.address, bind)
	if err != nil {
		return nil, fmt.Errorf("%w (%s): is another process of rank 0 running here, or another program at that port?", err, a.from)
	}
	return &gate{listener: listener, secret: a.secret, elsewhere: a.place()}, nil
}

func (a agreed) find(*Launch) (*place, error) {
	return &place{addresses: []string{a.address}, secret: a.secret, where: fmt.Sprintf("%s (%s)", a.address, a.from)}, nil
}

// place is where the others look for host 0.
func (a agreed) place() func() (*place, error) {
	return func() (*place, error) { return a.find(nil) }
}

func (agreed) abort() {}

// listenAt listens on the port of an address that others know: on bind if that is set, on loopback if the address is one
// of loopback by its very words, otherwise on all addresses of this machine, since a name may resolve to something else here
// than elsewhere.
func listenAt(address, bind string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ip, err := netip.ParseAddr(host)
	if bind == "" && (err == nil && ip.IsLoopback()) {
		bind = host
	}
	if bind == "" && host == "localhost" {
		bind = "127.0.0.1"
	}
	return listen(net.JoinHostPort(bind, port))
}

// listen is net.Listen with the limits of this package's connections.
func listen(address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return listener, nil
}
