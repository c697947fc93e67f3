package sim

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"jiajia/core"
)

var (
	seedsFlag = flag.Int("sim.seeds", 0, "random programs that TestRandomPrograms runs (default 20,000, 1,000 with -short or -race)")
	firstFlag = flag.Uint64("sim.first", 1, "first seed of TestRandomPrograms")
	seedFlag  = flag.Uint64("seed", 0, "the one seed that TestReplay runs")
	plantFlag = flag.Int("plant", 0, "the planted mistake of TestReplay: a core.Plant")
)

// TestMain has memory collected less often: it is that of thousands of small clusters, each of which is soon garbage.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// budget is how many random programs a normal run tries. A planted mistake must be found within it.
const budget = 20_000

// runSeed runs the program of a seed.
func runSeed(seed uint64, plant core.Plant) *Failure {
	return Run(Generate(seed), Options{Seed: seed, Plant: plant})
}

// search runs seeds on all processors until one fails; it returns the lowest failing seed that it saw.
func search(first uint64, count int, plant core.Plant) (seed uint64, failure *Failure) {
	var next, stop atomic.Uint64
	next.Store(first)
	stop.Store(first + uint64(count))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				s := next.Add(1) - 1
				if s >= stop.Load() {
					return
				}
				f := runSeed(s, plant)
				if f == nil {
					continue
				}
				mu.Lock()
				if failure == nil || s < seed {
					seed, failure = s, f
					stop.Store(s)
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return seed, failure
}

func replay(seed uint64, plant core.Plant) string {
	return fmt.Sprintf("go test ./core/sim -run TestReplay -seed=%d -plant=%d -v", seed, plant)
}

// TestRandomPrograms: whatever a race-free program reads is what one memory would have held.
func TestRandomPrograms(t *testing.T) {
	count := *seedsFlag
	if count == 0 {
		count = budget
		if testing.Short() || raceDetector {
			count = budget / 20
		}
	}
	if seed, f := search(*firstFlag, count, core.PlantNone); f != nil {
		t.Fatalf("seed %d: %v\nreplay: %s\n%s", seed, f, replay(seed, core.PlantNone), smallest(seed, core.PlantNone))
	}
}

// smallest shows the failure of a seed on as small a program as can be had cheaply.
func smallest(seed uint64, plant core.Plant) string {
	p, opt := shrink(Generate(seed), Options{Seed: seed, Plant: plant})
	var trace bytes.Buffer
	opt.trace = &trace
	f := Run(p, opt)
	return fmt.Sprintf("shrunk: %v\n%v%s", f, p, &trace)
}

// TestShrink: what is left of a failing program fails, and is smaller.
func TestShrink(t *testing.T) {
	const plant = core.PlantNoDoom
	seed, f := search(1, budget, plant)
	if f == nil {
		t.Fatal("nothing to shrink")
	}
	p, opt := shrink(Generate(seed), Options{Seed: seed, Plant: plant})
	if Run(p, opt) == nil {
		t.Error("the shrunk program does not fail")
	}
	one, _ := culprit(Generate(seed), Options{Seed: seed, Plant: plant})
	if before, after := len(one.String()), len(p.String()); after >= before {
		t.Errorf("%d bytes of program shrunk to %d", before, after)
	}
}

// TestReplay prints everything that happens in the run of one seed.
func TestReplay(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("wants -seed")
	}
	p := Generate(*seedFlag)
	fmt.Print(p)
	if f := Run(p, Options{Seed: *seedFlag, Plant: core.Plant(*plantFlag), trace: os.Stdout}); f != nil {
		t.Fatal(f)
	}
}

// TestSameSeedSameRun: a seed is the whole bug report.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(20) {
		var once, again bytes.Buffer
		Run(Generate(seed), Options{Seed: seed, trace: &once})
		Run(Generate(seed), Options{Seed: seed, trace: &again})
		if !bytes.Equal(once.Bytes(), again.Bytes()) {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}
