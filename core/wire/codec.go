package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Sizes and limits. They are far above what the protocol needs and far below what would exhaust a machine.
const (
	HeaderSize = 64      // bytes
	Version    = 3       // of the header and of every payload
	MaxHosts   = 1 << 20 // hosts of a job
	MaxPage    = 2 << 20 // bytes of a coherence page
	MaxPages   = 1 << 34 // pages of a region: 64 TiB of the smallest
	MaxDiff    = 4 << 20 // payload bytes of a Diff
	MaxData    = 1 << 20 // payload bytes of a Data or Collect
	MaxMessage = 1 << 62 // bytes of a message of jia_send
	MaxList    = 1 << 30 // payload bytes of lists: notices, ranges, allocations
	MaxText    = 1 << 20 // payload bytes of a text

	maxAllocArgs = 1 << 20 // arguments of one allocation call

	magic       = 0x3341494a // "JIA3"
	noticeBytes = 32
	rangeBytes  = 24
)

// What a decoder may return, wrapped with the field and its value.
var (
	ErrMagic    = errors.New("not a JIAJIA 3 message")
	ErrVersion  = errors.New("message of another version")
	ErrField    = errors.New("message field out of bounds")
	ErrPayload  = errors.New("malformed payload")
	ErrTooShort = errors.New("message cut short")
)

// PayloadLen returns the payload bytes that encoding m will take. For a bulk payload, which travels beside the message, it
// is m.Length.
func PayloadLen(m *Message) uint64 {
	n := uint64(len(m.Notices))*noticeBytes + uint64(len(m.Ranges))*rangeBytes + uint64(len(m.Numbers))*8 + uint64(len(m.Text))
	if m.Type.Bulk() {
		n = m.Length
	}
	if m.Type == BarArrive && len(m.Allocs) > 0 {
		n += 8
		for i := range m.Allocs {
			n += 24 + 8*uint64(len(m.Allocs[i].Args))
		}
	}
	return n
}

// AppendHeader appends m's header and sets m.Length.
func AppendHeader(b []byte, m *Message) []byte {
	m.Length = PayloadLen(m)
	var h [HeaderSize]byte
	le := binary.LittleEndian
	le.PutUint32(h[0:], magic)
	h[4] = Version
	h[5] = byte(m.Type)
	le.PutUint16(h[6:], uint16(m.Kind))
	le.PutUint32(h[8:], uint32(m.From))
	le.PutUint32(h[12:], m.Port)
	le.PutUint32(h[16:], m.Reply)
	le.PutUint32(h[20:], uint32(m.Host))
	le.PutUint64(h[24:], m.Length)
	le.PutUint64(h[32:], m.Obj)
	le.PutUint64(h[40:], m.Version)
	le.PutUint64(h[48:], m.Epoch)
	le.PutUint64(h[56:], uint64(len(m.Ranges)))
	return append(b, h[:]...)
}

// Append appends the whole of m except a bulk payload, which the sender adds itself.
func Append(b []byte, m *Message) []byte {
	b = AppendHeader(b, m)
	le := binary.LittleEndian
	for i := range m.Notices {
		n := &m.Notices[i]
		b = le.AppendUint64(b, uint64(n.Page))
		b = le.AppendUint64(b, n.Count)
		b = le.AppendUint64(b, n.Version)
		b = le.AppendUint64(b, n.Epoch)
	}
	for i := range m.Ranges {
		r := &m.Ranges[i]
		b = le.AppendUint64(b, uint64(r.Page))
		b = le.AppendUint64(b, r.Count)
		b = le.AppendUint64(b, uint64(int64(r.Writer)))
	}
	for _, v := range m.Numbers {
		b = le.AppendUint64(b, v)
	}
	b = append(b, m.Text...)
	if m.Type == BarArrive && len(m.Allocs) > 0 {
		b = le.AppendUint64(b, uint64(len(m.Allocs)))
		for i := range m.Allocs {
			b = le.AppendUint64(b, m.Allocs[i].Call)
			b = le.AppendUint64(b, uint64(m.Allocs[i].At))
			b = le.AppendUint64(b, uint64(len(m.Allocs[i].Args)))
			for _, a := range m.Allocs[i].Args {
				b = le.AppendUint64(b, a)
			}
		}
	}
	return b
}

