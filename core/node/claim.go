package node

import (
	"jiajia/core"
	"jiajia/core/wire"
)

// publishOne tells the transport of pages that have got their home here. It is called with mu held.
func (n *Node) publishOne(s core.Span) error {
	if !n.direct {
		return nil
	}
	n.spans = append(n.spans[:0], s)
	return n.publish()
}

// redirects tells whether a step answers a request for pages with where they are.
func redirects(fx *core.Effects) bool {
	return len(fx.Msgs) > 0 && fx.Msgs[len(fx.Msgs)-1].Type == wire.HomeIs
}
