package node

import (
	"runtime"
	"testing"
	"time"

	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// alone returns a host that is a job by itself.
func alone(t *testing.T) *Node {
	t.Helper()
	n, err := Open(Config{Hosts: 1, RegionBytes: 1 << 20, PageSize: 4096, Fail: func(line string) { panic(line) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.region.Close(); err != nil {
			t.Error(err)
		}
	})
	n.BeginStats()
	return n
}

// whole checks what must be true of every row.
func whole(t *testing.T, r stats.Row) {
	t.Helper()
	if sum := r[stats.Computing] + r[stats.Faulting] + r[stats.Locking] + r[stats.InBarriers] + r[stats.InMessages] + r[stats.Waiting]; sum != r[stats.Elapsed] {
		t.Errorf("the parts of the time are %d ns, elapsed are %d", sum, r[stats.Elapsed])
	}
}

func TestCountsOfOneHost(t *testing.T) {
	n := alone(t)
	const me core.Owner = 1
	work := func() {
		n.Lock(me, 3)
		n.Lock(me, 4)
		n.Unlock(me, 4)
		n.Unlock(me, 3)
		n.Rendezvous(me, wire.KindBarrier)
		n.Rendezvous(me, wire.KindWait)
		n.CV(wire.CVSet, 1)
		n.CV(wire.CVWait, 1)
	}
	check := func(times uint64) {
		t.Helper()
		r := n.Stats()
		whole(t, r)
		for f, want := range map[stats.Field]uint64{stats.LocksLocal: 2, stats.LocksRemote: 0, stats.Barriers: 1, stats.Waits: 2,
			stats.MessagesSent: 0, stats.OtherThreads: 0} {
			if r[f] != times*want {
				t.Errorf("%s: %d, want %d", stats.Fields[f].Name, r[f], times*want)
			}
		}
	}
	work()
	check(1)
	n.Window(true)
	check(0)
	work()
	work()
	check(2)
	n.Window(false)
	work()
	check(2)
	n.Rendezvous(me, wire.KindExit)
	list, _ := n.GatherStats()
	if len(list) != 1 || list[0].Host != 0 || list[0].Row != n.Stats() {
		t.Errorf("gathered %+v, have %+v", list, n.Stats())
	}
	check(2)
}

// A wait of the thread whose time is split counts while it lasts; one of another thread when it is over.
func TestWaitsCount(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := alone(t)
	n.measure() // the load balancing measures the same thread
	main, other := &thread{span: span{call: callFault}}, &thread{span: span{call: callLock}}
	otherThread(func() { n.tally.waits(other) })
	n.tally.waits(main)
	pass(time.Millisecond)
	during := n.Stats()
	whole(t, during)
	if during[stats.Faulting] < 1e6 || during[stats.OtherThreads] != 0 || during[stats.ReadFaults] != 0 {
		t.Errorf("during the wait: %+v", during)
	}
	n.tally.completed(main)
	n.tally.completed(other)
	pass(time.Millisecond)
	after := n.Stats()
	whole(t, after)
	if after[stats.Faulting] < during[stats.Faulting] || after[stats.Computing] < 1e6 || after[stats.OtherThreads] < 1e6 ||
		after[stats.ReadFaults] != 1 || after[stats.LocksLocal] != 1 || after[stats.Locking] != 0 {
		t.Errorf("after the waits: %+v", after)
	}
	if worked := n.tally.worked(); worked < time.Millisecond || worked > time.Duration(n.Stats()[stats.Computing]) {
		t.Errorf("the thread has worked for %v; it computed for %d ns", worked, after[stats.Computing])
	}
	otherThread(n.measure)
	otherThread(func() { n.tally.waits(other) })
	n.tally.waits(main)
	pass(time.Millisecond)
	n.tally.completed(main)
	if worked := n.tally.worked(); worked < time.Millisecond {
		t.Errorf("the other thread has worked for %v, the wait of this one left out", worked)
	}
}

// otherThread calls f in a thread that does not end before the test.
func otherThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		f()
		close(done)
		select {}
	}()
	<-done
}

// pass lets time go by.
func pass(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}
