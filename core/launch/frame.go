package launch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// A frameKind says what a frame between the supervisor and an agent is for and which way it goes. The values are part of the
// protocol; those of hello and refused, and their form, stay the same in every version, so that versions can be told apart.
type frameKind byte

const (
	// Agent to supervisor.
	frameHello    frameKind = 'h' // the first: JSON of a hello
	frameRefused  frameKind = 'r' // the agent cannot go on, for the reason in the line that is the payload
	frameLaunched frameKind = 'l' // the hosts exist: JSON of a launched
	frameOut      frameKind = 'o' // bytes of a host's standard output, at most maxLine and the stream's credit
	frameErr      frameKind = 'e' // and of its standard error
	frameClosed   frameKind = 'z' // a host has closed its control connection; no payload
	frameEnded    frameKind = 'd' // a host is gone: the wait status, 4 bytes; the last frame about it

	// Supervisor to agent.
	frameLaunch frameKind = 'L' // the first: JSON of a launch
	frameCredit frameKind = 'a' // so many bytes of output were written: stream (1 or 2), then 4 bytes
	frameCut    frameKind = 'x' // nobody reads this stream (1 or 2) any more
	frameKill   frameKind = 'k' // send this signal, 1 byte, to a host or to everyHost
	framePing   frameKind = 'p' // the supervisor lives; no payload

	// Both ways: bytes of a host's control connection. To everyHost only from the supervisor.
	frameControl frameKind = 'c'
)

// everyHost in the place of a rank means all hosts of the agent's machine.
const everyHost = 1<<32 - 1

// A frame is one message between the supervisor and an agent: kind, rank, length of the payload (1, 4 and 4 bytes, big-endian),
// payload.
type frame struct {
	kind frameKind
	rank uint32 // which host it is about; 0 where it is about none
	data []byte
}

const frameHeader = 9

// outputWindow is the credit of a stream: how many bytes of it may be on their way, not written yet by the supervisor. A slow
// terminal then blocks the host that writes, but never the connection that its control messages share with others.
const outputWindow = maxLine

// payload returns the smallest and the largest payload of a kind, in bytes; ok is false when there is no such kind.
func (k frameKind) payload() (least, most int, ok bool) {
	switch k {
	case frameHello, frameRefused, frameLaunched, frameLaunch, frameControl:
		return 1, maxMessage, true
	case frameOut, frameErr:
		return 1, maxLine, true
	case frameEnded:
		return 4, 4, true
	case frameCredit:
		return 5, 5, true
	case frameCut, frameKill:
		return 1, 1, true
	case framePing, frameClosed:
		return 0, 0, true
	}
	return 0, 0, false
}

// encode returns f as it is sent.
func (f frame) encode() []byte {
	text := make([]byte, 0, frameHeader+len(f.data))
	text = append(text, byte(f.kind))
	text = binary.BigEndian.AppendUint32(text, f.rank)
	text = binary.BigEndian.AppendUint32(text, uint32(len(f.data)))
	return append(text, f.data...)
}

// readFrame reads the next frame. io.EOF says that the stream ended between frames. Memory grows with what arrives, not with
// what is announced.
func readFrame(r *bufio.Reader) (frame, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: frameKind(header[0]), rank: binary.BigEndian.Uint32(header[1:])}
	size := int64(binary.BigEndian.Uint32(header[5:]))
	least, most, ok := f.kind.payload()
	if !ok {
		return frame{}, fmt.Errorf("frame of unknown kind %q", header[0])
	}
	if size < int64(least) || size > int64(most) {
		return frame{}, fmt.Errorf("frame %q of %d bytes", header[0], size)
	}
	if size == 0 {
		return f, nil
	}
	var data bytes.Buffer
	if n, err := io.CopyN(&data, r, size); err != nil {
		return frame{}, fmt.Errorf("frame %q: %d of %d bytes: %w", header[0], n, size, noEOF(err))
	}
	f.data = data.Bytes()
	return f, f.check()
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// check reports what is wrong with a payload of fixed form.
func (f frame) check() error {
	switch f.kind {
	case frameCredit, frameCut:
		if f.data[0] != 1 && f.data[0] != 2 {
			return fmt.Errorf("frame %q: stream %d", byte(f.kind), f.data[0])
		}
	case frameKill:
		if number := f.data[0]; number < 1 || number > 64 {
			return fmt.Errorf("frame %q: signal %d", byte(f.kind), number)
		}
	}
	return nil
}

func endedFrame(rank int, status unix.WaitStatus) frame {
	return frame{frameEnded, uint32(rank), binary.BigEndian.AppendUint32(nil, uint32(status))}
}

func (f frame) status() unix.WaitStatus { return unix.WaitStatus(binary.BigEndian.Uint32(f.data)) }

func creditFrame(rank, stream, bytes int) frame {
	return frame{frameCredit, uint32(rank), binary.BigEndian.AppendUint32([]byte{byte(stream)}, uint32(bytes))}
}

func (f frame) credit() (stream, bytes int) {
	return int(f.data[0]), int(binary.BigEndian.Uint32(f.data[1:]))
}

// A hello is the first that an agent says. Later versions may add fields, not change these.
type hello struct {
	Library  string `json:"library"`           // version of the library
	Protocol int    `json:"protocol"`          // protocolVersion
	Address  string `json:"address,omitempty"` // of this machine in the ssh connection, "" if unknown
}

// A launch tells an agent what to run.
type launch struct {
	Args    texts  `json:"args"` // with the program's name
	Env     texts  `json:"env"`  // in addition to the agent's own
	Ranks   []int  `json:"ranks"`
	Network string `json:"network,omitempty"` // find this machine's address on it
	Silence int    `json:"silence,omitempty"` // seconds of silence to put up with, if that is more than silenceLimit
}

// A launched is an agent's answer to a launch.
type launched struct {
	Pids    []int  `json:"pids"`              // in the order of the ranks
	Address string `json:"address,omitempty"` // on the network of the launch
}

// jsonFrame returns a frame about no host in particular. What this package sends can always be encoded.
func jsonFrame(kind frameKind, value any) frame {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("launch: encode %+v: %v", value, err))
	}
	return frame{kind: kind, data: text}
}
