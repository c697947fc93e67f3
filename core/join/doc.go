// Package join makes a process a host of a job that somebody else has started: srun, mpirun, mpiexec, or anything that
// sets JIA_RANK, JIA_SIZE, JIA_ROOT and JIA_SECRET_FILE. Package launch is its counterpart for jobs that the program
// starts itself; the Jobs of both have the same methods.
//
// Joining takes two steps. First everybody learns rank, size, where host 0 is, and 32 secret bytes:
//
//	who says so       how                                         file
//	JIA_RANK ...      the environment and the file of the secret  generic.go
//	PMIx              libpmix, loaded at run time                 pmix.go, pmix.c
//	PMI               a line protocol on a descriptor             pmi.go
//	Slurm alone       its variables; the secret through munge     slurm.go, munge.go, munge.c
//
// Then every host connects to host 0, its root, over TCP, and stays connected:
//
//	host 1 ──┐
//	host 2 ──┼── host 0
//	host 3 ──┘
//
// Both ends prove that they know the secret (handshake.go) before anything else is read. The messages (message.go) exchange
// addresses, and end the job: the root decides (root.go), the guests obey (guest.go).
//
// # Guarantees
//
// When a host dies, exits before jia_exit or calls Job.Fail, the root prints the first cause in one line, and all hosts
// that run end with status 1 within two seconds; when the root is gone, host 1 says so instead. A host that is stopped ends
// when it is continued: nobody here can kill it, and launchers do. Output, signals and the end of the whole are the
// launcher's business, which learns of a failure by the exit status.
//
// The launcher's own service (PMI, PMIx) is used to meet and then left, so that nothing of it runs beside the program.
package join

import "time"

// Limits in time.
const (
	// How long hosts wait for each other, from the start of the first: for host 0 to listen, for everybody to come,
	// and then for everybody to say where it listens.
	joinLimit = 2 * time.Minute
	// After this time a host that still waits says for what, once.
	noticeLimit = 10 * time.Second
	// How long a connection may take to prove that it belongs to the job.
	handshakeLimit = 5 * time.Second
	// A report by a live host waits this long, since it is often the echo of a death (a connection that broke) of which
	// the root has not heard yet; a death waits, since the launcher may be ending everybody, and then the line is noise.
	echoLimit = 100 * time.Millisecond
	// How long host 0 waits for the others to end before it ends itself.
	graceLimit = 500 * time.Millisecond
	// Job.Fail gives up waiting for the root and exits by itself.
	failLimit = time.Second
	// One attempt to connect, and the pause before the next.
	dialLimit = 3 * time.Second
	dialPause = 50 * time.Millisecond
	// How long a message may take to be written: a few bytes to a peer that reads at all times, on a machine that may stand still
	// for seconds.
	sendLimit  = handshakeLimit
	maxStrange = 64 // connections at once that have not proved themselves, beyond one for every host
)
