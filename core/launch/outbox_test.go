package launch

import (
	"bytes"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A table for 65,536 hosts is far longer than the buffer of any socket.
func TestOutboxSendsTheLongestTable(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.watch(pair[0], func() {}); err != nil {
		t.Fatal(err)
	}
	table := message{Kind: kindTable}
	for range maxHosts {
		table.Addresses = append(table.Addresses, "255.255.255.255:65535")
	}
	text := table.encode()
	o := &outbox{loop: l, fd: pair[0]}
	var got []byte
	reader := os.NewFile(uintptr(pair[1]), "receiver")
	defer reader.Close()
	l.post(func() {
		for _, piece := range [][]byte{text, []byte("after\n")} {
			if err := o.send(piece); err != nil {
				t.Error(err)
			}
		}
	})
	go func() {
		got, err = io.ReadAll(io.LimitReader(reader, int64(len(text)+len("after\n"))))
		l.post(l.stop)
	}()
	if err := l.run(); err != nil {
		t.Fatal(err)
	}
	if want := append(text, "after\n"...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
	l.unwatch(pair[0])
	_ = unix.Close(pair[0])
}

func TestOutboxGivesUpOnAReaderThatNeverReads(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(pair[:])
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.watch(pair[0], func() {}); err != nil {
		t.Fatal(err)
	}
	o := &outbox{loop: l, fd: pair[0]}
	piece := make([]byte, maxMessage/2)
	for i := 0; ; i++ {
		if err := o.send(piece); err != nil {
			return
		}
		if i > 5 {
			t.Fatal("it takes everything")
		}
	}
}
