package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A member is one host as the supervisor knows it.
type member struct {
	rank    int
	pid     int   // 0 before it exists
	link    *link // the way to its machine; nil for this one
	control int   // our end of its control connection; -1 once it is closed, and on other machines
	outbox  outbox
	input   lineBuffer
	streams [2]*source // its standard output and error

	address    string // where it listens; "" until it says so
	left       bool   // it is past jia_exit's barrier
	distrusted bool   // it has sent nonsense: nothing that it sends counts any more
	ended      bool   // the process is gone
}

// who names a host in a message: which one, and where.
func (m *member) who() string {
	if m.link != nil {
		return fmt.Sprintf("host %d on %s (pid %d)", m.rank, m.link.site.Name, m.pid)
	}
	return fmt.Sprintf("host %d (pid %d)", m.rank, m.pid)
}

// kill sends a host a signal, wherever it runs.
func (m *member) kill(number unix.Signal) {
	if m.link != nil {
		m.link.send(frame{frameKill, uint32(m.rank), []byte{byte(number)}})
	} else if m.pid > 0 {
		_ = unix.Kill(m.pid, number)
	}
}
