//go:build asan || race

package node

// sanitized tells tests that the compiler's instrumentation allocates where the code does not.
const sanitized = true
