package sim

import (
	"fmt"
	"jiajia/core"
	"testing"
)

func TestDebug(t *testing.T) {
	save := shapes
	shapes = nil
	for i := 0; i < 50; i++ {
		shapes = append(shapes, lateDiff)
	}
	for _, p := range []core.Plant{core.PlantForgetInFlight} {
		n := 0
		for seed := uint64(1); seed <= 60000; seed++ {
			if f := runSeed(seed, p); f != nil {
				n++
				if n < 5 {
					fmt.Println(seed, f)
				}
			}
		}
		fmt.Println("found", n)
	}
	shapes = save
}
