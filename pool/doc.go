// Package pool is the allocator behind memory pools: it divides pages of a pool among objects and knows which are in use. It looks
// at addresses only, as offsets in the pool: never at the memory itself, so what the program writes there cannot
// harm it.
//
// Every host has a Part: pages that it owns and gives to its objects without asking anybody. Objects of up to MaxSmall bytes
// come in size classes, from spans of whole pages that hold one class each; larger ones have runs of pages. A part that is used
// up can borrow pages of another one, and gives them back when nothing is left on them.
//
// Between a Part and the program there are magazines, stacks of objects that threads keep for themselves. An object in one is out
// of its Part but not live. Handing out and taking back such an object needs nothing but Tables, which is what makes it
// fast: see MarkLive and Retire, which readers in other languages repeat.
//
// A Part is not safe for concurrent use; its Tables are read and changed atomically.
package pool
