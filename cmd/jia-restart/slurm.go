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

// forOtherMachines has Open MPI pass on what host 0 must know, wherever it runs. Other launchers pass on everything.
func forOtherMachines(env []string) []string {
	const name = "OMPI_MCA_mca_base_env_list"
	if value(env, name) != "" {
		return env // the user's own list
	}
	const restore = "JIA_RESTORE"
	if value(env, restore) == "" {
		env = keep.Set(env, restore, "") // as if it were not set, but Open MPI finds it
	}
	return keep.Set(env, name, keep.Env+";"+restore)
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

// again leaves nodes of the allocation that are down out of the srun that follows. It fits keep.Config.Again.
func (a allocation) again(args, env []string) (newArgs, newEnv []string, remark string) {
	list := value(env, "SLURM_JOB_NODELIST")
	if filepath.Base(args[0]) != "srun" || list == "" {
		return args, env, ""
	}
	states, err := a.run(env, "sinfo", "--noheader", "--Node", "--nodes="+list, "--format=%N %T")
	if err != nil {
		return args, env, fmt.Sprintf(" (whether nodes are down is not known: %v)", err)
	}
	all, down := sortNodes(states)
	if len(down) == 0 || len(down) == len(all) {
		return args, env, ""
	}
	left := len(all) - len(down)
	names := strings.Join(down, ",")
	newArgs = []string{args[0], "--exclude=" + names}
	for _, name := range []string{"SLURM_NNODES", "SLURM_JOB_NUM_NODES"} {
		env = keep.Set(env, name, strconv.Itoa(left))
	}
	tasks, err := strconv.Atoi(value(env, "SLURM_NTASKS"))
	if a.fewer && err == nil {
		tasks = max(1, tasks*left/len(all))
		for _, name := range []string{"SLURM_NTASKS", "SLURM_NPROCS"} {
			env = keep.Set(env, name, strconv.Itoa(tasks))
		}
	} else {
		newArgs = append(newArgs, "--overcommit") // all of the hosts go to the nodes that are left
	}
	return append(newArgs, args[1:]...), env, fmt.Sprintf(", without %s", names)
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
