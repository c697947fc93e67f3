package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"jiajia/core/keep"
)

// forOtherMachines has Open MPI pass on what host 0 must know, wherever it runs. Other launchers pass on everything. Open MPI refuses a command
// that says so in two ways; a host 0 on this machine has it all in any case.
func forOtherMachines(args, env []string) []string {
	const name = "OMPI_MCA_mca_base_env_list"
	if value(env, name) != "" || slices.Contains(args, "-x") {
		return env // the user's own list
	}
	names := []string{keep.Env}
	for _, later := range []string{"JIA_RESTORE", keep.EnvAfter} {
		if value(env, later) == "" {
			env = keep.Set(env, later, "") // as if it were not set, but Open MPI finds it
		}
		names = append(names, later)
	}
	return keep.Set(env, name, strings.Join(names, ";"))
}

func value(env []string, name string) string {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// An allocation is what Slurm has given to the job that this process is part of.
type allocation struct {
	fewer bool                                               // the next run may have fewer hosts
	run   func(env []string, argv ...string) (string, error) // the output of one of Slurm's commands
}

// again makes an srun that does with the nodes that the allocation has left: Slurm takes those that fail away from it (with --no-kill), and
// those that do not respond are excluded. It fits keep.Config.Again.
func (a allocation) again(args, env []string) (newArgs, newEnv []string, remark string) {
	job, began := value(env, "SLURM_JOB_ID"), value(env, "SLURM_JOB_NUM_NODES")
	nodes, err := strconv.Atoi(began)
	if filepath.Base(args[0]) != "srun" || job == "" || err != nil {
		return args, env, ""
	}
	left, list, down, err := a.nodes(env, job)
	if err != nil {
		return args, env, fmt.Sprintf(" (whether nodes are down is not known: %v)", err)
	}
	if left == nodes || left == 0 {
		return args, env, ""
	}
	newArgs = []string{args[0]}
	if len(down) > 0 {
		newArgs = append(newArgs, "--exclude="+strings.Join(down, ","))
	}
	for _, name := range []string{"SLURM_NNODES", "SLURM_JOB_NUM_NODES"} {
		env = keep.Set(env, name, strconv.Itoa(left))
	}
	for _, name := range []string{"SLURM_NODELIST", "SLURM_JOB_NODELIST"} {
		env = keep.Set(env, name, list)
	}
	tasks, err := strconv.Atoi(value(env, "SLURM_NTASKS"))
	if a.fewer && err == nil {
		tasks = max(1, tasks*left/nodes)
		for _, name := range []string{"SLURM_NTASKS", "SLURM_NPROCS"} {
			env = keep.Set(env, name, strconv.Itoa(tasks))
		}
	} else {
		newArgs = append(newArgs, "--overcommit") // all of the hosts go to the nodes that are left
	}
	return append(newArgs, args[1:]...), env, fmt.Sprintf(", on %d of %d nodes", left, nodes)
}

// nodes returns which nodes the allocation has now, those of them that do not work, and how many do.
func (a allocation) nodes(env []string, job string) (left int, list string, down []string, err error) {
	text, err := a.run(env, "squeue", "--noheader", "--jobs="+job, "--format=%N")
	if err != nil {
		return 0, "", nil, err
	}
	list = strings.TrimSpace(text)
	states, err := a.run(env, "sinfo", "--noheader", "--Node", "--nodes="+list, "--format=%N %T")
	if err != nil {
		return 0, "", nil, err
	}
	all, down := sortNodes(states)
	return len(all) - len(down), list, down, nil
}

// sortNodes reads lines of a name and a state.
func sortNodes(states string) (all, down []string) {
	for _, line := range strings.Split(states, "\n") {
		name, state, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || slices.Contains(all, name) { // a node is listed for each of its partitions
			continue
		}
		all = append(all, name)
		if isDown(state) {
			down = append(down, name)
		}
	}
	return all, down
}

// isDown judges a node by Slurm's word for it; a star behind it says that the node does not respond.
func isDown(state string) bool {
	for _, word := range []string{"down", "fail", "error", "unknown", "power", "reboot"} {
		if strings.HasPrefix(state, word) {
			return true
		}
	}
	return strings.HasSuffix(state, "*")
}

// patience is how long a command of Slurm may take, which asks a daemon on another machine.
const patience = 30 * time.Second

func output(env []string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = env
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", argv[0], err)
	}
	return string(text), nil
}
