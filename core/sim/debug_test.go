package sim

import (
	"fmt"
	"jiajia/core"
	"testing"
)

func TestDebugHand(t *testing.T) {
	p := &Program{hosts: 2, pages: 1, locks: 2, allocs: []allocation{{core.CallAlloc1, []uint64{64}}}, data: []datum{{0, 0, 8}, {0, 8, 8}}}
	p.threads = [][][]op{{nil, nil}, {nil}}
	p.threads[0][0] = append(p.threads[0][0], op{kind: opAlloc})
	p.threads[1][0] = append(p.threads[1][0], op{kind: opAlloc})
	v := uint64(1)
	for i := 0; i < 10; i++ {
		v++
		p.threads[0][0] = append(p.threads[0][0], op{kind: opLock, id: 0}, op{kind: opWrite, datum: 0, value: v}, op{kind: opUnlock, id: 0})
		p.threads[0][1] = append(p.threads[0][1], op{kind: opLock, id: 1}, op{kind: opWrite, datum: 1, value: v}, op{kind: opRead, datum: 1}, op{kind: opRead, datum: 1}, op{kind: opUnlock, id: 1})
		p.threads[1][0] = append(p.threads[1][0], op{kind: opLock, id: 1}, op{kind: opRead, datum: 1}, op{kind: opUnlock, id: 1})
		p.threads[1][0] = append(p.threads[1][0], op{kind: opLock, id: 1}, op{kind: opRead, datum: 1}, op{kind: opUnlock, id: 1})
	}
	n := 0
	for seed := uint64(1); seed < 3000; seed++ {
		if f := Run(p, Options{Seed: seed, Plant: core.PlantLogBeforeProtect}); f != nil {
			n++
			if n < 3 {
				fmt.Println(seed, f)
			}
		}
	}
	fmt.Println("found", n)
}
