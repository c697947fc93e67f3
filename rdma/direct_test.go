//go:build rdma

package rdma

import (
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
)

func directMaker(spin time.Duration) nodetest.MakeDirect {
	return func(t testing.TB, handlers []node.Handler, memory []nodetest.Memory) (r []node.Transport) {
		for _, tr := range start(t, handlers, func(o *Options) { o.Memory, o.Spin = memory[o.Self].Bytes, spin }) {
			tr.mostRuns = nodetest.PageSize // the suite wants every write to be done so
			r = append(r, tr)
		}
		return r
	}
}

func TestDirect(t *testing.T) { nodetest.RunDirect(t, directMaker(0)) }

func TestDirectSpinning(t *testing.T) { nodetest.RunDirect(t, directMaker(30*time.Microsecond)) }
