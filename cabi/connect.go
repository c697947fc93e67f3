package main

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"

	"jiajia/core/conf"
	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/route"
	"jiajia/core/wire"
	"jiajia/epoll"
	"jiajia/rdma"
	"jiajia/shm"
)

// spinLimit is how long a waiting thread polls before it sleeps, where there is a processor for every host: longer than
// a round trip, so that the waker is spared the price of waking an idle processor.
const spinLimit = 50 * time.Microsecond

// connect joins this host to the others, over the transports that the user wants.
func connect(n *node.Node, settings conf.Settings) error {
	var spin time.Duration
	if settings.Spin == conf.SpinOn || settings.Spin == conf.SpinAuto && job.member.Local() <= runtime.NumCPU() {
		spin = spinLimit
	}
	job.log.Infof("a waiting thread polls for %v before it sleeps", spin)
	if settings.Comm == conf.CommTCP {
		t, err := listenTCP(n, settings, spin)
		if err != nil {
			return err
		}
		job.log.Infof("transport TCP at %s for all hosts", t.Addr())
		n.Attach(t)
		if err := t.Transport.Start(t.addrs); err != nil {
			return err
		}
		return n.Connect()
	}
	ways, err := ways(n, settings, spin)
	if err != nil {
		return err
	}
	plan, err := route.Agree(wire.HostID(job.self), job.hosts, ways, job.member.Gather, launch.MaxGather)
	if err != nil {
		if settings.Comm == conf.CommRDMA {
			err = fmt.Errorf("JIA_COMM_TYPE is rdma, but %w; JIA_COMM_TYPE=auto uses TCP there", err)
		}
		return err
	}
	job.log.Infof("reaches %s", plan.Words())
	for _, line := range plan.Missed(wayRDMA) {
		job.log.Infof("%s", line)
	}
	for _, line := range plan.Missed(waySHM) { // mostly that they are on different machines
		job.log.Debugf("%s", line)
	}
	t, err := plan.Transport(spin)
	if err != nil {
		return err
	}
	n.Attach(t)
	if err := plan.Start(); err != nil {
		return err
	}
	return n.Connect()
}

const (
	waySHM  = "shm"
	wayRDMA = "rdma"
)

// ways returns the transports that a pair of hosts may use, the one that is tried first first. They are the same on all hosts.
func ways(n *node.Node, settings conf.Settings, spin time.Duration) ([]route.Way, error) {
	viaRDMA := rdma.New(rdma.Options{
		Self: wire.HostID(job.self), Hosts: job.hosts, Secret: job.member.Secret(), Handler: n.Handler(), Spin: spin, PageSize: settings.PageSize,
		Memory: n.Region().Frames(0, n.Region().Pages()), Address: addressOf(job.member.Listen()), PeerTimeout: peerTimeout(settings),
		Log: job.log, Fail: transportFailed,
	})
	overRDMA := route.Way{Name: wayRDMA, Words: "RDMA", Candidate: viaRDMA, Detail: viaRDMA.Device}
	if settings.Comm == conf.CommRDMA {
		return []route.Way{overRDMA}, nil
	}
	tcp, err := listenTCP(n, settings, spin)
	if err != nil {
		return nil, err
	}
	overTCP := route.Way{Name: "tcp", Words: "TCP", Candidate: tcp}
	if !settings.SHM {
		return []route.Way{overRDMA, overTCP}, nil
	}
	memory, err := shm.Listen(shm.Options{
		Self: wire.HostID(job.self), Hosts: job.hosts, Secret: job.member.Secret(), Handler: n.Handler(), Spin: spin, PageSize: settings.PageSize,
		Memory: shm.Memory{Fd: n.Region().Fd(), Size: n.Region().Pages() * uint64(settings.PageSize)}, PeerTimeout: peerTimeout(settings), Log: job.log,
	})
	if err != nil {
		return nil, err
	}
	overMemory := route.Way{Name: waySHM, Words: "shared memory", Candidate: memory}
	return []route.Way{overMemory, overRDMA, overTCP}, nil
}

// peerTimeout is after what silence another host is lost; 0: never.
func peerTimeout(settings conf.Settings) time.Duration {
	return time.Duration(settings.PeerTimeout) * time.Millisecond
}

// addressOf returns an IP address that others can connect to, or the zero value if the text stands for all of this machine's.
func addressOf(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// transportFailed ends the job because a transport cannot go on.
func transportFailed(err error) { fail(fmt.Sprintf("host %d: %v", job.self, err)) }

// tcp is the TCP transport as a candidate. It is always there, and whether it works shows in Start, since there is no other way left.
type tcp struct {
	*epoll.Transport
	addrs []string // by host id, as they work for this host
}

var _ route.Candidate = tcp{}

// listenTCP makes it, and tells all hosts where it listens. It is collective.
func listenTCP(n *node.Node, settings conf.Settings, spin time.Duration) (tcp, error) {
	t, err := epoll.Listen("tcp", net.JoinHostPort(job.member.Listen(), "0"), epoll.Options{
		Self: wire.HostID(job.self), Secret: job.member.Secret(), Handler: n.Handler(), PageSize: settings.PageSize, Spin: spin,
		PeerTimeout: peerTimeout(settings), Log: job.log, Fail: transportFailed,
	})
	if err != nil {
		return tcp{}, err
	}
	addrs, err := job.member.Exchange(t.Addr())
	return tcp{t, addrs}, err
}

// Card implements route.Candidate.
func (t tcp) Card() (card, why string) { return "ready", "" }

// Try implements route.Candidate.
func (t tcp) Try(cards []string) (refused []error) { return make([]error, len(cards)) }

// Start implements route.Candidate.
func (t tcp) Start(keep []bool) error {
	addrs := make([]string, len(keep))
	for host, kept := range keep {
		if kept {
			addrs[host] = t.addrs[host]
		}
	}
	return t.Transport.Start(addrs)
}
