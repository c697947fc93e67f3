package epoll

import (
	"fmt"
	"net/netip"

	"jiajia/core/event"
)

// mostRemarks bounds the lines about refused connections that a transport ever logs.
const mostRemarks = 16

// An offence is why a guest was turned away, in words for the log.
type offence string

const (
	unsaid      offence = "" // not worth a line
	notHello    offence = "what it sent is no handshake of this library [a port scan, or a program with a wrong port?]"
	outOfTime   offence = "it did not prove in time that it belongs to the job [a port scan, or a stopped process?]"
	tooMany     offence = "too many connections at once have not proved that they belong to the job [somebody floods this port?]"
	badVersion  offence = "it speaks another version of the protocol [run the same build on all hosts]"
	badIdentity offence = "it looks for another host [a process of another job, or a wrong address?]"
	badSecret   offence = "it does not know the secret of this job [a process of another job, or an intruder?]"
	badJob      offence = "it belongs to the job, but believes that it has another shape [the same number of hosts everywhere?]"
	again       offence = "that host has this connection already [two processes with one host id?]"
)

// offences has the offence behind each refusal.
var offences = [...]offence{
	otherVersion: badVersion, otherHost: badIdentity, busy: tooMany, otherSecret: badSecret, otherJob: badJob, alreadyThere: again,
}

// remarks logs each offence once for each source (an address without port), and not without end: whoever connects in a
// loop, or from many addresses, must not fill the log. It belongs to the loop's thread.
type remarks struct {
	log  *event.Log // may be nil
	made map[remark]bool
}

type remark struct {
	what offence
	from netip.Addr
}

func (r *remarks) make(what offence, from netip.Addr) {
	k := remark{what, from}
	if !r.log.On(event.Warn) || what == unsaid || len(r.made) == mostRemarks || r.made[k] {
		return
	}
	if r.made == nil {
		r.made = make(map[remark]bool)
	}
	r.made[k] = true
	line := fmt.Sprintf("refused a connection from %v: %s; the job goes on, and more of the kind from there are not logged", from, what)
	if len(r.made) == mostRemarks {
		line += "; this is the last line about refused connections"
	}
	r.log.Warnf("%s", line)
}
