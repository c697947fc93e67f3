package join

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A guest and the root prove to each other that they know the secret:
//
//	guest -> root   greeting  magic, version, nonce
//	root  -> guest  greeting  magic, version, nonce
//	guest -> root   proof     MAC over both greetings
//	root  -> guest  verdict   status, MAC over both greetings and the status
//
// All have fixed sizes, and the root's MAC comes last, so a stranger learns nothing that depends on the secret. The MACs
// are labelled by direction and cover both nonces: none can be replayed or reflected.
//
// Under Slurm alone a guest does not know the secret yet. It sends a question first, and gets a credential: a length of
// four bytes, and as many bytes that only its own user can take apart.
const (
	secretSize   = 32
	nonceSize    = 32
	magicSize    = 8
	greetingSize = magicSize + 4 + nonceSize
	verdictSize  = 4 + sha256.Size

	guestMagic    = "JIA3gues"
	rootMagic     = "JIA3root"
	questionMagic = "JIA3ask?"

	// handshakeVersion changes with this file's layout. The library's version is compared later, under the protection of the secret.
	handshakeVersion = 1

	maxCredential = 16 << 10
)

// What the verdict says.
const (
	welcomeIn   uint32 = iota
	wrongSecret        // the guest's proof is not right
	wrongLayout        // the guest has another handshakeVersion
)

var (
	errStranger = errors.New("whoever listens there is no host of a JIAJIA job")
	errSecret   = errors.New("host 0 there has another secret: it belongs to another job, or was given another secret")
	errLayout   = errors.New("host 0 there has a version of the library that this one cannot talk to: run the same version on all hosts")
)

func newSecret() []byte {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	return secret
}

type greeting [greetingSize]byte

func newGreeting(magic string) (g greeting) {
	copy(g[:], magic)
	binary.LittleEndian.PutUint32(g[magicSize:], handshakeVersion)
	rand.Read(g[greetingSize-nonceSize:])
	return g
}

func (g *greeting) version() uint32 { return binary.LittleEndian.Uint32(g[magicSize:]) }

// prove is a MAC of one end.
func prove(secret []byte, label string, guest, root *greeting, status uint32) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(label))
	mac.Write(guest[:])
	mac.Write(root[:])
	mac.Write(binary.LittleEndian.AppendUint32(nil, status))
	return mac.Sum(nil)
}

const (
	guestLabel = "JIAJIA guest"
	rootLabel  = "JIAJIA root"
)

// greetRoot is the guest's side.
func greetRoot(conn io.ReadWriter, secret []byte) error {
	mine, theirs := newGreeting(guestMagic), greeting{}
	if _, err := conn.Write(mine[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, theirs[:]); err != nil {
		return err
	}
	if string(theirs[:magicSize]) != rootMagic {
		return errStranger
	}
	if theirs.version() != handshakeVersion {
		return errLayout
	}
	if _, err := conn.Write(prove(secret, guestLabel, &mine, &theirs, 0)); err != nil {
		return err
	}
	var verdict [verdictSize]byte
	if _, err := io.ReadFull(conn, verdict[:]); err != nil {
		return err
	}
	status := binary.LittleEndian.Uint32(verdict[:])
	switch {
	case status == wrongLayout:
		return errLayout
	case status != welcomeIn, // whoever can forge a refusal can also cut the connection
		!hmac.Equal(verdict[4:], prove(secret, rootLabel, &mine, &theirs, status)):
		return errSecret
	}
	return nil
}

// greetGuest is the root's side; magic is what has been read already. The error says what the guest did wrong.
func greetGuest(conn io.ReadWriter, magic [magicSize]byte, secret []byte) error {
	var theirs greeting
	copy(theirs[:], magic[:])
	if string(magic[:]) != guestMagic {
		return errors.New("it does not talk like a host")
	}
	if _, err := io.ReadFull(conn, theirs[magicSize:]); err != nil {
		return fmt.Errorf("it did not say enough: %w", err)
	}
	mine := newGreeting(rootMagic)
	if _, err := conn.Write(mine[:]); err != nil {
		return err
	}
	if theirs.version() != handshakeVersion {
		_, _ = conn.Write(verdict(wrongLayout, nil))
		return fmt.Errorf("it has version %d of the handshake, not %d", theirs.version(), handshakeVersion)
	}
	var proof [sha256.Size]byte
	if _, err := io.ReadFull(conn, proof[:]); err != nil {
		return fmt.Errorf("it did not prove to know the secret: %w", err)
	}
	if !hmac.Equal(proof[:], prove(secret, guestLabel, &theirs, &mine, 0)) {
		_, _ = conn.Write(verdict(wrongSecret, nil)) // for a host's line; a stranger knows it anyway
		return errors.New("it does not know the secret")
	}
	_, err := conn.Write(verdict(welcomeIn, prove(secret, rootLabel, &theirs, &mine, welcomeIn)))
	return err
}

func verdict(status uint32, mac []byte) []byte {
	v := make([]byte, verdictSize)
	binary.LittleEndian.PutUint32(v, status)
	copy(v[4:], mac)
	return v
}

// ask gets the secret from the root in a credential.
func ask(conn io.ReadWriter, check func([]byte) ([]byte, error)) ([]byte, error) {
	if _, err := conn.Write([]byte(questionMagic)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n == 0 || n > maxCredential {
		return nil, errStranger
	}
	credential := make([]byte, n)
	if _, err := io.ReadFull(conn, credential); err != nil {
		return nil, err
	}
	return check(credential)
}

// answer is the root's side of ask.
func answer(conn io.Writer, vouch func() ([]byte, error)) error {
	credential, err := vouch()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(credential))), credential...))
	return err
}
