package ckpt

import (
	"io"
	"sync"
)

const (
	chunkSize  = 1 << 20 // bytes that are written at once
	chunkCount = 4       // how many of these a part has
)

var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize); return &b }}

// A pipe collects what is written into chunks and has a goroutine write these, so that checksums and compression go on meanwhile.
// A file of less than a chunk has no goroutine.
type pipe struct {
	out   Output
	chunk *[]byte
	made  int
	full  chan *[]byte // nil: there is no goroutine yet
	empty chan *[]byte
	done  chan struct{} // closed when the goroutine has written all

	mu  sync.Mutex
	err error // of the goroutine's writing; what comes after it is dropped
}

func newPipe(out Output) *pipe {
	return &pipe{out: out, chunk: chunks.Get().(*[]byte), made: 1}
}

// write takes over b, by copying. An error may be that of an earlier call.
func (p *pipe) write(b []byte) error {
	for len(b) > 0 {
		c := *p.chunk
		n := copy(c[len(c):cap(c)], b)
		*p.chunk, b = c[:len(c)+n], b[n:]
		if len(*p.chunk) == chunkSize {
			if err := p.handOver(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pipe) handOver() error {
	if p.full == nil {
		p.full, p.empty, p.done = make(chan *[]byte, chunkCount), make(chan *[]byte, chunkCount), make(chan struct{})
		go p.drain()
	}
	p.full <- p.chunk
	if p.made < chunkCount {
		p.made++
		p.chunk = chunks.Get().(*[]byte)
	} else {
		p.chunk = <-p.empty
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *pipe) drain() {
	defer close(p.done)
	for c := range p.full {
		p.mu.Lock()
		err := p.err
		p.mu.Unlock()
		if err == nil {
			if err = writeAll(p.out, *c); err != nil {
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
			}
		}
		*c = (*c)[:0]
		p.empty <- c
	}
}

// flush writes the rest and returns when all is written. It is called once, as the last; without rest, what was not written yet is dropped.
func (p *pipe) flush(rest bool) error {
	if p.full != nil {
		close(p.full)
		<-p.done
	}
	err := p.err // there is no goroutine any more
	if err == nil && rest {
		err = writeAll(p.out, *p.chunk)
	}
	for {
		*p.chunk = (*p.chunk)[:0]
		chunks.Put(p.chunk)
		select {
		case p.chunk = <-p.empty: // of a nil channel: never
		default:
			return err
		}
	}
}

func writeAll(w io.Writer, b []byte) error {
	n, err := w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
