// Package sim runs a whole cluster in one process: a core.Machine for each host, with a fake network, fake memory and
// fake threads, every step of which is chosen by one random source. It is used by tests only.
//
// A Program is a list of operations for each thread of each host. Generate draws one that is free of data races in the
// sense of scope consistency: each datum is guarded by a lock, written by one thread, or only read, and changes between
// these at barriers alone. Run executes it and compares every read that the program relies on with one flat memory that
// takes all stores at once, whoever makes them.
//
// What may happen in between is as bad as the rules in docs/protocol.md allow: messages are acted on at any later time
// and in any order, pages are read and diffs applied word by word while the home stores to them, pages are evicted,
// written back and prefetched at random, and threads are woken without a reason. After a while the storm ends and the
// program must come to its end.
//
// A run depends on nothing but its seed and its Options.
package sim
