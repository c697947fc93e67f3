package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sheet gives sources that write to the two sinks of one file, or of two, and reads what was written.
func sheet(t *testing.T, files int) (host0, host1 *source, stderr *sink, text func() string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out")
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	stdout := open()
	errfile := stdout
	if files == 2 {
		errfile = open()
	}
	out, err := newSinks(int(stdout.Fd()), int(errfile.Fd()))
	return &source{to: out}, &source{to: out}, err, func() string {
		written, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(written)
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine-1)
	tests := []struct {
		name string
		do   func(a, b *source)
		want string
	}{
		{"a line is held until it is whole",
			func(a, _ *source) { a.accept([]byte("he")); a.accept([]byte("llo")) }, ""},
		{"and then written at once",
			func(a, _ *source) { a.accept([]byte("he")); a.accept([]byte("llo\nwor")) }, "hello\n"},
		{"lines of two hosts do not mix",
			func(a, b *source) { a.accept([]byte("a1")); b.accept([]byte("b1\nb2")); a.accept([]byte("a2\n")) }, "b1\na1a2\n"},
		{"an unfinished last line stays unfinished",
			func(a, _ *source) { a.accept([]byte("bye")); a.flush() }, "bye"},
		{"unless another host follows",
			func(a, b *source) { a.accept([]byte("bye")); a.flush(); b.accept([]byte("hello\n")) }, "bye\nhello\n"},
		{"a prompt and the rest of its line stay together",
			func(a, _ *source) { a.accept([]byte("name? ")); a.flush(); a.accept([]byte("thanks\n")) }, "name? thanks\n"},
		{"a line below the limit is held",
			func(a, _ *source) { a.accept([]byte(long)) }, ""},
		{"a line at the limit is passed on as it is, byte for byte",
			func(a, _ *source) { a.accept([]byte(long)); a.accept([]byte("xyz")) }, long + "xyz"},
		{"and broken if another host writes",
			func(a, b *source) { a.accept([]byte(long)); a.accept([]byte("xyz")); b.accept([]byte("b\n")) }, long + "xyz\nb\n"},
		{"flushing nothing writes nothing",
			func(a, b *source) { a.flush(); b.accept([]byte("\n")); b.flush() }, "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b, _, text := sheet(t, 1)
			test.do(a, b)
			if got := text(); got != test.want {
				t.Errorf("wrote %.80q (%d bytes), want %.80q", got, len(got), test.want)
			}
		})
	}
}

func TestBothStreamsOfOneFileShareItsLine(t *testing.T) {
	for _, files := range []int{1, 2} {
		a, _, stderr, text := sheet(t, files)
		a.accept([]byte("progress..."))
		a.flush()
		stderr.write(nil, []byte("jia: bad news\n"))
		if got, want := text(), "progress...\njia: bad news\n"; got != want {
			t.Errorf("descriptors for %d files: %q, want %q", files, got, want)
		}
	}
}