// DecodeHeader fills m from the first HeaderSize bytes of b and empties m's lists. It returns the number of ranges
// that the payload announces, which DecodePayload wants to know.
func DecodeHeader(b []byte, m *Message) (ranges uint64, err error) {
	if len(b) < HeaderSize {
		return 0, fmt.Errorf("header of %d bytes: %w", len(b), ErrTooShort)
	}
	le := binary.LittleEndian
	if v := le.Uint32(b); v != magic {
		return 0, fmt.Errorf("magic %#x: %w", v, ErrMagic)
	}
	if b[4] != Version {
		return 0, fmt.Errorf("version %d, not %d: %w", b[4], Version, ErrVersion)
	}
	*m = Message{
		Type:    Type(b[5]),
		Kind:    Kind(le.Uint16(b[6:])),
		From:    HostID(le.Uint32(b[8:])),
		Port:    le.Uint32(b[12:]),
		Reply:   le.Uint32(b[16:]),
		Host:    HostID(le.Uint32(b[20:])),
		Length:  le.Uint64(b[24:]),
		Obj:     le.Uint64(b[32:]),
		Version: le.Uint64(b[40:]),
		Epoch:   le.Uint64(b[48:]),
		Notices: m.Notices[:0],
		Ranges:  m.Ranges[:0],
		Allocs:  m.Allocs[:0],
		Numbers: m.Numbers[:0],
	}
	ranges = le.Uint64(b[56:])
	if err := check(m, ranges); err != nil {
		return 0, err
	}
	return ranges, nil
}

// mostHow bounds the Epoch of a message about a lock, which in some says how something is to be done.
func mostHow(t Type) uint64 {
	switch t {
	case LockReq, LockFwd:
		return 1
	case RWDone:
		return 2
	case RWAsk:
		return 3
	}
	return math.MaxUint64
}

// check holds every header field to its bounds.
func check(m *Message, ranges uint64) error {
	bad := func(field string, v any) error {
		return fmt.Errorf("%v: %s %v: %w", m.Type, field, v, ErrField)
	}
	if m.Type == 0 || m.Type > lastType {
		return bad("type", uint8(m.Type))
	}
	if m.Kind > lastKind {
		return bad("kind", uint16(m.Kind))
	}
	if m.From < 0 || m.From >= MaxHosts {
		return bad("sender", m.From)
	}
	if m.Host < 0 || m.Host >= MaxHosts {
		return bad("requester", m.Host)
	}
	if ranges*rangeBytes > MaxList || ranges > MaxList {
		return bad("range count", ranges)
	}
	var most uint64
	switch m.Type {
	case GetPage, Page:
		if m.Obj >= MaxPages {
			return bad("page", m.Obj)
		}
		if m.Type == Page {
			most = MaxWindow * MaxPage
		} else if m.Version < 1 || m.Version > MaxWindow {
			return bad("page count", m.Version)
		} else if m.Epoch < 1 || m.Epoch >= MaxPages {
			return bad("stride", m.Epoch)
		} else if m.Host > 1 {
			return bad("knowledge of homes", m.Host)
		} else if m.Epoch*(m.Version-1) >= MaxPages-m.Obj {
			return bad("last page", m.Obj+m.Epoch*(m.Version-1))
		}
	case Diff:
		most = MaxDiff
	case LockReq, LockFwd, LockGrant, CVSet, CVReset, CVWait, CVDone, LockBusy, RWAsk, RWGrant, RWDone:
		if m.Obj > math.MaxInt32 {
			return bad("id", m.Obj)
		}
		if m.Epoch > mostHow(m.Type) {
			return bad("way", m.Epoch)
		}
		if m.Type == LockGrant || m.Type == RWGrant || m.Type == RWDone {
			most = MaxList
		}
	case Atomic, AtomicDone:
		if m.Obj >= MaxPages*MaxPage {
			return bad("offset", m.Obj)
		}
	case BarArrive, BarRelease, Stats, PoolGive:
		most = MaxList
	case Data:
		if m.Version > MaxMessage {
			return bad("message size", m.Version)
		}
		if m.Epoch > math.MaxInt32 {
			return bad("tag", m.Epoch)
		}
		if (m.Length == 0) != (m.Version == 0) {
			return bad("payload length", m.Length)
		}
		most = min(MaxData, m.Version)
	case Collect:
		most = MaxData
	case CkptPlan, CkptPart, CkptResult:
		most = MaxText
	case Claim, Claimed, HomeIs:
		if m.Obj >= MaxPages {
			return bad("page", m.Obj)
		}
		if m.Type == Claimed && m.Version > 1 {
			return bad("sharing", m.Version)
		}
		if m.Type == HomeIs {
			most = MaxWindow * 8
			if m.Length == 0 {
				return bad("payload length", m.Length)
			}
		}
	}
	if m.Length > most {
		return bad("payload length", m.Length)
	}
	if ranges*rangeBytes > m.Length || ranges > 0 && m.Type != BarArrive && m.Type != BarRelease {
		return bad("range count", ranges)
	}
	return nil
}

