package join

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/launch"
)

var messages = []message{
	{Kind: kindHello, Version: "3.0.0", Rank: 3, Size: 4, Machine: "ab", Name: "node <1>", Pid: 7, Settings: "JIA_X=1", Instance: []byte{1}},
	{Kind: kindWelcome, Listen: "fd00::1", Local: 2, Nonce: make([]byte, nonceSize)},
	{Kind: kindAddress, Address: "10.0.0.1:1"},
	{Kind: kindTable, Addresses: []string{"10.0.0.1:1", "[::1]:2"}},
	{Kind: kindText, Text: "tcp=1 %22"},
	{Kind: kindTexts, First: 3, Texts: []string{"a", "b"}},
	{Kind: kindFail, Line: `host 1: "why" & <what>`},
	{Kind: kindLeaving},
}

func TestMessagesSurviveTheTrip(t *testing.T) {
	var stream bytes.Buffer
	for _, m := range messages {
		stream.Write(m.encode())
	}
	from := bufio.NewReaderSize(&stream, maxMessage)
	for _, want := range messages {
		got, err := receive(from)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	var texts []string
	for i := range 300 {
		texts = append(texts, strings.Repeat("x", 1+i*i%launch.MaxGather), strings.Repeat("x", launch.MaxGather), "y")
	}
	next := 0
	for _, m := range pieces(texts) {
		if n := len(m.encode()); n > maxMessage || m.First != next {
			t.Errorf("a piece of %d bytes from host %d on, which is %d; the reader takes %d", n, m.First, next, maxMessage)
		}
		next += len(m.Texts)
	}
	if next != len(texts) {
		t.Errorf("%d texts of %d", next, len(texts))
	}
	longest := message{Kind: kindTable}
	for range 50 {
		longest.Addresses = append(longest.Addresses, strings.Repeat(`\`, maxAddress))
	}
	if n := len(longest.encode()); n > maxTable(50) {
		t.Errorf("a table of %d bytes, the reader takes %d", n, maxTable(50))
	}
	if n := len(message{Kind: kindFail, Line: strings.Repeat(`"`, maxLine)}.encode()); n > maxMessage {
		t.Errorf("a line of %d bytes, the reader takes %d", n, maxMessage)
	}
}

func TestMessagesRefused(t *testing.T) {
	for _, text := range []string{``, `{}`, `[]`, `{"kind":"hello"}`, `{"kind":"bow"}`, `{"kind":"fail"}`, `{"kind":"fail","line":"a\nb"}`,
		`{"kind":"hello","version":"3","rank":-1}`, `{"kind":"address"}`, `{"kind":"text"}`, `{"kind":"text","text":"<"}`, `{"kind":"texts"}`, `{"kind":"texts","texts":[""]}`,
		`{"kind":"texts","first":-1,"texts":["a"]}`, `{"kind":"table","addresses":["a"]}`,
		`{"kind":"welcome","local":0}`, `{"kind":"welcome","local":1,"nonce":"AAAA"}`,
		`{"kind":"address","address":"` + strings.Repeat("a", maxAddress+1) + `"}`,
		`{"kind":"hello","version":"` + strings.Repeat("a", maxText+1) + `"}`} {
		if m, err := decode([]byte(text)); err == nil {
			t.Errorf("%.60s became %+v", text, m)
		}
	}
	if _, err := decode([]byte(`{"kind":"hello","version":"9.9","new":{"field":1}}`)); err != nil {
		t.Errorf("a hello of a later version must be readable: %v", err)
	}
	endless := bufio.NewReaderSize(strings.NewReader(strings.Repeat("a", 2*maxMessage)), maxMessage)
	if _, err := receive(endless); err == nil {
		t.Error("a line without an end was read")
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range messages {
		f.Add(m.encode())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decode(text)
		if err != nil {
			return
		}
		again, err := decode(m.encode())
		if err != nil {
			t.Fatalf("%+v cannot be read back: %v", m, err)
		}
		if diff := cmp.Diff(m, again, cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) })); diff != "" {
			t.Error(diff)
		}
	})
}

func TestInvitation(t *testing.T) {
	i := invitation{secret: newSecret(), machine: "0123456789abcdef", addresses: []string{"10.0.0.1:70", "[fd00::1]:70"}}
	text := i.encode(1000)
	if strings.ContainsAny(text, " =\n") {
		t.Errorf("%q does not fit into a line of PMI", text)
	}
	got, err := decodeInvitation(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(i, got, cmp.AllowUnexported(invitation{})); diff != "" {
		t.Error(diff)
	}
	for range 100 {
		i.addresses = append(i.addresses, "192.168.100.100:50000")
	}
	if text := i.encode(1000); len(text) > 1000 {
		t.Errorf("%d bytes", len(text))
	}
	for _, text := range []string{"", "jia1", "jia2;;;", "jia1;00;m;10.0.0.1:1", "jia1;" + strings.Repeat("0", 64) + ";m;nowhere"} {
		if _, err := decodeInvitation(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add(invitation{secret: make([]byte, secretSize), machine: "m", addresses: []string{"10.0.0.1:1"}}.encode(1000))
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := decodeInvitation(text); err == nil {
			if _, err := decodeInvitation(i.encode(len(text) + 1000)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCandidates(t *testing.T) {
	addresses := []string{"10.0.0.1:1", "127.0.0.1:1", "[fd00::1]:1", "[::1]:1"}
	if diff := cmp.Diff([]string{"127.0.0.1:1", "[::1]:1"}, candidates(addresses, true)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.1:1", "[fd00::1]:1"}, candidates(addresses, false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.1:1"}, candidates(addresses[:1], true)); diff != "" {
		t.Error(diff)
	}
}
