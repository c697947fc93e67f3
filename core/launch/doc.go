// Package launch starts the processes of a job, on this machine and on others, and ends them together.
//
// JIA_NPROC=4 ./app becomes five processes:
//
//	shell ── host 0 (the started process)          stdin, environment, arguments: the user's
//	           │ pipes for fds 1 and 2, control
//	         supervisor ── host 1, host 2, host 3  stdin: /dev/null; the rest as host 0 had it at its start
//
// During jia_init host 0 runs its own binary a second time. A constructor in that copy (cabi/supervise.c) finds
// JIA_SUPERVISOR in the environment and calls Supervise instead of letting main run. Why a process of its own, and
// not a thread of host 0: it must see host 0 die of anything, SIGKILL included, and end the others; it must pass on
// the last output of every host after that host is gone; and it must do so while host 0 is stopped or computes with
// every processor. Why not the parent of host 0, as with mpirun: host 0 is already running when it calls jia_init.
//
// The supervisor does these things:
//
//   - supervisor.go and ending.go decide. One goroutine hears of everything that happens to a host (a message on its control
//     connection, its death, a signal from the terminal) and moves the job from starting to ended. See phase.
//   - supervise.go and children.go start hosts, and cause.go finds out how a host died.
//   - relay.go owns the job's real standard output and error and passes on whole lines.
//   - link.go, with sshstreams.go, heard.go and lost.go, is its end of the connection with another machine; addresses.go says who
//     listens where.
//
// With JIA_ON_FAILURE=restart there is one process more, the keeper of package keep:
//
//	shell ── keeper ── host 0
//	            │ pipe      supervisor ── host 1, host 2, host 3
//	            ╰──────────── │
//
// The supervisor tells it how the job ends, in the place of the line for the user where that is the loss of a host (cause.go).
//
// A host talks to it through a Job: over one stream socket (control.go has the messages), inherited, never named.
//
// # Other machines
//
// StartOn with hosts on two more machines makes this of it:
//
//	supervisor ── host 1
//	   ├─ ssh ······ sshd ── agent ── host 2, host 3     stdin: /dev/null; environment: a login's and what Options say
//	   └─ ssh ······ sshd ── agent ── host 4
//
// bootstrap.go has the script that finds or fetches the program there. It becomes the agent (agent.go): the constructor finds
// JIA_AGENT in the environment. From then on frames (frame.go) pass over ssh's standard input and output. In time order: the hash
// of the program is computed while all machines are being reached; each agent says hello; when all have, the hosts are
// started everywhere; when all of them exist, addresses are settled and every host is welcomed, with the secret of the job, which
// takes no other way than ssh's standard input.
//
// # Guarantees
//
// When a host dies, exits before jia_exit or calls Job.Fail, every process of the job is gone within two seconds,
// whatever state it is in: a process that is stopped or blocks its signals is killed. The first cause, and only that,
// is printed in one line. When the supervisor itself is killed, the kernel kills its children and host 0 sees the
// control connection end. When an agent's connection ends, for whatever reason, it exits, and the kernel kills its hosts; when it hears
// nothing for silenceLimit it does the same. Processes that the program itself started are the program's own business.
package launch

import "time"

// The limits that add up to the promise above: everything gone within two seconds of the first cause.
const (
	// A report by a live host waits this long, since it is often the echo of a death (a connection that broke)
	// of which the supervisor has not been told yet. The death is then the first cause.
	echoLimit = 100 * time.Millisecond
	// After a request to end, a host has this long before it is killed. Paid at most twice: hosts 1 and up first,
	// host 0 last, so that the shell's prompt returns when nothing else is left.
	graceLimit = 400 * time.Millisecond
	// How long the output that was under way may hold up the end of a failed job, in case nobody reads it.
	outputLimit = 500 * time.Millisecond
	// Job.Fail gives up waiting for the supervisor and exits by itself.
	failLimit = 1500 * time.Millisecond
	// How long after a SIGHUP the death of host 0 that may have brought it about is looked for.
	orphanLimit = 10 * time.Millisecond
	// A signal from the terminal within this time explains any death: every process of the group had it.
	interruptLimit = time.Second
)

// welcomeLimit bounds how long a host waits for the supervisor's first message. It covers the start of the
// supervisor and of all hosts on a loaded machine, not any of the program's own code. In a job on several machines host 0 waits
// for as long as it must, and the limit is for the time in which a machine that is being reached shows no progress. A variable
// so that tests need not wait so long.
var welcomeLimit = 60 * time.Second

// silenceLimit is after what silence of the supervisor an agent ends its hosts: a network may break without either end being
// told. They may end earlier, since hosts notice the silence of other hosts, and not before, if that is what the user wants
// (Options.PeerTimeout). A variable for the same reason.
var silenceLimit = 50 * time.Second

// exchangeLimit bounds how long after the first host the last one may call jia_init. It is generous because a program
// may read its input first. A variable so that tests need not wait so long.
var exchangeLimit = 2 * time.Minute

// promptLimit is how long an unfinished line of host 0 stays quiet before it is taken for a prompt and passed on.
const promptLimit = 100 * time.Millisecond
