/* core.pml -- the coherence protocol of one cluster: pages, locks, barriers, messages.
 *
 * A story_*.pml is a small program for this machine. It first defines
 *   NHOSTS    hosts (2 or 3)
 *   NPAGES    pages (1 or 2), each of two words
 *   NLOCKS    locks (1 or 2)
 *   NACTORS   threads that can have a request of their own outstanding
 *   HOME(p)   the home of page p
 * then includes this file, and starts its threads beside START_NETWORK().
 *
 * How to read it. Each `atomic` (and d_step) is one step that an implementation must take in one critical section
 * under the host's mutex, or that the hardware makes one: a load, a store. Between two of them anything else may
 * happen: other threads of the host, the serving side, an eviction, any message. A message is a slot that may be
 * acted on at any later time; nothing orders two messages, as if each had a connection of its own.
 *
 * P1 .. P15 are the rules of the protocol; README.md says where each stands and which planted bug shows that it is
 * needed. BUG_ switches break a rule, VAR_ switches choose another sound form of one. */

#include "core_state.pml"
#include "core_pages.pml"
#include "core_marks.pml"
#include "core_locks.pml"
#include "core_barrier.pml"
#include "core_network.pml"
