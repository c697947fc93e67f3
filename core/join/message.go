package join

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"jiajia/core/conf"
	"jiajia/core/launch"
)

// Limits of the messages, in bytes.
const (
	maxText    = 1024 // a word or two: a version, a name
	maxAddress = 128
	maxLine    = 4096     // a failure's reason
	maxMessage = 16 << 10 // any message but the table
	maxPerHost = 2*maxAddress + 3
)

// maxTable is the longest message that a guest of a job of that size can get.
func maxTable(size int) int { return maxMessage + size*maxPerHost }

// A kind says what a message is for and which way it goes.
type kind string

const (
	// Guest to root.
	kindHello   kind = "hello"   // the first: who has come
	kindAddress kind = "address" // where its transport listens
	kindText    kind = "text"    // for all hosts: see Job.Gather
	kindLeaving kind = "leaving" // past jia_exit's barrier

	// Root to guest.
	kindWelcome kind = "welcome" // when all have come
	kindTable   kind = "table"   // everybody's address
	kindTexts   kind = "texts"   // texts of some hosts, in the order of the ranks

	// Both: to the root, that the job must end for this reason; to a guest, that it ends.
	kindFail kind = "fail"
)

// A message is one line of JSON. Only the fields that its kind names are set.
type message struct {
	Kind kind `json:"kind"`

	// hello
	Version  string `json:"version,omitempty"`  // of the library: the one field that no version may move
	Rank     int    `json:"rank,omitempty"`     // of the sender
	Size     int    `json:"size,omitempty"`     // hosts of the job, as the sender was told
	Machine  string `json:"machine,omitempty"`  // machineID
	Name     string `json:"name,omitempty"`     // of the machine, for messages
	Pid      int    `json:"pid,omitempty"`      // for messages
	Settings string `json:"settings,omitempty"` // those that all hosts must have in common
	Instance []byte `json:"instance,omitempty"` // tells processes apart

	// welcome
	Listen string `json:"listen,omitempty"` // IP address to listen on; empty: that by which the guest reaches the root
	Local  int    `json:"local,omitempty"`  // hosts on the guest's machine, itself included
	Nonce  []byte `json:"nonce,omitempty"`  // makes this job's secret another than that of any other

	Address   string   `json:"address,omitempty"`
	Addresses []string `json:"addresses,omitempty"` // table: one per host, by rank
	Text      string   `json:"text,omitempty"`      // text
	First     int      `json:"first,omitempty"`     // texts: the rank of the first
	Texts     []string `json:"texts,omitempty"`     // texts
	Line      string   `json:"line,omitempty"`      // fail: one line
	Lost      bool     `json:"lost,omitempty"`      // fail: it says how a host was lost
	Host      int      `json:"host,omitempty"`      // fail, if Lost: its rank, -1 if that is not known
}

// encode returns m as it is sent. Messages are built by this package, so it cannot fail.
func (m message) encode() []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // which would make text longer
	if err := encoder.Encode(m); err != nil {
		panic(fmt.Sprintf("join: encode %+v: %v", m, err))
	}
	return text.Bytes()
}

// decode reads one message. Every field that it returns is within its limits. Unknown fields are left out: they are those
// of other versions, which a hello must be able to admit to.
func decode(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("control message: %w", err)
	}
	if err := m.check(); err != nil {
		return message{}, fmt.Errorf("control message %.20q: %w", m.Kind, err)
	}
	return m, nil
}

func (m message) check() error {
	for _, text := range []string{m.Version, m.Machine, m.Name, m.Settings, m.Listen} {
		if len(text) > maxText || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("a text of %d bytes that is too long or not for printing", len(text))
		}
	}
	for _, address := range append([]string{m.Address}, m.Addresses...) {
		if len(address) > maxAddress || strings.ContainsFunc(address, unicode.IsControl) {
			return fmt.Errorf("an address of %d bytes that is too long or not for printing", len(address))
		}
	}
	if m.Rank < 0 || m.Size < 0 || m.Local < 0 || m.Pid < 0 || m.First < 0 {
		return errors.New("a negative number")
	}
	switch m.Kind {
	case kindLeaving:
	case kindHello:
		if m.Version == "" {
			return errors.New("no version")
		}
	case kindWelcome:
		if m.Local < 1 || m.Local > conf.MaxHosts || len(m.Nonce) != nonceSize {
			return fmt.Errorf("%d hosts, a nonce of %d bytes", m.Local, len(m.Nonce))
		}
	case kindAddress:
		if m.Address == "" {
			return errors.New("an empty address")
		}
	case kindTable:
		if n := len(m.Addresses); n < 2 || n > conf.MaxHosts {
			return fmt.Errorf("%d addresses", n)
		}
	case kindText:
		return launch.CheckGather(m.Text)
	case kindTexts:
		if n := len(m.Texts); n < 1 || n > conf.MaxHosts || m.First > conf.MaxHosts {
			return fmt.Errorf("%d texts from host %d on", n, m.First)
		}
		for _, text := range m.Texts {
			if err := launch.CheckGather(text); err != nil {
				return err
			}
		}
	case kindFail:
		if m.Host < -1 || m.Host >= conf.MaxHosts {
			return fmt.Errorf("the loss of host %d", m.Host)
		}
		if m.Line == "" || len(m.Line) > maxLine || strings.ContainsFunc(m.Line, unicode.IsControl) {
			return fmt.Errorf("not a line of 1 to %d bytes", maxLine)
		}
	default:
		return errors.New("unknown kind")
	}
	return nil
}

// receive reads one message, blocking; the reader's buffer bounds it.
func receive(from *bufio.Reader) (message, error) {
	line, err := from.ReadSlice('\n')
	if err != nil {
		return message{}, err
	}
	return decode(line)
}
