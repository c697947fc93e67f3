package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
)

// The test binary is also the program that the tests launch: envProgram says which one, and its arguments follow after
// "--" so that the testing package does not see them.
const (
	envProgram  = "LAUNCH_TEST_PROGRAM"
	envForked   = "LAUNCH_TEST_FORKED"   // internal: this supervisor has left its parent
	envNoPidfd  = "LAUNCH_TEST_NO_PIDFD" // pidfd_open is refused
	envExchange = "LAUNCH_TEST_EXCHANGE" // a duration in place of exchangeLimit
	envVersion  = "LAUNCH_TEST_VERSION"  // in place of libraryVersion
	envSilence  = "LAUNCH_TEST_SILENCE"  // a duration in place of silenceLimit
	envWelcome  = "LAUNCH_TEST_WELCOME"  // a duration in place of welcomeLimit
	envOptions  = "LAUNCH_TEST_OPTIONS"  // JSON of the Options to start with
)

func TestMain(m *testing.M) {
	for name, limit := range map[string]*time.Duration{
		envExchange: &exchangeLimit, envSilence: &silenceLimit, envWelcome: &welcomeLimit} {
		if value, err := time.ParseDuration(os.Getenv(name)); err == nil {
			*limit = value
		}
	}
	if os.Getenv(envNoPidfd) != "" {
		pidfdOpen = func(int, int) (int, error) { return -1, unix.ENOSYS }
	}
	if version := os.Getenv(envVersion); version != "" {
		libraryVersion = version
	}
	switch {
	case os.Getenv(EnvAgent) != "":
		os.Exit(Supervise())
	case os.Getenv(EnvSupervisor) != "":
		os.Exit(constructor())
	case os.Getenv(envProgram) != "":
		os.Exit(runProgram(os.Getenv(envProgram)))
	}
	os.Exit(m.Run())
}

// constructor does what cabi/supervise.c does in a C program. For want of fork it executes itself a second time.
func constructor() int {
	if os.Getenv(envForked) != "" {
		if err := os.Unsetenv(envForked); err != nil {
			panic(err)
		}
		return Supervise()
	}
	files := make([]uintptr, fdCount)
	for fd := range files {
		files[fd] = uintptr(fd)
	}
	_, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env: append(os.Environ(), envForked+"=1"), Files: files})
	if err != nil {
		return 1
	}
	return 0
}

// join makes the calling test process a host, as jia_init does.
func join() *Job {
	settings, err := conf.Load(os.Getenv)
	if err != nil {
		panic(err)
	}
	member, err := Member()
	if err != nil {
		panic(err)
	}
	options := Options{Machines: []Machine{{Name: "localhost", Hosts: settings.NProc}}}
	if text := os.Getenv(envOptions); text != "" {
		options = Options{}
		if err := json.Unmarshal([]byte(text), &options); err != nil {
			panic(err)
		}
	}
	start := func() (*Job, error) { return StartOn(options) }
	if member {
		start = Join
	}
	job, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jia:", err)
		os.Exit(1)
	}
	return job
}

// programs are what a host does between jia_init and its exit handler. Each returns main's status.
var programs = map[string]func(job *Job, args []string) int{
	"status": func(job *Job, _ []string) int {
		job.Leaving()
		if job.Rank() == 0 {
			return 7
		}
		return 3
	},
	"hammer":   hammer,
	"flood":    flood,
	"die":      die,
	"report":   report,
	"describe": describe,
	"gather":   gather,
	"mumble":   mumble,
	"mute":     mute,
	"late":     lateDeath,
	"child":    leaveChild,
	"copy": func(job *Job, _ []string) int {
		text, err := io.ReadAll(os.Stdin)
		fmt.Printf("host %d: %q %v\n", job.Rank(), text, err)
		job.Leaving()
		return 0
	},
	"prompt": func(job *Job, _ []string) int {
		if job.Rank() == 0 {
			fmt.Print("name? ")
			var name string
			_, err := fmt.Scanln(&name)
			fmt.Println("hello", name, err)
		}
		job.Leaving()
		return 0
	},
	"wait": func(job *Job, _ []string) int {
		announce(job)
		select {}
	},
	"chatty": func(job *Job, _ []string) int {
		if _, err := job.Exchange("here"); err != nil {
			panic(err)
		}
		switch job.Rank() {
		case 1:
			for {
				fmt.Println("yes")
			}
		case 2:
			// Long enough after the pipes are full, or not: the job ends either way.
			time.Sleep(300 * time.Millisecond)
			job.Fail("I can be heard")
		}
		select {}
	},
	"yes": func(*Job, []string) int {
		for {
			fmt.Println("yes")
		}
	},
}

func runProgram(name string) int {
	args := os.Args[1:]
	for i, arg := range args {
		if arg == "--" {
			args = args[i+1:]
			break
		}
	}
	job := join()
	status := programs[name](job, args)
	job.Finish()
	return status
}

// announce tells the test which processes the job consists of, and returns their ids by rank once the test has read
// them: whoever dies earlier may take the announcement along.
func announce(job *Job) []int {
	read := make(chan os.Signal, 1)
	signal.Notify(read, signalRead) // before the exchange: host 0 may be quick
	table, err := job.Exchange(strconv.Itoa(os.Getpid()))
	if err != nil {
		job.Fail(err.Error())
	}
	if job.Rank() == 0 {
		fmt.Println("pids", job.supervisorPid, strings.Join(table, " "))
	}
	pids := make([]int, len(table))
	for rank := range pids {
		if pids[rank], err = strconv.Atoi(table[rank]); err != nil {
			panic(err)
		}
	}
	<-read
	return pids
}

// signalRead is how begin tells the hosts that it has read the announcement.
const signalRead = unix.SIGUSR1

