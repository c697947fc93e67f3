package wire

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew: for new types, or with a new Version")

// samples has a message of each type, with every field that the type uses at a telling value.
var samples = []Message{
	{Type: GetPage, From: 3, Reply: 7, Obj: 0x0102030405, Version: 3, Epoch: 2},
	{Type: Page, From: 1, Port: 7, Obj: 0x0102030405, Length: 4096},
	{Type: Page, From: 1, Port: 7, Obj: MaxPages - 1}, // never written
	{Type: Diff, From: 2, Reply: 9, Obj: 1 << 63, Length: 100_000},
	{Type: DiffAck, From: 0, Port: 9, Obj: 1 << 63},
	{Type: LockReq, From: MaxHosts - 1, Reply: 1, Obj: 1<<31 - 1, Version: 1<<64 - 1},
	{Type: LockFwd, From: 4, Obj: 12, Host: 5, Reply: 6, Version: 8},
	{Type: LockGrant, From: 4, Port: 6, Obj: 12, Version: 1 << 40, Epoch: 33},
	{Type: LockGrant, From: 4, Port: 6, Obj: 12, Version: 10, Epoch: 33, Length: 64, Notices: []Notice{
		{Page: 5, Count: 3, Version: 9, Epoch: 32}, {Page: MaxPages - 1, Count: 1, Version: 10, Epoch: 33}}},
	{Type: BarArrive, From: 2, Obj: 77, Kind: KindExit, Version: 4, Length: 120,
		Ranges: []Range{{Page: 0, Count: 2, Writer: 0}, {Page: 2, Count: 1 << 20, Writer: Many}},
		Allocs: []Alloc{{Call: 3, Args: []uint64{1 << 33, 4096}, At: 7}, {Call: 1}}},
	{Type: BarArrive, From: 2, Obj: 78, Length: 8},
	{Type: BarRelease, From: 0, Obj: 77, Kind: KindWait, Length: 24, Ranges: []Range{{Page: 9, Count: 1, Writer: 2}}},
	{Type: CVSet, From: 1, Reply: 2, Obj: 3},
	{Type: CVReset, From: 1, Reply: 2, Obj: 4},
	{Type: CVWait, From: 1, Reply: 2, Obj: 5},
	{Type: CVDone, From: 0, Port: 2, Obj: 5},
	{Type: Stats, From: 3, Length: 24, Numbers: []uint64{3, 1 << 40, 1<<64 - 1}},
	{Type: Stats, From: 3},
	{Type: Data, From: 6, Obj: 1 << 40, Version: MaxMessage, Epoch: 1<<31 - 1, Length: MaxData},
	{Type: Data, From: 6, Obj: 7},
	{Type: Collect, From: 5, Obj: 1 << 33, Version: 2<<32 | 22, Epoch: 1 << 50, Host: 3, Length: 65536},
	{Type: Claim, From: 2, Reply: 5, Obj: MaxPages - 1},
	{Type: Claimed, From: 1, Port: 5, Obj: 9, Version: 1},
	{Type: HomeIs, From: 1, Port: 5, Obj: 9, Length: 16, Numbers: []uint64{2, MaxHosts - 1}},
	{Type: PoolAsk, From: 2, Reply: 4, Obj: 9, Version: 1, Epoch: 16},
	{Type: PoolGive, From: 1, Port: 4, Obj: 9, Version: 16, Epoch: 1 << 33, Host: 5},
	{Type: PoolGive, From: 2, Host: 2, Obj: 9, Version: 0, Length: 16, Numbers: []uint64{0, 1 << 40}},
	{Type: GetPage, From: 3, Reply: 7, Obj: 5, Version: 1, Epoch: 1, Host: 1},
	{Type: Atomic, From: 3, Reply: 7, Obj: 1 << 40, Host: 9, Version: 1<<64 - 1, Epoch: 5},
	{Type: AtomicDone, From: 1, Port: 7, Obj: 1 << 40, Version: 5},
	{Type: LockReq, From: 2, Reply: 1, Obj: 3, Version: 4, Epoch: 1},
	{Type: LockBusy, From: 4, Port: 6, Obj: 12},
	{Type: RWAsk, From: 4, Reply: 6, Obj: 12, Version: 8, Epoch: 3},
	{Type: RWGrant, From: 4, Port: 6, Obj: 12, Version: 10, Epoch: 33, Length: 32, Notices: []Notice{
		{Page: 5, Count: 3, Version: 9, Epoch: 32}}},
	{Type: RWDone, From: 4, Obj: 12, Version: 10, Epoch: 1, Length: 32, Notices: []Notice{
		{Page: 5, Count: 3, Version: 10, Epoch: 32}}},
	{Type: CkptPlan, From: 0, Obj: 7, Length: 2, Text: "{}"},
	{Type: CkptPart, From: 3, Obj: 1 << 40, Length: 9, Text: "a\x00 text\xff\n"},
	{Type: CkptResult, From: 0, Obj: 7},
	{Type: CkptDone, From: 3, Obj: 7},
	{Type: BarArrive, From: 0, Obj: 79, Kind: KindCheckpoint, Epoch: 7<<1 | 1, Length: 8},
	{Type: BarRelease, From: 0, Obj: 80, Kind: KindCheckpoint, Epoch: 8 << 1, Length: 24, Ranges: []Range{{Page: 9, Count: 1, Writer: 2}}},
}

