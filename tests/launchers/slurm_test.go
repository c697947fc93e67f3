package launchers

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cluster is a Slurm of one node, with more processors than the tests ask for at a time, made when the first test needs it.
var cluster struct {
	sync.Mutex
	dir     string // "": not there
	daemons []*daemon
	err     error // why it could not be made
}

// configuration of that Slurm: nothing outside its folder, nothing that needs cgroups or a database.
const configuration = `ClusterName=test
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=%[2]s
SlurmdUser=%[2]s
AuthType=auth/munge
AuthInfo=socket=%[3]s/munge/socket
CryptoType=crypto/munge
SlurmctldPort=%[4]d
SlurmdPort=%[5]d
StateSaveLocation=%[3]s/state
SlurmdSpoolDir=%[3]s/spool.%%n
SlurmctldPidFile=%[3]s/slurmctld.pid
SlurmdPidFile=%[3]s/slurmd.%%n.pid
SlurmctldLogFile=%[3]s/slurmctld.log
SlurmdLogFile=%[3]s/slurmd.%%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=256 RealMemory=200 State=UNKNOWN
PartitionName=all Nodes=%[1]s Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
NodeName=pair1 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[6]d CPUs=2 RealMemory=200 State=UNKNOWN
NodeName=pair2 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[7]d CPUs=2 RealMemory=200 State=UNKNOWN
PartitionName=pair Nodes=pair1,pair2 MaxTime=INFINITE State=UP
`

// slurm returns the variables that a process needs to use the cluster.
func slurm(t *testing.T) []string {
	t.Helper()
	need(t, "slurmctld", "slurmd", "srun", "sbatch", "scancel", "munged")
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.dir == "" && cluster.err == nil {
		cluster.err = startCluster()
	}
	if cluster.err != nil {
		t.Fatal(cluster.err)
	}
	return []string{"SLURM_CONF=" + cluster.dir + "/slurm.conf"}
}

func startCluster() error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	host, _, _ = strings.Cut(host, ".")
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	if cluster.dir, err = os.MkdirTemp("", "jia-slurm-"); err != nil {
		return err
	}
	dir := cluster.dir
	key := make([]byte, 128)
	rand.Read(key)
	text := fmt.Sprintf(configuration, host, me.Username, dir, ports[0], ports[1], ports[2], ports[3])
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(dir+"/munge", 0o755), os.Mkdir(dir+"/state", 0o700), os.Mkdir(dir+"/spool."+host, 0o755),
		os.Mkdir(dir+"/spool.pair1", 0o755), os.Mkdir(dir+"/spool.pair2", 0o755),
		os.WriteFile(dir+"/munge/key", key, 0o600), os.WriteFile(dir+"/slurm.conf", []byte(text), 0o644)); err != nil {
		return err
	}
	for _, argv := range [][]string{
		// --force: the folder of temporary files above its own may be written by everybody.
		{"munged", "--foreground", "--force", "--socket=" + dir + "/munge/socket", "--key-file=" + dir + "/munge/key",
			"--pid-file=" + dir + "/munge/pid", "--log-file=" + dir + "/munge/log", "--seed-file=" + dir + "/munge/seed"},
		{"slurmctld", "-D", "-f", dir + "/slurm.conf"},
		{"slurmd", "-D", "-N", host, "-f", dir + "/slurm.conf"},
	} {
		d, err := startDaemon(argv)
		if err != nil {
			return err
		}
		cluster.daemons = append(cluster.daemons, d)
		if argv[0] == "munged" {
			if err := await("munged's socket", func() bool { _, err := os.Stat(dir + "/munge/socket"); return err == nil }); err != nil {
				return err
			}
		}
	}
	return await("an idle node", func() bool { return idle("all") })
}

// idle tells whether all nodes of a partition are.
func idle(partition string) bool {
	cmd := exec.Command("sinfo", "-h", "-p", partition, "-o", "%t")
	cmd.Env = append(os.Environ(), "SLURM_CONF="+cluster.dir+"/slurm.conf")
	out, err := cmd.Output()
	return err == nil && strings.TrimSpace(string(out)) == "idle"
}

// pair is slurm for the partition of that name, of two nodes, which share this machine, too.
func pair(t *testing.T) []string {
	t.Helper()
	env := slurm(t)
	cluster.Lock()
	defer cluster.Unlock()
	for _, node := range []string{"pair1", "pair2"} {
		d, err := startDaemon([]string{"slurmd", "-D", "-N", node, "-f", cluster.dir + "/slurm.conf"})
		if err != nil {
			t.Fatal(err)
		}
		cluster.daemons = append(cluster.daemons, d)
	}
	if err := await("two idle nodes", func() bool { return idle("pair") }); err != nil {
		t.Fatal(err)
	}
	return env
}

// await waits for something that daemons do.
func await(what string, there func() bool) error {
	for until := time.Now().Add(deadline); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			logs := ""
			for _, name := range []string{"munge/log", "slurmctld.log", "slurmd.log"} {
				text, _ := os.ReadFile(filepath.Join(cluster.dir, name))
				logs += name + ":\n" + string(text)
			}
			return fmt.Errorf("no %s\n%s", what, logs)
		}
	}
	return nil
}

// A daemon is a process of the cluster's own, which dies with this one.
type daemon struct {
	cmd   *exec.Cmd
	ended chan error
}

func startDaemon(argv []string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan error, 1)}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig means the thread
		err := d.cmd.Start()
		started <- err
		if err == nil {
			d.ended <- d.cmd.Wait()
		}
	}()
	return d, <-started
}

// stopCluster ends the daemons by their ids, the last one first, and removes their folder.
func stopCluster() error {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.dir == "" {
		return nil
	}
	var errs []error
	for i := len(cluster.daemons) - 1; i >= 0; i-- {
		d := cluster.daemons[i]
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.ended:
		case <-time.After(deadline):
			_ = d.cmd.Process.Kill()
			errs = append(errs, fmt.Errorf("%s did not end", d.cmd.Path))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(cluster.dir))...)
}

// freePorts finds TCP ports that nobody has at the moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
