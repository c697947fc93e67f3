package sim

import (
	"fmt"
	"jiajia/core"
	"testing"
)

func TestDebugShapes(t *testing.T) {
	for _, pl := range []core.Plant{core.PlantNoRetain, core.PlantLogBeforeProtect, core.PlantNoEpochWait, core.PlantUntrackAtArrival} {
		for sh := 0; sh <= len(shapes); sh++ {
			DebugShape = sh
			seed, f := search(1, 2000, pl)
			fmt.Println(plantNames[pl], "shape", sh, seed, f)
		}
	}
}
