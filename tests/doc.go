// Package tests runs real jobs: C programs linked with the library, started as a user would start them. It takes the
// library from the outside only: through jia.h, the environment, the output, and what the kernel tells of a process.
//
//	go test ./tests                      everything
//	go test ./tests -short               a part of everything, under a minute
//	go test ./tests -shared              everything, with libjia.so in the place of libjia.a
//	go test ./tests -run Random -seed 7  one random program on all numbers of hosts and both fault backends
//
// The programs are in programs/, a file or a folder each; those of c_examples are run as well. TestMain builds the library and
// all of them into a temporary folder, so nothing outside the repository and the C compiler is needed.
//
// A job that is late is dumped, thread by thread, and then killed. See job.go for what a job is and what is checked
// of each.
package tests
