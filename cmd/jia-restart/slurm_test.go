package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAgain(t *testing.T) {
	batch := []string{"A=1", "SLURM_JOB_ID=7", "SLURM_JOB_NUM_NODES=4", "SLURM_NTASKS=8", "SLURM_JOB_NODELIST=n[1-4]"}
	for _, test := range []struct {
		name            string
		args            []string
		env             []string
		squeue, sinfo   string
		fewer           bool
		want, variables string
		remark          string
	}{
		{name: "another launcher", args: []string{"mpirun", "./app"}, env: batch, want: "mpirun ./app"},
		{name: "no allocation", args: []string{"srun", "./app"}, env: []string{"A=1"}, want: "srun ./app"},
		{name: "all nodes are well", args: []string{"srun", "./app"}, env: batch, squeue: "n[1-4]\n", want: "srun ./app",
			sinfo: "n1 allocated\nn1 allocated\nn2 mixed\nn3 allocated\nn4 draining\n"},
		{name: "one is not in the allocation any more", args: []string{"/bin/srun", "-u", "./app"}, env: batch, squeue: "n[1-3]\n",
			sinfo: "n1 allocated\nn2 allocated\nn3 allocated\n", want: "/bin/srun --overcommit -u ./app", variables: "3 8 n[1-3]", remark: ", on 3 of 4 nodes"},
		{name: "two more do not respond", args: []string{"srun", "./app"}, env: batch, squeue: "n[1-3]\n", fewer: true,
			sinfo: "n1 allocated\nn2 allocated*\nn3 down\n", want: "srun --exclude=n2,n3 ./app", variables: "1 2 n[1-3]", remark: ", on 1 of 4 nodes"},
		{name: "Slurm does not answer", args: []string{"srun", "./app"}, env: batch, want: "srun ./app", remark: " (whether nodes are down is not known: no)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := allocation{fewer: test.fewer, run: func(_ []string, argv ...string) (string, error) {
				text := map[string]string{"squeue": test.squeue, "sinfo": test.sinfo}[argv[0]]
				if text == "" {
					return "", errors.New("no")
				}
				return text, nil
			}}
			args, env, remark := a.again(test.args, test.env)
			if got := strings.Join(args, " "); got != test.want || remark != test.remark {
				t.Errorf("%q, %q", got, remark)
			}
			if test.variables == "" {
				if diff := cmp.Diff(test.env, env); diff != "" {
					t.Error(diff)
				}
				return
			}
			got := value(env, "SLURM_NNODES") + " " + value(env, "SLURM_NTASKS") + " " + value(env, "SLURM_JOB_NODELIST")
			if got != test.variables || value(env, "A") != "1" || value(test.env, "SLURM_NTASKS") != "8" {
				t.Errorf("%q", env)
			}
		})
	}
}