// decode decodes a message whose payload follows the header, or is not there when it travels apart.
func decode(b []byte) (*Message, error) {
	var m Message
	ranges, err := DecodeHeader(b, &m)
	if err != nil {
		return nil, err
	}
	b = b[HeaderSize:]
	if m.Type.Bulk() {
		return &m, nil
	}
	if uint64(len(b)) > m.Length {
		b = b[:m.Length]
	}
	if err := DecodePayload(&m, ranges, b); err != nil {
		return nil, err
	}
	return &m, nil
}

// TestGolden holds the bytes of each message type to those of testdata/v3.hex: hosts of one version must understand
// each other, whenever they were built.
func TestGolden(t *testing.T) {
	file := fmt.Sprintf("testdata/v%d.hex", Version)
	var got strings.Builder
	fmt.Fprintf(&got, "# Message headers and payloads of version %d: a name, then 16 bytes to a line.\n", Version)
	for _, m := range samples {
		fmt.Fprintf(&got, "%v\n", m.Type)
		for b := Append(nil, &m); len(b) > 0; b = b[min(16, len(b)):] {
			fmt.Fprintf(&got, "  %s\n", hex.EncodeToString(b[:min(16, len(b))]))
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the encoding has changed without a new version (-golden +now):\n%s", diff)
	}
}

func TestSamplesSurviveTheTrip(t *testing.T) {
	for _, want := range samples {
		got, err := decode(Append(nil, &want))
		if err != nil {
			t.Errorf("%+v: %v", want, err)
			continue
		}
		if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%v (-sent +received):\n%s", want.Type, diff)
		}
	}
}

