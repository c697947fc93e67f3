package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
	"jiajia/core/event"
	"jiajia/core/join"
	"jiajia/core/keep"
	"jiajia/core/launch"
)

// A member is this process's place among the others, whoever started them.
type member interface {
	Rank() int
	Size() int
	Local() int     // hosts on this machine
	Listen() string // IP address for the transport
	Secret() []byte
	TerminalOutput() bool
	Exchange(address string) ([]string, error)
	Gather(text string) ([]string, error)
	Fail(line string)
	Lose(host int, line string)
	OnLoss(do func(host int, line string))
	Leaving()
	Finish()
}

// enter finds out who started this process, and makes it a host of the job that it was started for, or that it is to start.
// job.member stays nil if it is alone. Where several could have a say, the nearest has: a supervisor of our own, then a
// launcher, then what the user has set.
func enter(getenv func(string) string) (conf.Settings, error) {
	started, err := launch.Member()
	if err != nil {
		return conf.Settings{}, err
	}
	if started {
		settings, err := conf.Load(getenv)
		if err == nil {
			err = become(launch.Join())
		}
		return settings, err
	}
	settings, warnings, err := conf.Read(cameFrom(), getenv)
	if err != nil {
		return settings, err
	}
	warnings = append(warnings, conf.Unknown(os.Environ())...)
	keeper := keep.Find()
	launched, err := join.Detect(settings, getenv)
	switch {
	case err != nil:
	case launched != nil:
		err = joinLaunched(launched, settings, warnings, keeper)
	default:
		err = startHosts(settings, warnings, keeper)
	}
	return settings, err
}

// become takes a place in a job. It sees to it that job.member never holds a nil pointer.
func become[M member](m M, err error) error {
	if err == nil {
		job.member = m
	}
	return err
}

// joinLaunched makes this process one of those that a launcher has started.
func joinLaunched(l *join.Launch, settings conf.Settings, warnings []string, keeper *keep.Reporter) error {
	log := newLog(settings, l.Rank)
	if l.Rank == 0 {
		if settings.OnFailure == conf.FailureRestart && keeper == nil {
			warnings = append(warnings, fmt.Sprintf("JIA_ON_FAILURE=restart has no effect under %s: start it as in `jia-restart srun ./app`", l.Launcher))
		}
		if settings.NProcSet && settings.NProc > 1 || settings.Hosts != "" {
			warnings = append(warnings, fmt.Sprintf("JIA_NPROC and JIA_HOSTS are ignored, since %s has started the %d hosts", l.Launcher, l.Size))
		}
		warn(log, warnings)
	}
	job.abort = l.Abort
	return become(join.Join(l, join.Config{
		Version:  conf.Version,
		Settings: commonSettings(settings),
		Network:  settings.Network,
		Keeper:   keeper,
		Warn:     func(line string) { log.Warnf("%s", line) },
	}))
}

// commonSettings words those settings that must be the same on all hosts.
func commonSettings(settings conf.Settings) string {
	var words []string
	for _, row := range conf.Table {
		switch row.Name {
		case "region_size", "page_size", "comm_type", "shm", "pool_check", "peer_timeout":
			words = append(words, row.Env+"="+row.Value(settings))
		case "ckpt_dir": // each host may have one of its own
			words = append(words, fmt.Sprintf("%s=%v", row.Env, map[bool]string{true: "(set)", false: "(not set)"}[settings.CkptDir != ""]))
		}
	}
	return strings.Join(words, " ")
}

// startHosts makes this process host 0 of a job on the machines of the hosts file, or on this machine alone.
func startHosts(settings conf.Settings, warnings []string, keeper *keep.Reporter) error {
	hosts, more, err := conf.ReadHosts(cameFrom(), settings, keep.LeftOut())
	if err != nil {
		return err
	}
	if settings.OnFailure == conf.FailureRestart && keeper == nil {
		more = append(more, "JIA_ON_FAILURE=restart has no effect on this process, which nobody watches over: set it before the program "+
			"starts, in the environment or in "+conf.ConfFile)
	}
	warn(newLog(settings, 0), append(warnings, more...))
	if hosts == nil {
		if settings.NProc == 1 {
			keeper.Close() // its parent sees how this process ends
			return nil
		}
		hosts = []conf.Host{{Name: "localhost", Slots: settings.NProc}}
	}
	options := launch.Options{Dir: startDirectory(), Args: startArguments(), Env: settings.Environ(), Export: settings.Export, TagOutput: settings.TagOutput,
		Keeper: keeper, SSH: settings.SSH, Network: settings.Network, PeerTimeout: peerTimeout(settings)}
	for _, h := range hosts {
		options.Machines = append(options.Machines, launch.Machine{Name: h.Name, User: h.User, Hosts: h.Slots})
	}
	return become(launch.StartOn(options))
}

// cameFrom returns the directory that the program was started in if it has gone elsewhere since, else "": that is where the user
// has put the files of the job, or said where they are.
func cameFrom() string {
	dir := startDirectory()
	if now, err := unix.Getwd(); err == nil && now == dir {
		return ""
	}
	return dir
}

// newLog returns the log of a host.
func newLog(settings conf.Settings, host int) *event.Log {
	level, _ := event.ParseLevel(string(settings.Log)) // conf has checked it
	return event.New(level, host)
}

func warn(log *event.Log, lines []string) {
	for _, line := range lines {
		log.Warnf("%s", line)
	}
}
