package launch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The goroutines that serve the three standard streams of an ssh process.

// write is the goroutine that feeds ssh.
func (l *link) write(stdin *os.File) {
	defer stdin.Close()
	begin, err := l.parcel.introduction()
	if err != nil {
		l.s.loop.post(func() { l.breakOff(err.Error()) })
		return
	}
	to := progressWriter{l, stdin}
	if _, err := to.Write(begin); err != nil {
		return // ssh is gone, and its end says why
	}
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closed {
			l.cond.Wait()
		}
		work := l.queue
		l.queue = nil
		l.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, what := range work {
			if _, err := io.Copy(to, what); err != nil {
				return
			}
		}
	}
}

// A progressWriter notes when bytes went through.
type progressWriter struct {
	l  *link
	to io.Writer
}

func (w progressWriter) Write(data []byte) (int, error) {
	n, err := w.to.Write(data)
	if n > 0 {
		w.l.progress()
	}
	return n, err
}

// read is the goroutine that hears the script, then the agent.
func (l *link) read(stdout *os.File) {
	defer stdout.Close()
	from := bufio.NewReaderSize(stdout, maxLine)
	err := l.readMarks(from)
	for err == nil {
		var f frame
		if f, err = readFrame(from); err == nil {
			l.progress()
			l.route(f)
		}
	}
	l.s.loop.post(func() {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && l.broken == "" {
			l.breakOff(fmt.Sprintf("%s on %s: the connection brought nonsense, which ends the job: %v: see what writes to the "+
				"standard output of `%s`", HostList(l.site.Ranks), l.site.Name, err, l.trial()))
		}
		l.endClosed()
	})
}

// readMarks skips what the login shell prints, up to some length, and sends the program if it is asked for.
func (l *link) readMarks(from *bufio.Reader) error {
	const most = 1 << 20
	for skipped := 0; skipped < most; {
		line, err := from.ReadSlice('\n')
		skipped += len(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		l.progress()
		switch strings.TrimSpace(string(line)) {
		case markSend:
			l.enqueue(l.parcel.content())
		case markReady:
			return nil
		}
	}
	return fmt.Errorf("%d bytes before the agent's first", most)
}

// listenToSSH is the goroutine that reads ssh's own words.
func (l *link) listenToSSH(stderr *os.File) {
	defer stderr.Close()
	l.words.readFrom(stderr)
	l.s.loop.post(l.endClosed)
}
