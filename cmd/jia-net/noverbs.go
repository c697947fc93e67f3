//go:build !rdma

package main

import (
	"net/netip"

	"jiajia/rdma/verbs"
)

// A rdmaListener is never made in a build without RDMA.
type rdmaListener struct {
	port   int
	device string
}

func (*rdmaListener) close() {}

func listenRDMA(netip.Addr, []byte) (*rdmaListener, error) { return nil, verbs.ErrNotBuilt }

func overRDMA(netip.Addr, netip.AddrPort, []byte) (send, read result, err error) {
	return send, read, verbs.ErrNotBuilt
}
