package launch

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxLine is how many bytes of an unfinished line are held back. A longer line is passed on in pieces, and is then
// whole only if nobody else writes in between; binary data from one host stays as it is.
const maxLine = 64 << 10

// A source is one stream of one host: the read end of a pipe that is the host's standard output or error.
type source struct {
	fd   int // -1 once closed, and for a host on another machine
	to   *sink
	tag  []byte // what each line begins with
	held []byte // the unfinished line so far. Invariant: no newline, fewer than maxLine bytes
	cut  func() // for a host on another machine: called when nobody will read the stream any more

	prompts bool // an unfinished line that stays quiet is passed on
	waiting bool // a timer is set for that
	fresh   bool // something arrived since the timer was set
}

// A sink is the job's real standard output or error.
type sink struct {
	fd   int
	name string    // for messages
	line *openLine // shared by both sinks when they are the same file or terminal
	err  error     // why nothing can be written any more
	lost func()    // called once, when err is set
}

// An openLine remembers who owns the unfinished line that a file or terminal ends with.
type openLine struct {
	owner *source // nil when the last byte was a newline
}

// accept takes bytes that arrived, at most maxLine, and writes what can be: up to the last newline, or everything when the line is
// longer than maxLine. The rest is held.
func (s *source) accept(data []byte) {
	end := bytes.LastIndexByte(data, '\n') + 1
	if end == 0 && len(s.held)+len(data) >= maxLine {
		end = len(data)
	}
	if end == 0 {
		s.held = append(s.held, data...)
		return
	}
	s.to.write(s, append(s.held, data[:end]...))
	s.held = append(s.held[:0], data[end:]...)
}

// flush writes the unfinished line as it is.
func (s *source) flush() {
	if len(s.held) > 0 {
		s.to.write(s, s.held)
		s.held = s.held[:0]
	}
}

// write writes text of a source, after a newline if another source has left its line unfinished. Blocks while the
// reader of the file is slow. Errors stay in k.err.
func (k *sink) write(from *source, text []byte) {
	if k.line.owner != nil && k.line.owner != from {
		k.writeAll([]byte{'\n'})
	}
	if from != nil && len(from.tag) > 0 {
		k.writeAll(tagged(from.tag, text, k.line.owner == from))
	} else {
		k.writeAll(text)
	}
	k.line.owner = nil
	if text[len(text)-1] != '\n' {
		k.line.owner = from
	}
}

// tagged returns text with tag before each line; inside says that text begins inside a line that has it already.
func tagged(tag, text []byte, inside bool) []byte {
	var out []byte
	for _, line := range bytes.SplitAfter(text, []byte{'\n'}) {
		if len(line) == 0 {
			continue // behind the last newline
		}
		if !inside {
			out = append(out, tag...)
		}
		out = append(out, line...)
		inside = false
	}
	return out
}

func (k *sink) writeAll(text []byte) {
	for len(text) > 0 && k.err == nil {
		n, err := unix.Write(k.fd, text)
		text = text[max(n, 0):]
		switch {
		case err == nil, errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			// Somebody made the terminal non-blocking for all who share it; whatever poll says, we try again.
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLOUT}}, -1)
		default:
			k.err = fmt.Errorf("write the job's %s: %w", k.name, err)
			k.lost()
		}
	}
}

// hungUp reports whether err means that nobody reads this sink any more, as in "./app | head".
func (k *sink) hungUp() bool {
	return errors.Is(k.err, unix.EPIPE) || errors.Is(k.err, unix.EIO) // EIO: the terminal is gone
}

// newSinks returns the sinks for the real standard output and error.
func newSinks(stdout, stderr int) (out, err *sink) {
	out = &sink{fd: stdout, name: "standard output", line: &openLine{}, lost: func() {}}
	err = &sink{fd: stderr, name: "standard error", line: &openLine{}, lost: func() {}}
	var a, b unix.Stat_t
	if unix.Fstat(stdout, &a) == nil && unix.Fstat(stderr, &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino && a.Rdev == b.Rdev {
		err.line = out.line
	}
	return out, err
}
