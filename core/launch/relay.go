package launch

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// A relay passes the output of all hosts on to the real standard output and error, whole lines at a time and in order
// within a stream. It has a loop of its own because it blocks while the terminal is slow; the hosts then block too,
// once their pipes are full, as a single program would. Its methods may be called from any goroutine, never block, and
// take effect in the order of the calls. All fields belong to the loop's goroutine.
type relay struct {
	loop     *loop
	out, err *sink
	sources  map[*source]bool // the open ones
	tags     bool             // begin each line with the host's rank. Constant after the first add
	buf      []byte
}

// newRelay returns a relay to two descriptors. lost is called, in the relay's goroutine, for a sink that failed.
func newRelay(stdout, stderr int, lost func(*sink)) (*relay, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	r := &relay{loop: l, sources: make(map[*source]bool), buf: make([]byte, maxLine)}
	r.out, r.err = newSinks(stdout, stderr)
	for _, k := range []*sink{r.out, r.err} {
		k.lost = func() {
			l.post(func() {
				r.abandon(k)
				lost(k)
			})
		}
	}
	return r, nil
}

// run relays for as long as the process lives; an error is the loop's. A terminal that is set to stop jobs which write
// from the background (stty tostop) stops the hosts as they deserve, but must not stop the process that watches them:
// the kernel lets a thread write that blocks the signal.
func (r *relay) run() error {
	runtime.LockOSThread()
	blocked := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGTTOU - 1)}}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil); err != nil {
		return fmt.Errorf("block SIGTTOU: %w", err)
	}
	return r.loop.run()
}

// streams returns the standard output and error of a host, not open yet.
func (r *relay) streams(rank, stdout, stderr int) [2]*source {
	streams := [2]*source{{fd: stdout, to: r.out}, {fd: stderr, to: r.err}}
	if r.tags {
		for _, s := range streams {
			s.tag = fmt.Appendf(nil, "[%d] ", rank)
		}
	}
	return streams
}

// add takes over two descriptors, read ends of pipes: the standard output and error of host rank.
func (r *relay) add(rank, stdout, stderr int, prompts bool) [2]*source {
	streams := r.streams(rank, stdout, stderr)
	for _, s := range streams {
		s.prompts = prompts
	}
	r.loop.post(func() {
		for _, s := range streams {
			r.sources[s] = true
			if err := errors.Join(unix.SetNonblock(s.fd, true), r.loop.watch(s.fd, func() { r.read(s) })); err != nil {
				panic(err) // a pipe of our own on a healthy epoll instance
			}
			if s.to.err != nil {
				r.close(s)
			}
		}
	})
	return streams
}

// addRemote is add for a host on another machine, whose output comes through deliver. cut is called, with 1 or 2, in the
// relay's goroutine, when nobody will read one of its streams any more.
func (r *relay) addRemote(rank int, cut func(stream int)) [2]*source {
	streams := r.streams(rank, -1, -1)
	r.loop.post(func() {
		for i, s := range streams {
			s.cut = func() { cut(i + 1) }
			r.sources[s] = true
			if s.to.err != nil {
				r.close(s)
			}
		}
	})
	return streams
}

// deliver passes on bytes from a host on another machine, at most maxLine, and calls written when that is done.
func (r *relay) deliver(s *source, data []byte, written func()) {
	r.loop.post(func() {
		if r.sources[s] {
			s.accept(data)
			written()
		}
	})
}

// drain passes on what is in the pipes of a host at the moment of the call. If the host is gone that is all it ever
// wrote, so its streams are closed: a process that it left behind may hold the pipes open for as long as it likes.
func (r *relay) drain(streams [2]*source, gone bool) {
	r.loop.post(func() {
		for _, s := range streams {
			r.drainOne(s)
			if gone {
				r.close(s)
			}
		}
	})
}

// say writes a line of the library itself to standard error.
func (r *relay) say(line string) {
	r.loop.post(func() { r.err.write(nil, []byte("jia: "+line+"\n")) })
}

// flushed calls do, in the relay's goroutine, when all that the former calls put under way is written, or lost was
// called because it could not be.
func (r *relay) flushed(do func()) {
	// A failing write posts the call of lost: let that have its turn.
	r.loop.post(func() { r.loop.post(do) })
}

// read passes on what one read returns, so that no host can keep the others from being heard.
func (r *relay) read(s *source) int {
	n, err := unix.Read(s.fd, r.buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0
	}
	if n <= 0 { // every writer has closed it
		r.close(s)
		return 0
	}
	s.accept(r.buf[:n])
	if s.prompts && len(s.held) > 0 {
		r.expectPrompt(s)
	}
	return n
}

func (r *relay) drainOne(s *source) {
	if s.fd < 0 {
		return
	}
	// The amount is fixed first: a process that outlives the host may be filling the pipe as we empty it.
	left, err := unix.IoctlGetInt(s.fd, unix.TIOCINQ) // FIONREAD by its other name
	for err == nil && left > 0 && s.fd >= 0 {
		n := r.read(s)
		if n == 0 {
			return
		}
		left -= n
	}
}

// expectPrompt passes on the unfinished line of s if nothing is added to it for promptLimit.
func (r *relay) expectPrompt(s *source) {
	s.fresh = true
	if s.waiting {
		return
	}
	s.waiting, s.fresh = true, false
	r.loop.after(promptLimit, func() {
		s.waiting = false
		if s.fd < 0 || len(s.held) == 0 {
			return
		}
		if s.fresh {
			r.expectPrompt(s)
			return
		}
		s.flush()
	})
}

// close passes on what is held of s and forgets it.
func (r *relay) close(s *source) {
	if !r.sources[s] {
		return
	}
	delete(r.sources, s)
	s.flush()
	if s.cut != nil {
		s.cut()
		return
	}
	r.loop.unwatch(s.fd)
	_ = unix.Close(s.fd) // the read end of a pipe has nothing to lose
	s.fd = -1
}

// abandon closes every pipe into a sink that cannot be written any more: hosts that go on writing get SIGPIPE or
// EPIPE, as they would if they wrote there themselves.
func (r *relay) abandon(k *sink) {
	for s := range r.sources {
		if s.to == k {
			r.close(s)
		}
	}
}
