// Package region reserves the shared address range of one host and controls, page by page, what the program may do
// with it.
//
// # Two views of one memory
//
// A region is one sparse memfd mapped twice. The application view sits at the same fixed address on every host and is
// what the C program loads from and stores to; its access rights follow the coherence protocol. The service view sits
// anywhere, is always readable and writable, and is the only one that Go code touches: it is where fetched pages
// arrive and diffs are applied. A page's frame has the same offset in both views, so raising the access of a page
// never copies it, and no thread ever sees half of a page that is being filled in.
//
// # Faults
//
// An access that the application view does not permit raises a synchronous signal in the thread that made it. The
// handler (fault.c) checks that the address is ours and calls Config.OnFault on that same thread; when it returns
// true, the instruction runs again. Two backends turn access rights into faults:
//
//   - uffd: userfaultfd in SIGBUS mode. Costs no kernel mappings (VMAs), works unprivileged, wants Linux 6.4.
//   - mprotect: page protections and SIGSEGV. Works everywhere, but each change of protection along the address
//     range is a VMA, and the kernel limits their number.
//
// The mode "plain" has no backend at all: a job of one host reads and writes its memory directly.
//
// # Losing a mapping is harmless
//
// The protocol state, not the page tables, is the truth. Both backends, and the kernel under memory pressure, may
// take away a mapping at any time; the next access then asks OnFault again. The reverse never happens: access is
// only ever given by Map and MapFresh.
package region
