package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"jiajia/core/conf"
)

// protocolVersion is that of the control messages, of the frames and of the supervisor's descriptors. Both ends run the same
// binary unless it was replaced on disk in the moment of the start, or another machine has another version of a shared library;
// then the versions differ and the start is refused.
const protocolVersion = 4

// Limits of the control messages, in bytes unless said otherwise.
const (
	maxHosts   = conf.MaxHosts
	maxAddress = 256
	maxCause   = 4096 // a failure's line as a host may send it
	secretSize = 32
	// The table of addresses is the longest message: each address quoted, every byte of it perhaps escaped.
	maxMessage = 64<<10 + maxHosts*(6*maxAddress+3)
)

// A kind says what a control message is for and which way it goes.
type kind string

const (
	// Host to supervisor.
	kindStart   kind = "start"   // host 0's first: what to run and how
	kindAddress kind = "address" // where this host listens
	kindText    kind = "text"    // for all hosts: see Job.Gather
	kindFail    kind = "fail"    // the job must end, for this reason
	kindLeaving kind = "leaving" // past jia_exit's barrier
	kindFinish  kind = "finish"  // host 0 has nothing more to write

	// Supervisor to host.
	kindWelcome kind = "welcome" // every host's first
	kindRefused kind = "refused" // to host 0 instead of a welcome: the job could not be started
	kindTable   kind = "table"   // everybody's address
	kindTexts   kind = "texts"   // everybody's text
	kindMissing kind = "missing" // these hosts have not sent theirs in time
	kindAbort   kind = "abort"   // end at once
	kindDrained kind = "drained" // the answer to finish: all other hosts are gone and all output is written
)

// A message is one line of JSON on a control connection. Only the fields that its kind names are set.
type message struct {
	Kind      kind     `json:"kind"`
	Version   int      `json:"version,omitempty"`   // start, welcome: protocolVersion
	Size      int      `json:"size,omitempty"`      // start, welcome: hosts of the job, 1 to maxHosts
	Pid       int      `json:"pid,omitempty"`       // start: of host 0; welcome: of the supervisor
	Pidfd     bool     `json:"pidfd,omitempty"`     // start: descriptor fdPid is one
	Prompt    bool     `json:"prompt,omitempty"`    // start: somebody may be waiting for host 0's unfinished lines
	Plan      *plan    `json:"plan,omitempty"`      // start: which host runs where
	Rank      int      `json:"rank,omitempty"`      // welcome: of the receiver
	Secret    []byte   `json:"secret,omitempty"`    // welcome: the job's, secretSize bytes
	Terminal  bool     `json:"terminal,omitempty"`  // welcome: the real standard output is a terminal
	Local     int      `json:"local,omitempty"`     // welcome: hosts on the receiver's machine, 1 to Size
	Listen    string   `json:"listen,omitempty"`    // welcome: the IP address to listen on
	Address   string   `json:"address,omitempty"`   // address: 1 to maxAddress bytes
	Addresses []string `json:"addresses,omitempty"` // table: one per host, by rank
	Text      string   `json:"text,omitempty"`      // text: 1 to MaxGather bytes
	Texts     []string `json:"texts,omitempty"`     // texts: one per host, by rank
	Missing   []int    `json:"missing,omitempty"`   // missing: ranks
	Line      string   `json:"line,omitempty"`      // fail, refused: 1 to maxCause bytes, one line; abort: that or none
	Kept      bool     `json:"kept,omitempty"`      // start: descriptor fdKeeper leads to a keeper; refused: the keeper says why
	Lost      bool     `json:"lost,omitempty"`      // fail, abort: Line says how a host was lost
	Host      int      `json:"host,omitempty"`      // fail, abort, if Lost: its rank, -1 if that is not known
}

// encode returns m as it is sent, with its newline. Messages are built by this package, so it cannot fail.
func (m message) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("launch: encode %+v: %v", m, err))
	}
	return append(text, '\n')
}

// decode reads one message, without its newline. Every field it returns is within its limits.
func decode(line []byte) (message, error) {
	if len(line) > maxMessage {
		return message{}, fmt.Errorf("control message of %d bytes, at most %d are allowed", len(line), maxMessage)
	}
	var m message
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return message{}, fmt.Errorf("control message: %w", err)
	}
	if decoder.More() {
		return message{}, errors.New("control message: more than one on a line")
	}
	if err := m.check(); err != nil {
		return message{}, fmt.Errorf("control message %.20q: %w", m.Kind, err)
	}
	return m, nil
}

