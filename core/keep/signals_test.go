package keep

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the terminal sends reaches the program by itself, but not one that was started later.
func TestTheTerminalsSignals(t *testing.T) {
	runtime.LockOSThread() // see spawn
	for _, test := range []struct {
		name string
		sent []caught
		want unix.Signal
	}{
		{"to both", []caught{{unix.SIGINT, true, 1}, {unix.SIGTERM, false, 1}}, unix.SIGTERM},
		{"before it was there", []caught{{unix.SIGINT, true, 0}}, unix.SIGINT},
	} {
		t.Run(test.name, func(t *testing.T) {
			signals := make(chan caught)
			k := &keeper{Config: Config{Path: "/bin/sleep", say: func(line string) { t.Error(line) }}, args: []string{"sleep", "60"}, signals: signals}
			go func() {
				for _, s := range test.sent {
					signals <- s
				}
			}()
			e, err := k.run()
			if err != nil {
				t.Fatal(err)
			}
			if !e.status.Signaled() || e.status.Signal() != test.want || judge(e).again {
				t.Errorf("%#x, not %v; %+v", int(e.status), test.want, judge(e))
			}
		})
	}
}

// A run may end of a signal before the keeper has it.
func TestTheKeepersTurnComesLast(t *testing.T) {
	signals := make(chan caught)
	k := &keeper{signals: signals}
	e := ending{pid: 5, status: unix.WaitStatus(unix.SIGINT), caused: time.Now()}
	if !judge(e).again {
		t.Error("it may have been somebody else's")
	}
	go func() {
		signals <- caught{number: unix.SIGUSR1}
		signals <- caught{number: unix.SIGINT, kernel: true}
	}()
	if !k.isAsked(&e) || judge(e).again {
		t.Errorf("%+v", judge(e))
	}
	if k.isAsked(&e) {
		t.Error("asked twice")
	}
}

// A launcher that waits for a host which hangs, when the others have ended, is ended.
func TestALauncherThatWaits(t *testing.T) {
	runtime.LockOSThread() // see spawn
	began := time.Now()
	k := &keeper{Config: Config{Path: "/bin/sh", Launcher: true, CkptDir: t.TempDir()}, env: []string{"PATH=/bin:/usr/bin"},
		args: []string{"srun", "-c", `echo '{"kind":"lost","host":2,"line":"it hangs"}' >> $JIA_KEEPER; exec sleep 60`}}
	e, err := k.run()
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < stuckLimit || took > stuckLimit+10*time.Second {
		t.Errorf("it took %v", took)
	}
	if v := judge(e); !v.again || v.line != "it hangs" {
		t.Errorf("%+v", v)
	}
}

// Whoever does not want the job any more when a run has just ended sees no other begin.
func TestAskedToEndBetweenRuns(t *testing.T) {
	signals := make(chan caught, 2)
	k := &keeper{signals: signals}
	if got := k.askedToEnd(); got != 0 {
		t.Errorf("%v of its own accord", got)
	}
	signals <- caught{number: unix.SIGUSR1}
	signals <- caught{number: unix.SIGINT, kernel: true}
	if got := k.askedToEnd(); got != unix.SIGINT {
		t.Errorf("%v", got)
	}
}
