// Package keep starts a job again when it has lost a host. It is what JIA_ON_FAILURE=restart and the command jia-restart are made of.
//
//	shell ── keeper                    waits; is the only one that outlives every host
//	           ├─ host 0 ─┐            as core/launch makes them, or a launcher
//	           ╰─ ... ────┴─ reports   of how the job ends: one pipe for each run, or a file
//
// The keeper is a process of its own since host 0, which is the program that the user has started, may be lost as any other host.
// With JIA_ON_FAILURE=restart the started process becomes the keeper before main can run (cabi/keeper.c), and the program runs in
// its child. It keeps the standard input, the terminal and the arguments for the child; signals that are meant for the
// program are passed on to it. jia-restart does the same around a launcher's command.
//
// How a run has ended is told by the library: the supervisor of core/launch, or a host that a launcher has started, writes a Report.
// What nobody has reported shows in the exit status. See judge. A run that has lost a host is followed by another, from the newest
// checkpoint that this job has completed, as often as MaxRestarts says; all else is the end, and the keeper ends as the program did.
//
// # Guarantees
//
// A run begins when all processes of the one before that the supervisor answers for are gone. When the keeper is killed, the kernel kills
// host 0 or the launcher, and the job ends.
package keep

import "time"

const (
	// A signal that came within this time before the end is its cause.
	signalLimit = time.Second
	// The same where a launcher ends the processes: it may wait before it kills those that do not obey (KillWait of Slurm).
	launcherLimit = 35 * time.Second
	// How long after the end of a run its cause may come.
	echoLimit = 100 * time.Millisecond
	// How long the supervisor may take to say that it exists, when host 0 is gone: it is waited for if it does.
	beginLimit = time.Second
	// How often the supervisor is looked for where the kernel does not tell of its end, and a file of reports for news.
	lookInterval = 50 * time.Millisecond
	// How long after the end of the job its launcher may go on. One that is not told to kill what is left waits for a host that hangs.
	stuckLimit = 5 * time.Second
)
