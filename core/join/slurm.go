package join

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"strconv"
	"strings"

	"jiajia/core/conf"
)

// step is the means of a Slurm step without a PMI: the port is made from the job's and the step's number, host 0 is on the first
// node, and the secret passes through munge, which every node of most clusters has for Slurm's own sake.
type step struct {
	agreed
	id    string // job.step
	munge *munge // nil: the secret is from a file
}

// slurm detects a task of a step that srun has started. A script of sbatch and a shell of salloc have some of the variables
// too, but not that of a step.
func slurm(s conf.Settings, getenv func(string) string) (*Launch, error) {
	rank, size, ok := shape(getenv, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
	job, number := getenv("SLURM_JOB_ID"), getenv("SLURM_STEP_ID")
	if !ok || job == "" || number == "" {
		return nil, nil
	}
	id := job + "." + number
	l := &Launch{Launcher: "srun", Rank: rank, Size: size, oneMachine: getenv("SLURM_STEP_NUM_NODES") == "1"}
	if size == 1 {
		return l, nil
	}
	task, _ := strconv.Atoi(getenv("SLURM_TASK_PID"))
	if stale(stepOf(task), id) || getenv("SLURM_PTY_PORT") != "" && task != os.Getpid() {
		return nil, nil // inherited through sbatch; or typed into a shell that is a step
	}
	host := "127.0.0.1"
	if !l.oneMachine {
		if host = firstNode(getenv("SLURM_STEP_NODELIST")); host == "" {
			return nil, fmt.Errorf("srun: the list of nodes %.100q cannot be read: use srun --mpi=pmi2", getenv("SLURM_STEP_NODELIST"))
		}
	}
	means := step{id: id, agreed: agreed{address: net.JoinHostPort(host, strconv.Itoa(portOf(id))), from: "Slurm step " + id}}
	var err error
	if s.SecretFile != "" {
		means.secret, err = secretFromFile(s.SecretFile)
	} else {
		means.munge, err = openMunge(mungeSocket(getenv("SLURM_CONF")))
	}
	if err != nil {
		return nil, fmt.Errorf("host %d: srun without PMI: the hosts need a secret in common: %w: use srun --mpi=pmi2, or set %s",
			rank, err, envSecret)
	}
	l.means = means
	return l, nil
}

// stepOf returns the title of the parent of a step's task, which is Slurm's daemon for the step: "slurmstepd: [8.0]". "" if it
// cannot be seen.
func stepOf(task int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", task))
	if err != nil {
		return ""
	}
	// "pid (name) state ppid ...": the name may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return ""
	}
	title, err := os.ReadFile("/proc/" + fields[1] + "/cmdline")
	if err != nil {
		return ""
	}
	return string(title)
}

// stale reports whether a daemon's title is for certain that of another step than id: sbatch passes the variables of the
// step that it is called in on to its script.
func stale(title, id string) bool {
	name, rest, ok := strings.Cut(title, ": [")
	shown, _, closed := strings.Cut(rest, "]")
	return ok && closed && name == "slurmstepd" && shown != id
}

// portOf makes a port from the name of a step, below those that the kernel gives to outgoing connections.
func portOf(id string) int {
	const first, count = 20000, 10000
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return first + int(sum.Sum32()%count)
}

// firstNode returns the first name of a list in Slurm's form, such as "rack[1-2]node[007,9],login": "rack1node007".
func firstNode(list string) string {
	var name strings.Builder
	for list != "" {
		switch c := list[0]; c {
		case ',':
			return name.String()
		case '[':
			inside, rest, ok := strings.Cut(list[1:], "]")
			end := strings.IndexAny(inside, "-,")
			if end < 0 {
				end = len(inside)
			}
			if !ok || end == 0 {
				return ""
			}
			name.WriteString(inside[:end])
			list = rest
		case ']':
			return ""
		default:
			name.WriteByte(c)
			list = list[1:]
		}
	}
	return name.String()
}

func (s step) open(l *Launch, bind string) (*gate, error) {
	address := s.address
	if !l.oneMachine {
		_, port, _ := net.SplitHostPort(address)
		address = net.JoinHostPort(bind, port) // on all addresses, since the node's name may resolve to loopback here
	}
	listener, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("%w, which belongs to this Slurm step, but another program has it: start the step again, or use srun --mpi=pmi2", err)
	}
	if s.munge == nil {
		return &gate{listener: listener, secret: s.secret}, nil
	}
	secret := newSecret()
	return &gate{listener: listener, secret: secret, vouch: func() ([]byte, error) {
		return s.munge.encode(append(secret[:len(secret):len(secret)], s.id...))
	}}, nil
}

func (s step) find(l *Launch) (*place, error) {
	at, err := s.agreed.find(l)
	if s.munge != nil {
		at.check = s.unseal
	}
	return at, err
}

// unseal takes the secret out of host 0's credential.
func (s step) unseal(credential []byte) ([]byte, error) {
	payload, uid, err := s.munge.decode(credential)
	switch {
	case err != nil:
		return nil, err
	case uid != os.Geteuid():
		return nil, final{fmt.Errorf("a credential of user %d: another user's program has the port", uid)}
	case len(payload) < secretSize || string(payload[secretSize:]) != s.id:
		return nil, errors.New("a credential of another Slurm step")
	}
	return payload[:secretSize], nil
}

// mungeSocket reads from Slurm's configuration where munge listens, "" for its usual place.
func mungeSocket(path string) string {
	if path == "" {
		path = "/etc/slurm/slurm.conf"
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !strings.EqualFold(strings.TrimSpace(key), "AuthInfo") {
			continue
		}
		for _, option := range strings.Split(strings.TrimSpace(value), ",") {
			if socket, ok := strings.CutPrefix(option, "socket="); ok {
				return socket
			}
		}
	}
	return ""
}