// check reports the first field that is missing or out of its limits.
func (m message) check() error {
	switch m.Kind {
	case kindLeaving, kindFinish, kindDrained:
		return nil
	case kindAbort:
		return m.checkLoss()
	case kindStart, kindWelcome:
		return m.checkGreeting()
	case kindAddress:
		return checkAddress(m.Address)
	case kindFail, kindRefused:
		if m.Line == "" || len(m.Line) > maxCause || m.Line != OneLine(m.Line) {
			return fmt.Errorf("not a line of 1 to %d bytes", maxCause)
		}
		return m.checkLoss()
	case kindTable:
		if n := len(m.Addresses); n < 1 || n > maxHosts {
			return fmt.Errorf("%d addresses", n)
		}
		for rank, address := range m.Addresses {
			if err := checkAddress(address); err != nil {
				return fmt.Errorf("host %d: %w", rank, err)
			}
		}
		return nil
	case kindText:
		return CheckGather(m.Text)
	case kindTexts:
		if n := len(m.Texts); n < 1 || n > maxHosts {
			return fmt.Errorf("%d texts", n)
		}
		for rank, text := range m.Texts {
			if err := CheckGather(text); err != nil {
				return fmt.Errorf("host %d: %w", rank, err)
			}
		}
		return nil
	case kindMissing:
		if n := len(m.Missing); n < 1 || n > maxHosts {
			return fmt.Errorf("%d hosts", n)
		}
		for _, rank := range m.Missing {
			if rank < 0 || rank >= maxHosts {
				return fmt.Errorf("host %d", rank)
			}
		}
		return nil
	}
	return errors.New("unknown kind")
}

func (m message) checkGreeting() error {
	switch {
	case m.Version != protocolVersion:
		return fmt.Errorf("version %d where %d is spoken: was the program replaced while it started?", m.Version, protocolVersion)
	case m.Size < 1 || m.Size > maxHosts:
		return fmt.Errorf("%d hosts", m.Size)
	case m.Pid < 1:
		return fmt.Errorf("process id %d", m.Pid)
	case m.Rank < 0 || m.Rank >= m.Size:
		return fmt.Errorf("host %d of %d", m.Rank, m.Size)
	case m.Kind == kindStart:
		return m.checkPlan()
	case len(m.Secret) != secretSize:
		return fmt.Errorf("a secret of %d bytes", len(m.Secret))
	case m.Local < 1 || m.Local > m.Size:
		return fmt.Errorf("%d hosts of %d on one machine", m.Local, m.Size)
	}
	if _, err := netip.ParseAddr(m.Listen); err != nil {
		return fmt.Errorf("the address to listen on: %w", err)
	}
	return nil
}

func (m message) checkLoss() error {
	if m.Host < -1 || m.Host >= maxHosts || len(m.Line) > maxCause || m.Line != OneLine(m.Line) {
		return fmt.Errorf("the loss of host %d for a reason of %d bytes", m.Host, len(m.Line))
	}
	return nil
}

func (m message) checkPlan() error {
	switch {
	case m.Plan == nil:
		return errors.New("no plan")
	case m.Plan.size() != m.Size:
		return fmt.Errorf("a plan for %d hosts of %d", m.Plan.size(), m.Size)
	}
	return m.Plan.check()
}

func checkAddress(address string) error {
	if address == "" || len(address) > maxAddress {
		return fmt.Errorf("an address of %d bytes", len(address))
	}
	return nil
}

// OneLine makes text fit for one line of the terminal: at most maxCause bytes of valid UTF-8 without control
// characters.
func OneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), "?"))
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "")
	}
	return text
}

// A lineBuffer cuts what arrives on a control connection into messages.
type lineBuffer struct {
	held    []byte
	scanned int // so many bytes at the front of held are known to hold no newline
}

// add appends bytes as they arrived. The error says that the sender has exceeded the longest message.
func (b *lineBuffer) add(data []byte) error {
	b.held = append(b.held, data...)
	if len(b.held) > maxMessage && bytes.IndexByte(b.held[b.scanned:], '\n') < 0 {
		return fmt.Errorf("control message of more than %d bytes", maxMessage)
	}
	return nil
}

// next returns the next complete line without its newline, nil when there is none. It is valid until the next add.
func (b *lineBuffer) next() []byte {
	end := bytes.IndexByte(b.held[b.scanned:], '\n')
	if end < 0 {
		b.scanned = len(b.held)
		return nil
	}
	end += b.scanned
	line := b.held[:end:end]
	b.held, b.scanned = b.held[end+1:], 0
	return line
}