// DecodePayload reads m's lists from p, which must hold exactly m.Length bytes. It may be called for any type; a bulk
// payload is left alone. Slices of m are reused.
func DecodePayload(m *Message, ranges uint64, p []byte) error {
	if uint64(len(p)) != m.Length {
		return fmt.Errorf("%v: %d payload bytes of %d: %w", m.Type, len(p), m.Length, ErrTooShort)
	}
	switch m.Type {
	case LockGrant, RWGrant, RWDone:
		return m.decodeNotices(p)
	case Stats, PoolGive:
		return m.decodeNumbers(p)
	case HomeIs:
		return m.decodeHomes(p)
	case CkptPlan, CkptPart, CkptResult:
		m.Text = string(p)
	case BarArrive:
		p, err := m.decodeRanges(p, ranges)
		if err != nil {
			return err
		}
		return m.decodeAllocs(p)
	case BarRelease:
		p, err := m.decodeRanges(p, ranges)
		if err == nil && len(p) != 0 {
			err = fmt.Errorf("%v: %d bytes left over: %w", m.Type, len(p), ErrPayload)
		}
		return err
	}
	return nil
}

func validSpan(page PageID, count uint64) bool {
	return count >= 1 && page < MaxPages && count <= MaxPages-uint64(page)
}

func (m *Message) decodeNotices(p []byte) error {
	if len(p)%noticeBytes != 0 {
		return fmt.Errorf("%v: %d bytes of notices: %w", m.Type, len(p), ErrPayload)
	}
	le := binary.LittleEndian
	for ; len(p) > 0; p = p[noticeBytes:] {
		n := Notice{PageID(le.Uint64(p)), le.Uint64(p[8:]), le.Uint64(p[16:]), le.Uint64(p[24:])}
		if !validSpan(n.Page, n.Count) || n.Version > m.Version {
			return fmt.Errorf("%v: notice %+v: %w", m.Type, n, ErrField)
		}
		m.Notices = append(m.Notices, n)
	}
	return nil
}

func (m *Message) decodeNumbers(p []byte) error {
	if len(p)%8 != 0 {
		return fmt.Errorf("%v: %d bytes of numbers: %w", m.Type, len(p), ErrPayload)
	}
	for ; len(p) > 0; p = p[8:] {
		m.Numbers = append(m.Numbers, binary.LittleEndian.Uint64(p))
	}
	return nil
}

func (m *Message) decodeHomes(p []byte) error {
	if err := m.decodeNumbers(p); err != nil {
		return err
	}
	for _, h := range m.Numbers {
		if h >= MaxHosts {
			return fmt.Errorf("%v: host %d: %w", m.Type, h, ErrField)
		}
	}
	return nil
}

func (m *Message) decodeRanges(p []byte, ranges uint64) ([]byte, error) {
	if uint64(len(p)) < ranges*rangeBytes {
		return nil, fmt.Errorf("%v: %d ranges in %d bytes: %w", m.Type, ranges, len(p), ErrPayload)
	}
	le := binary.LittleEndian
	var end PageID // one past the last range: they are sorted and apart
	for ; ranges > 0; ranges-- {
		w := int64(le.Uint64(p[16:]))
		r := Range{PageID(le.Uint64(p)), le.Uint64(p[8:]), HostID(w)}
		if !validSpan(r.Page, r.Count) || r.Page < end || w < int64(Many) || w >= MaxHosts {
			return nil, fmt.Errorf("%v: range %+v: %w", m.Type, r, ErrField)
		}
		end = r.Page + PageID(r.Count)
		m.Ranges = append(m.Ranges, r)
		p = p[rangeBytes:]
	}
	return p, nil
}

func (m *Message) decodeAllocs(p []byte) error {
	le := binary.LittleEndian
	if len(p) == 0 {
		return nil // as in most barriers, whose arrival is a header alone
	}
	if len(p) < 8 {
		return fmt.Errorf("%v: no allocation count: %w", m.Type, ErrPayload)
	}
	n := le.Uint64(p)
	p = p[8:]
	for ; n > 0; n-- {
		if len(p) < 24 {
			return fmt.Errorf("%v: %d allocations missing: %w", m.Type, n, ErrPayload)
		}
		a := Alloc{Call: le.Uint64(p), At: PageID(le.Uint64(p[8:]))}
		args := le.Uint64(p[16:])
		p = p[24:]
		if args > maxAllocArgs || args*8 > uint64(len(p)) {
			return fmt.Errorf("%v: %d allocation arguments: %w", m.Type, args, ErrPayload)
		}
		if a.At > MaxPages {
			return fmt.Errorf("%v: allocation at page %d: %w", m.Type, a.At, ErrField)
		}
		for i := uint64(0); i < args; i++ {
			a.Args = append(a.Args, le.Uint64(p[8*i:]))
		}
		p = p[8*args:]
		m.Allocs = append(m.Allocs, a)
	}
	if len(p) != 0 {
		return fmt.Errorf("%v: %d bytes left over: %w", m.Type, len(p), ErrPayload)
	}
	return nil
}