func TestDecodingReusesSlices(t *testing.T) {
	grant := Append(nil, &samples[8])
	var m Message
	n := testing.AllocsPerRun(100, func() {
		ranges, err := DecodeHeader(grant, &m)
		if err == nil {
			err = DecodePayload(&m, ranges, grant[HeaderSize:])
		}
		if err != nil || len(m.Notices) != 2 {
			t.Fatal(err, m)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a grant", n)
	}
}

func TestEveryTypeAndKindHasAName(t *testing.T) {
	for typ := Type(1); typ <= lastType; typ++ {
		if s := typ.String(); s == "" || s == "unknown message" {
			t.Errorf("type %d is called %q", typ, s)
		}
	}
	for k := Kind(0); k <= lastKind; k++ {
		if k.String() == "unknown rendezvous" {
			t.Errorf("kind %d has no name", k)
		}
	}
	if Type(0).String() != "unknown message" || (lastType+1).String() != "unknown message" || (lastKind+1).String() != "unknown rendezvous" {
		t.Error("names for what does not exist")
	}
}

// TestDamage changes a good message in one place and names the error it must lead to.
func TestDamage(t *testing.T) {
	put := func(at int, b ...byte) func([]byte) []byte {
		return func(m []byte) []byte { copy(m[at:], b); return m }
	}
	ff := []byte{255, 255, 255, 255, 255, 255, 255, 255}
	for _, c := range []struct {
		name   string
		sample int
		damage func([]byte) []byte
		want   error
	}{
		{"wrong magic", 0, put(0, 'X'), ErrMagic},
		{"wrong version", 0, put(4, Version+1), ErrVersion},
		{"type 0", 0, put(5, 0), ErrField},
		{"type beyond the last", 0, put(5, byte(lastType)+1), ErrField},
		{"kind beyond the last", 9, put(6, byte(lastKind)+1), ErrField},
		{"negative sender", 0, put(8, ff[:4]...), ErrField},
		{"sender beyond all hosts", 0, put(8, 0, 0, 16, 0), ErrField},
		{"negative requester", 6, put(20, ff[:4]...), ErrField},
		{"request with a payload", 0, put(24, 1), ErrField},
		{"pages of more than the largest size", 1, put(24, 1, 0, 0, 16), ErrField},
		{"request for no page", 0, put(40, 0), ErrField},
		{"request for more pages than a window has", 0, put(40, 129), ErrField},
		{"request for one page again and again", 0, put(48, 0), ErrField},
		{"stride beyond the region", 0, put(48, ff...), ErrField},
		{"last page beyond the region", 0, put(48, 0, 0, 0, 255, 1), ErrField},
		{"diff of more than the largest size", 3, put(24, 1, 0, 64), ErrField},
		{"page beyond the region", 0, put(32, ff...), ErrField},
		{"lock beyond int", 5, put(32, 0, 0, 0, 128), ErrField},
		{"range count that overflows when multiplied", 9, put(56, 0, 0, 0, 0, 0, 0, 0, 64), ErrField},
		{"more ranges than payload", 9, put(56, 5), ErrField},
		{"ranges in a grant", 8, put(56, 1), ErrField},
		{"length shorter than the list", 8, put(24, 63), ErrPayload},
		{"notice of no pages", 8, put(HeaderSize+8, 0), ErrField},
		{"notice beyond the region", 8, put(HeaderSize+32+8, 2), ErrField},
		{"notice newer than the lock", 8, put(HeaderSize+16, 11), ErrField},
		{"range of no pages", 9, put(HeaderSize+8, 0), ErrField},
		{"ranges that overlap", 9, put(HeaderSize+8, 3), ErrField},
		{"range of an impossible writer", 9, put(HeaderSize+16, 254, 255, 255, 255, 255, 255, 255, 255), ErrField},
		{"range count that overflows with its page", 9, put(HeaderSize+24+8, ff...), ErrField},
		{"more allocations than payload", 9, put(HeaderSize+48, 3), ErrPayload},
		{"fewer allocations than payload", 9, put(HeaderSize+48, 1), ErrPayload},
		{"more arguments than payload", 9, put(HeaderSize+56+16, 200), ErrPayload},
		{"argument count that overflows when multiplied", 9, put(HeaderSize+56+16, 1, 0, 0, 0, 0, 0, 0, 32), ErrPayload},
		{"allocation beyond the region", 9, put(HeaderSize+56+8, ff...), ErrField},
		{"release with bytes left over", 11, put(56, 0), ErrPayload},
		{"numbers that end within one", 16, put(24, 23), ErrPayload},
		{"piece of more than the largest size", 18, put(24, 1, 0, 16), ErrField},
		{"piece longer than its message", 18, put(40, 9, 0, 0, 0, 0, 0, 0, 0), ErrField},
		{"piece of nothing", 18, put(24, 0, 0, 0), ErrField},
		{"bytes of an empty message", 19, put(24, 1), ErrField},
		{"message of an impossible size", 18, put(40, 1), ErrField},
		{"tag beyond int", 18, put(48, 0, 0, 0, 128), ErrField},
		{"part of more than the largest size", 20, put(24, 1, 0, 16), ErrField},
		{"ranges in a part", 20, put(56, 1), ErrField},
		{"request that knows homes in an unknown way", 27, put(20, 2), ErrField},
		{"claim of a page beyond the region", 21, put(32, ff...), ErrField},
		{"claim granted in an unknown way", 22, put(40, 2), ErrField},
		{"homes of no page", 23, put(24, 0), ErrField},
		{"homes of more pages than a window has", 23, put(24, 8, 4), ErrField},
		{"homes that end within one", 23, put(24, 15), ErrPayload},
		{"home beyond all hosts", 23, put(HeaderSize+2, 16), ErrField},
		{"word beyond the region", 28, put(32, 0, 0, 0, 0, 0, 0, 128, 0), ErrField},
		{"a try of an unknown kind", 30, put(48, 2), ErrField},
		{"a reader or writer of an unknown kind", 32, put(48, 4), ErrField},
		{"an end of an unknown kind", 34, put(48, 3), ErrField},
		{"notices in a refusal", 31, put(24, 32), ErrField},
		{"notice newer than the scope", 34, put(HeaderSize+16, 11), ErrField},
		{"text of more than the largest size", 36, put(24, 1, 0, 16), ErrField},
		{"text where there is none", 38, put(24, 1), ErrField},
		{"text cut", 36, func(b []byte) []byte { return b[:len(b)-1] }, ErrTooShort},
		{"header cut", 0, func(b []byte) []byte { return b[:HeaderSize-1] }, ErrTooShort},
		{"payload cut", 8, func(b []byte) []byte { return b[:len(b)-1] }, ErrTooShort},
	} {
		m, err := decode(c.damage(Append(nil, &samples[c.sample])))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v, not %v", c.name, m, err, c.want)
		}
	}
}
