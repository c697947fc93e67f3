package launch

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
)

// lastWords keeps the last line that ssh, or a shell at its other end, has said.
type lastWords struct {
	mu   sync.Mutex
	line string
}

func (w *lastWords) readFrom(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxCause)
	for {
		text, err := lines.ReadSlice('\n')
		if line := OneLine(string(text)); line != "" && !strings.HasPrefix(line, "debug") {
			w.mu.Lock()
			w.line = line
			w.mu.Unlock()
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (w *lastWords) forget() {
	w.mu.Lock()
	w.line = ""
	w.mu.Unlock()
}

func (w *lastWords) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSuffix(w.line, ".")
}
