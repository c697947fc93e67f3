package join

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
)

// board is the means of launchers that offer a table: host 0 writes an invitation there, and the others read it.
type board interface {
	// share is collective. Every host gets the text that host 0 gives, which has no spaces or equals signs.
	share(rank int, text string) (string, error)
	// limit is how long a text may be, in bytes.
	limit() int
	// abort tells the launcher that this process has failed.
	abort()
}

// pmiClient speaks the first version of the process management interface: lines of key=value words, an answer for
// each. MPICH's Hydra and Slurm's pmi2 plugin serve it.
type pmiClient struct {
	fd       int
	opened   bool
	held     []byte        // received, not yet a whole line
	patience time.Duration // how long an answer may take
}

// maxPMILine bounds what the launcher may say in one line.
const maxPMILine = 64 << 10

// pmi detects PMI_FD, PMI_RANK and PMI_SIZE. A descriptor that is no socket belongs to a process further up.
func pmi(_ conf.Settings, getenv func(string) string) (*Launch, error) {
	fd, err := strconv.Atoi(getenv("PMI_FD"))
	if err != nil || fd < 0 {
		return nil, nil
	}
	rank, size, ok := shape(getenv, "PMI_RANK", "PMI_SIZE")
	if !ok || !isSocket(fd) {
		return nil, nil
	}
	l := &Launch{Launcher: "mpiexec (PMI)", Rank: rank, Size: size, oneMachine: getenv("MPI_LOCALNRANKS") == getenv("PMI_SIZE")}
	if getenv("SLURM_STEP_ID") != "" && getenv("HYDI_CONTROL_FD") == "" {
		l.Launcher = "srun (PMI)"
		l.oneMachine = getenv("SLURM_STEP_NUM_NODES") == "1"
	}
	l.means = byBoard{&pmiClient{fd: fd, patience: joinLimit}}
	return l, nil
}

func isSocket(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// limit is the least that the servers we know offer.
func (c *pmiClient) limit() int { return 1000 }

func (c *pmiClient) share(rank int, text string) (string, error) {
	shared, err := c.converse(rank, text)
	if err != nil {
		return "", fmt.Errorf("the launcher's PMI: %w", err)
	}
	// The descriptor is the launcher's no more: a child must not take whatever gets its number for one.
	c.opened = false
	_ = unix.Close(c.fd)
	_ = os.Unsetenv("PMI_FD")
	return shared, nil
}

func (c *pmiClient) converse(rank int, text string) (shared string, err error) {
	const key = "jia"
	if _, err := c.call("cmd=init pmi_version=1 pmi_subversion=1", "response_to_init"); err != nil {
		return "", err
	}
	c.opened = true
	maxes, err := c.call("cmd=get_maxes", "maxes")
	if err != nil {
		return "", err
	}
	if most, err := strconv.Atoi(maxes["vallen_max"]); err != nil || len(text) >= most {
		return "", fmt.Errorf("it takes values of %.20q bytes, but %d are needed", maxes["vallen_max"], len(text))
	}
	name, err := c.call("cmd=get_my_kvsname", "my_kvsname")
	if err != nil {
		return "", err
	}
	table := name["kvsname"]
	if rank == 0 {
		if _, err := c.call(fmt.Sprintf("cmd=put kvsname=%s key=%s value=%s", table, key, text), "put_result"); err != nil {
			return "", err
		}
	}
	if _, err := c.call("cmd=barrier_in", "barrier_out"); err != nil {
		return "", err
	}
	got, err := c.call(fmt.Sprintf("cmd=get kvsname=%s key=%s", table, key), "get_result")
	if err != nil {
		return "", err
	}
	if _, err := c.call("cmd=finalize", "finalize_ack"); err != nil {
		return "", err
	}
	return got["value"], nil
}

func (c *pmiClient) abort() {
	if c.opened {
		_ = c.write("cmd=abort exitcode=1")
	}
}

// call sends a request and returns the answer, whose cmd must be the one given.
func (c *pmiClient) call(request, answer string) (map[string]string, error) {
	verb, _, _ := strings.Cut(strings.TrimPrefix(request, "cmd="), " ")
	if err := c.write(request); err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	line, err := c.read(time.Now().Add(c.patience))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	words, err := parsePMI(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	if words["cmd"] != answer {
		return nil, fmt.Errorf("%s: answered by %.40q, not %q", verb, words["cmd"], answer)
	}
	if rc := words["rc"]; rc != "" && rc != "0" {
		return nil, fmt.Errorf("%s: refused (rc=%.20s %.100s)", verb, rc, words["msg"])
	}
	return words, nil
}

// parsePMI takes a line apart.
func parsePMI(line string) (map[string]string, error) {
	words := make(map[string]string)
	for _, word := range strings.Fields(line) {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("the word %.40q is no key=value", word)
		}
		if _, twice := words[key]; twice {
			return nil, fmt.Errorf("the key %.40q comes twice", key)
		}
		words[key] = value
	}
	if words["cmd"] == "" {
		return nil, fmt.Errorf("the line %.60q has no cmd", line)
	}
	return words, nil
}

// write sends a line. The answer to the one before has been read, so there is room for it.
func (c *pmiClient) write(line string) error {
	text := []byte(line + "\n")
	for len(text) > 0 {
		n, err := unix.SendmsgN(c.fd, text, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("send", err)
		}
		text = text[n:]
	}
	return nil
}

func (c *pmiClient) read(deadline time.Time) (string, error) {
	buf := make([]byte, 4096)
	for {
		if line, rest, ok := strings.Cut(string(c.held), "\n"); ok {
			c.held = []byte(rest)
			return line, nil
		}
		if len(c.held) > maxPMILine {
			return "", fmt.Errorf("a line of more than %d bytes", maxPMILine)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return "", fmt.Errorf("no answer for %v: have all processes of the job been started, and do all call jia_init?", c.patience)
		}
		fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(left.Milliseconds())+1); n == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		n, err := unix.Read(c.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return "", os.NewSyscallError("read", err)
		case n == 0:
			return "", errors.New("the launcher has closed the connection")
		default:
			c.held = append(c.held, buf[:n]...)
		}
	}
}
