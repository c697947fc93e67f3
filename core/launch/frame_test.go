package launch

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func goodFrames() []frame {
	return []frame{
		jsonFrame(frameHello, hello{Library: "3.0", Protocol: 2, Address: "10.0.0.1"}),
		jsonFrame(frameLaunch, launch{Args: []string{"./app"}, Env: []string{"A=b"}, Ranks: []int{3}}),
		jsonFrame(frameLaunched, launched{Pids: []int{7}}),
		{frameRefused, 0, []byte("no")},
		{frameOut, 3, bytes.Repeat([]byte("x"), maxLine)},
		{frameErr, 1<<32 - 2, []byte{0, 255}},
		{frameControl, everyHost, message{Kind: kindAbort}.encode()},
		{kind: frameClosed, rank: 1}, {kind: framePing},
		endedFrame(1, 0x7f00), creditFrame(2, 1, 65536),
		{frameCut, 1, []byte{2}}, {frameKill, everyHost, []byte{15}},
	}
}

var compareFrames = cmp.AllowUnexported(frame{})

func TestFramesSurviveTheirEncoding(t *testing.T) {
	var stream []byte
	for _, f := range goodFrames() {
		stream = append(stream, f.encode()...)
	}
	r := bufio.NewReader(bytes.NewReader(stream))
	for _, want := range goodFrames() {
		got, err := readFrame(r)
		if err != nil {
			t.Fatalf("%q: %v", byte(want.kind), err)
		}
		if diff := cmp.Diff(want, got, compareFrames); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := readFrame(r); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if status := endedFrame(1, 0x8b).status(); !status.Signaled() || status.Signal() != 11 {
		t.Errorf("status %#x", status)
	}
	if stream, n := creditFrame(1, 2, 300).credit(); stream != 2 || n != 300 {
		t.Errorf("credit %d, %d", stream, n)
	}
}

func TestReadFrameRefuses(t *testing.T) {
	tests := []struct{ name, stream string }{
		{"an unknown kind", "?\x00\x00\x00\x01\x00\x00\x00\x00"},
		{"too much output", "o\x00\x00\x00\x01\x00\x01\x00\x01"},
		{"more than any message", "c\x00\x00\x00\x01\xff\xff\xff\xff"},
		{"an empty output", "o\x00\x00\x00\x01\x00\x00\x00\x00"},
		{"a short status", "d\x00\x00\x00\x01\x00\x00\x00\x03abc"},
		{"a third stream", "x\x00\x00\x00\x01\x00\x00\x00\x01\x03"},
		{"no signal", "k\x00\x00\x00\x01\x00\x00\x00\x01\x00"},
		{"half a header", "o\x00\x00"},
		{"half a payload", "o\x00\x00\x00\x01\x00\x00\x00\x05abc"},
		{"an announced gigantic payload that never comes", "c\x00\x00\x00\x01\x05\x00\x00\x00abc"},
	}
	for _, test := range tests {
		if f, err := readFrame(bufio.NewReader(strings.NewReader(test.stream))); err == nil || err == io.EOF {
			t.Errorf("%s: %+v, %v", test.name, f, err)
		}
	}
}

// FuzzFrames reads frames from arbitrary bytes: each that is taken for one is within its limits, and is the very bytes when it is
// encoded again.
func FuzzFrames(f *testing.F) {
	for _, good := range goodFrames() {
		if len(good.data) < 1000 { // the engine is slow with long ones
			f.Add(good.encode())
		}
	}
	f.Add([]byte("c\x00\x00\x00\x01\x05\x00\x00\x00abc"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bufio.NewReader(bytes.NewReader(stream))
		var again []byte
		for {
			got, err := readFrame(r)
			if err != nil {
				break
			}
			if least, most, ok := got.kind.payload(); !ok || len(got.data) < least || len(got.data) > most {
				t.Fatalf("%+v", got)
			}
			again = append(again, got.encode()...)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("%q became %q", stream, again)
		}
	})
}
