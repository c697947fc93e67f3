package sim

import (
	"fmt"
	"jiajia/core"
	"testing"
	"time"
)

func TestDebugShapes(t *testing.T) {
	save := shapes
	for _, x := range []struct {
		p  core.Plant
		sh int
	}{{core.PlantNoRetain, 3}, {core.PlantLogBeforeProtect, 4}, {core.PlantNoEpochWait, 5}, {core.PlantUntrackAtArrival, 5}, {core.PlantDropAllNotices, 5}, {core.PlantNewMarkLocally, 4}, {core.PlantMarkAtExit, 5}} {
		shapes = nil
		for i := 0; i < 50; i++ {
			shapes = append(shapes, save[x.sh])
		}
		n := 0
		t0 := time.Now()
		for seed := uint64(1); seed <= 2000; seed++ {
			if f := runSeed(seed, x.p); f != nil {
				n++
				if n == 1 {
					fmt.Printf("%.100s", f.Text)
				}
			}
		}
		fmt.Println(plantNames[x.p], "shape", x.sh, "found", n, "of 1000", time.Since(t0))
	}
	shapes = save
}
