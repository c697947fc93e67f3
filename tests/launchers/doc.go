// Package launchers has tests that start jobs under the launchers of others: a Slurm of one node, MPICH's mpiexec, Open MPI's
// mpirun, and a shell. All are the real things, as Debian packages them; a test whose launcher is not installed is
// skipped with the reason, or fails where the variable CI is "true".
//
// Every process of a job has a tag in its environment, by which those that are left behind are found.
package launchers
