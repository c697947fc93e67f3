//go:build asan || race

package region_test

// sanitized tells tests that the compiler's instrumentation allocates where the code does not.
const sanitized = true
