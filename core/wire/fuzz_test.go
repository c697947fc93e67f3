package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// FuzzDecode: any bytes lead to an error or to a message that encodes to exactly those bytes.
func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		f.Add(Append(nil, &m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		size := HeaderSize
		if !m.Type.Bulk() {
			size += int(m.Length)
		}
		again := Append(nil, m)
		if !bytes.Equal(again, b[:size]) {
			t.Fatalf("%x decodes to\n%+v, which encodes to\n%x", b[:size], m, again)
		}
	})
}

// TestRoundTrip: decoding what was encoded gives the same message, for random valid messages.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawMessage(t)
		b := Append(nil, want)
		if PayloadLen(want) != want.Length {
			t.Fatalf("length %d, announced %d", want.Length, PayloadLen(want))
		}
		got, err := decode(b)
		if err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-sent +received:\n%s", diff)
		}
	})
}

func drawMessage(t *rapid.T) *Message {
	m := &Message{
		Type:    Type(rapid.IntRange(1, int(lastType)).Draw(t, "type")),
		Kind:    Kind(rapid.IntRange(0, int(lastKind)).Draw(t, "kind")),
		From:    HostID(rapid.IntRange(0, MaxHosts-1).Draw(t, "from")),
		Port:    rapid.Uint32().Draw(t, "port"),
		Reply:   rapid.Uint32().Draw(t, "reply"),
		Host:    HostID(rapid.IntRange(0, MaxHosts-1).Draw(t, "host")),
		Obj:     rapid.Uint64Range(0, 1<<31-1).Draw(t, "obj"),
		Version: rapid.Uint64().Draw(t, "version"),
		Epoch:   rapid.Uint64().Draw(t, "epoch"),
	}
	switch m.Type {
	case GetPage:
		m.Version = rapid.Uint64Range(1, MaxWindow).Draw(t, "pages")
		m.Epoch = rapid.Uint64Range(1, 1<<20).Draw(t, "stride")
		m.Host = HostID(rapid.IntRange(0, 1).Draw(t, "undecided"))
	case Page:
		m.Length = rapid.Uint64Range(0, MaxWindow*MaxPage).Draw(t, "length")
	case Diff:
		m.Length = rapid.Uint64Range(0, MaxDiff).Draw(t, "length")
	case Data:
		m.Epoch = rapid.Uint64Range(0, 1<<31-1).Draw(t, "tag")
		if m.Version = rapid.Uint64Range(0, MaxMessage).Draw(t, "size"); m.Version > 0 {
			m.Length = rapid.Uint64Range(1, min(MaxData, m.Version)).Draw(t, "length")
		}
	case LockReq, LockFwd, RWAsk:
		m.Epoch = rapid.Uint64Range(0, mostHow(m.Type)).Draw(t, "how")
	case Collect:
		m.Length = rapid.Uint64Range(0, MaxData).Draw(t, "length")
	case LockGrant, RWGrant, RWDone:
		if m.Type == RWDone {
			m.Epoch = rapid.Uint64Range(0, mostHow(m.Type)).Draw(t, "how")
		}
		for range rapid.IntRange(0, 20).Draw(t, "notices") {
			page, count := drawSpan(t, 0)
			m.Notices = append(m.Notices, Notice{page, count, rapid.Uint64Range(0, m.Version).Draw(t, "version"), rapid.Uint64().Draw(t, "epoch")})
		}
	case CkptPlan, CkptPart, CkptResult:
		m.Text = rapid.String().Draw(t, "text")
	case Claimed:
		m.Version = rapid.Uint64Range(0, 1).Draw(t, "shared")
	case HomeIs:
		m.Numbers = rapid.SliceOfN(rapid.Uint64Range(0, MaxHosts-1), 1, MaxWindow).Draw(t, "homes")
	case Stats, PoolGive:
		m.Numbers = rapid.SliceOfN(rapid.Uint64(), 0, 99).Draw(t, "numbers")
	case BarArrive, BarRelease:
		var end PageID
		for range rapid.IntRange(0, 20).Draw(t, "ranges") {
			if end >= MaxPages {
				break
			}
			page, count := drawSpan(t, end)
			m.Ranges = append(m.Ranges, Range{page, count, HostID(rapid.IntRange(-1, MaxHosts-1).Draw(t, "writer"))})
			end = page + PageID(count)
		}
	}
	if m.Type == BarArrive {
		for range rapid.IntRange(0, 5).Draw(t, "allocs") {
			m.Allocs = append(m.Allocs, Alloc{rapid.Uint64().Draw(t, "call"), rapid.SliceOfN(rapid.Uint64(), 0, 9).Draw(t, "args"),
				PageID(rapid.Uint64Range(0, MaxPages).Draw(t, "at"))})
		}
	}
	return m
}

// drawSpan draws a run of pages from the given one on.
func drawSpan(t *rapid.T, from PageID) (PageID, uint64) {
	page := rapid.Uint64Range(uint64(from), MaxPages-1).Draw(t, "page")
	return PageID(page), rapid.Uint64Range(1, MaxPages-page).Draw(t, "count")
}