const hammerLines = 200

// hammer writes numbered lines to both streams, each in several system calls.
func hammer(job *Job, args []string) int {
	seed, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		panic(err)
	}
	random := rand.New(rand.NewSource(seed + int64(job.Rank())))
	for i := 0; i < hammerLines; i++ {
		for fd := 1; fd <= 2; fd++ {
			line := fmt.Sprintf("host %d stream %d line %d %s|\n", job.Rank(), fd, i, strings.Repeat("x", random.Intn(300)))
			for len(line) > 0 {
				n := 1 + random.Intn(len(line))
				if _, err := unix.Write(fd, []byte(line[:n])); err != nil {
					panic(err)
				}
				line = line[n:]
			}
		}
	}
	job.Leaving()
	return 0
}

const (
	floodLines = 2000
	floodWidth = 1000
)

// flood writes more than any pipe holds, and leaves at once.
func flood(job *Job, _ []string) int {
	line := []byte(strings.Repeat(strconv.Itoa(job.Rank()), floodWidth) + "\n")
	for i := 0; i < floodLines; i++ {
		if _, err := os.Stdout.Write(line); err != nil {
			panic(err)
		}
	}
	job.Leaving()
	return 0
}

// die ends one host in the way that its arguments say, once another one is in the worst of states for being ended.
func die(job *Job, args []string) int {
	how, victim := args[0], args[1]
	pids := announce(job)
	straggler := (atoi(victim) + 1) % job.Size()
	if job.Rank() == straggler {
		signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
		if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
			panic(err)
		}
	}
	if job.Rank() != atoi(victim) {
		select {}
	}
	for processState(pids[straggler]) != "T" {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("now")
	switch how {
	case "killed", "segv", "term":
		number := map[string]unix.Signal{"killed": unix.SIGKILL, "segv": unix.SIGSEGV, "term": unix.SIGTERM}[how]
		takeDefault(number)
		if err := unix.Kill(os.Getpid(), number); err != nil {
			panic(err)
		}
		select {}
	case "exit":
		return 4
	case "_exit":
		os.Exit(0)
	case "fail":
		job.Fail("out of cheese,\nbuy some")
	case "agent":
		if err := unix.Kill(os.Getppid(), unix.SIGKILL); err != nil {
			panic(err)
		}
		select {}
	case "supervisor", "supervisor, and what follows":
		job.mu.Lock() // so that the listener comes late
		if err := unix.Kill(job.supervisorPid, unix.SIGKILL); err != nil {
			panic(err)
		}
		for strings.Trim(processState(job.supervisorPid), "ZX") != "" {
		}
		job.mu.Unlock()
		if how != "supervisor" {
			job.Fail("lost host 2")
		}
		select {}
	case "exec":
		_ = unix.Exec("/bin/sleep", []string{"sleep", "1000"}, nil)
	}
	return 1
}

// takeDefault undoes what the Go runtime did for a signal, so that it acts on this process as on a C program.
func takeDefault(number unix.Signal) {
	var action [32]byte // struct sigaction of the kernel: SIG_DFL and no flags
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// report has every host but one complain about the death of that one, whose turn comes a little later.
func report(job *Job, _ []string) int {
	if _, err := job.Exchange("here"); err != nil {
		panic(err)
	}
	if job.Rank() == 2 {
		if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
			panic(err)
		}
	}
	job.Fail("lost the connection to host 2")
	return 1
}

// A description is what a host finds around itself.
type description struct {
	Rank     int
	Args     []string
	Env      []string
	Dir      string
	Secret   []byte
	Terminal bool
	Local    int
	Listen   string
}

func describe(job *Job, _ []string) int {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(description{job.Rank(), os.Args, os.Environ(), dir, job.Secret(), job.TerminalOutput(),
		job.Local(), job.Listen()})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
	job.Leaving()
	return 0
}

// gather has all hosts tell each other long texts, several times, after the exchange of addresses.
func gather(job *Job, _ []string) int {
	if _, err := job.Exchange("here"); err != nil {
		job.Fail(err.Error())
	}
	for round := range 3 {
		text := func(rank int) string { return strings.Repeat(fmt.Sprintf("%d.%d;", rank, round), MaxGather/4-rank) }
		texts, err := job.Gather(text(job.Rank()))
		if err != nil {
			job.Fail(err.Error())
		}
		for rank, got := range texts {
			if got != text(rank) || len(texts) != job.Size() {
				job.Fail(fmt.Sprintf("round %d: host %d said %.20q", round, rank, got))
			}
		}
	}
	job.Leaving()
	return 0
}

// mumble never says what host 1 has to say in the second round.
func mumble(job *Job, _ []string) int {
	for round := range 2 {
		if round == 1 && job.Rank() == 1 {
			select {}
		}
		if _, err := job.Gather("something"); err != nil {
			job.Fail(err.Error())
		}
	}
	return 1
}

// mute never says where host 2 listens.
func mute(job *Job, _ []string) int {
	if job.Rank() == 2 {
		select {}
	}
	_, err := job.Exchange("here")
	job.Fail(err.Error())
	return 1
}

// lateDeath kills host 1 after it has left the job.
func lateDeath(job *Job, _ []string) int {
	job.Leaving()
	if job.Rank() == 1 {
		if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
			panic(err)
		}
	}
	return 0
}

// leaveChild leaves a process behind that holds the host's pipes open.
func leaveChild(job *Job, _ []string) int {
	if job.Rank() == 1 {
		child := exec.Command("/bin/sleep", "1000")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", child.Process.Pid)
	}
	job.Leaving()
	return 0
}

// processState returns the state letter of a process, "" when there is none.
func processState(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))[0]
}
