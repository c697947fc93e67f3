// Package event is the library's log: one line for each event on standard error, for those who ask for it with JIA_LOG.
// Errors that end a job do not come this way; see Config.Fail of package core/node.
package event

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Level says how much a reader must want to know to see a line.
type Level int

// The levels, from the least talkative.
const (
	Error Level = iota // only what ends the job
	Warn               // what the user should change
	Info               // what was chosen at the start, and why
	Debug              // connections, locks from other hosts, barriers
)

var names = [...]string{Error: "error", Warn: "warn", Info: "info", Debug: "debug"}

// ParseLevel finds a level by its name.
func ParseLevel(name string) (Level, bool) {
	for l, n := range names {
		if n == name {
			return Level(l), true
		}
	}
	return 0, false
}

// A Log writes lines of up to a level. A nil *Log writes nothing. Its methods may be called from any thread; they block for
// as long as standard error does.
type Log struct {
	level Level
	host  int
	write func(line []byte)
}

// New returns the log of a host.
func New(level Level, host int) *Log {
	return &Log{level: level, host: host, write: func(line []byte) {
		_, _ = unix.Write(2, line) // whoever closed it does not want to know
	}}
}

// On tells whether lines of a level are written, for callers that would have to gather what to say.
func (l *Log) On(level Level) bool { return l != nil && level <= l.level }

// Warnf, Infof and Debugf write one line; whatever breaks a line becomes a space.
func (l *Log) Warnf(format string, args ...any)  { l.linef(Warn, format, args...) }
func (l *Log) Infof(format string, args ...any)  { l.linef(Info, format, args...) }
func (l *Log) Debugf(format string, args ...any) { l.linef(Debug, format, args...) }

func (l *Log) linef(level Level, format string, args ...any) {
	if !l.On(level) {
		return
	}
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	l.write(fmt.Appendf(nil, "jia: host %d: %s: %s\n", l.host, names[level], text))
}
