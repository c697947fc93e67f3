// Package lab runs jobs over RDMA on machines that have none: inside a virtual machine with Soft-RoCE devices, which the script vm
// boots. README.md describes the virtual machine.
//
//	go test ./tests/lab -v                  everything: with two devices, then with four
//	go test ./tests/lab -v -run Random      a part of it
//
// TestMain, started as usual, builds the library, the programs and the test binaries of the RDMA packages, and then runs this very
// test binary in each of the virtual machines, whose output it passes on; there TestMain runs the tests. What is missing on
// the machine (QEMU, the kernel's package) makes it fail: nothing is skipped.
package lab
