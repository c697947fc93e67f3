package pulse

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A scene is a monitor with a clock that the test makes.
type scene struct {
	*Monitor
	now time.Time
}

func newScene(deadline time.Duration, peers int) *scene {
	now := time.Unix(1000, 0)
	return &scene{NewMonitor(deadline, peers, now), now}
}

// look lets so much time pass and looks; the given peers were heard of.
func (s *scene) look(passed time.Duration, heard ...int) []int {
	s.now = s.now.Add(passed)
	return s.Look(s.now, func(i int) bool { return slices.Contains(heard, i) })
}

// run looks at regular intervals for so long, and returns who was late and after what time, or nobody.
func (s *scene) run(long time.Duration, heard ...int) (late []int, after time.Duration) {
	for every := Interval(s.deadline); after < long; {
		after += every
		if late = s.look(every, heard...); late != nil {
			return late, after
		}
	}
	return nil, after
}

func TestSilence(t *testing.T) {
	const deadline = 10 * time.Second
	s := newScene(deadline, 3)
	if late, after := s.run(time.Hour); late != nil {
		t.Errorf("%v are late after %v, but have not begun", late, after)
	}
	s.look(0, 0, 1)
	late, after := s.run(time.Minute, 1)
	if !slices.Equal(late, []int{0}) || after <= deadline || after > deadline*5/4 {
		t.Errorf("%v are late after %v", late, after)
	}
	if late, after := s.run(time.Hour, 0, 1); late != nil {
		t.Errorf("%v are late after %v, for the second time or though they beat", late, after)
	}
}

// A peer that pauses for less than the deadline is not late, whenever its beats and the looks fall.
func TestPause(t *testing.T) {
	const deadline = time.Second
	rng := rand.New(rand.NewPCG(1, 2))
	every := Interval(deadline)
	for range 1000 {
		s := newScene(deadline, 1)
		jitter := func() time.Duration { return every + time.Duration(rng.Int64N(int64(every)))/4 }
		beat := s.now // the next one
		pauseAt := s.now.Add(time.Duration(rng.Int64N(int64(deadline))) + 2*every)
		over := pauseAt.Add(deadline)
		for end := over.Add(deadline); s.now.Before(end); {
			passed, heard := jitter(), []int(nil)
			for !beat.After(s.now.Add(passed)) {
				if beat.After(pauseAt) && beat.Before(over) {
					beat = over
					continue
				}
				heard = []int{0}
				beat = beat.Add(jitter())
			}
			if late := s.look(passed, heard...); late != nil {
				t.Fatalf("late %v after the pause began, which takes %v", s.now.Sub(pauseAt), deadline)
			}
		}
	}
}

// A host that was itself stopped does not blame the others, however long it was and however often.
func TestStoppedListener(t *testing.T) {
	s := newScene(time.Second, 1)
	s.look(0, 0)
	for range 10 {
		if late := s.look(time.Hour); late != nil {
			t.Error("an hour of its own absence counts as silence")
		}
		s.look(50*time.Millisecond, 0)
	}
	// One that looks seldom, for want of processor time, is slower, but does not overlook who is gone.
	looks := 0
	for s.look(300*time.Millisecond) == nil {
		looks++
	}
	if looks < 10 || looks > 12 {
		t.Errorf("late after %d looks", looks)
	}
}

func TestWords(t *testing.T) {
	for s, want := range map[Silence]string{Silence(10 * time.Second): "for 10 s: ", Silence(500 * time.Millisecond): "for 0.5 s: "} {
		if got := s.Error(); !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestClock(t *testing.T) {
	var c Clock
	var all sync.WaitGroup
	ticks := make(chan time.Time)
	all.Go(func() { c.Run(5*time.Millisecond, func(now time.Time) { ticks <- now }) })
	last := time.Now()
	for range 10 {
		now := <-ticks
		if now.Sub(last) <= 0 {
			t.Errorf("a tick %v after the one before", now.Sub(last))
		}
		last = now
	}
	c.Stop()
	go func() { // one may be on its way
		for range ticks {
		}
	}()
	all.Wait()
	close(ticks)

	var long Clock
	all.Go(func() { long.Run(time.Hour, func(time.Time) { t.Error("too early") }) })
	long.Stop()
	long.Stop()
	all.Wait()
	long.Run(time.Hour, func(time.Time) { t.Error("a stopped clock ticks") })
}
