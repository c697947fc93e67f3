/* fence.pml -- the fences of one-sided reads (P15). The other models take every store to be seen by all at once; a processor
 * keeps its stores to itself for a while, and reads on. Here each of the two has one store that others do not see yet.
 *
 * The home stores to a page and then looks for the reader's mark; the reader sets the mark and then reads the page. The home finds
 * the mark, or the reader finds the store: that takes a full fence between the two steps on both sides. An exchange is one, on the words
 * that it touches as on all others; a home that only looks at most of its marks needs one before the first.
 * -DBUG_NO_HOME_FENCE, -DBUG_NO_READER_FENCE: without one of them. */
bit frame, mark;                     /* what everybody sees */
bit frame_buffered, mark_buffered;   /* a store that only its own processor sees */
bit read, found;
byte done;
active proctype Home() {
  frame_buffered=1;
#ifndef BUG_NO_HOME_FENCE
  !frame_buffered;
#endif
  found=mark; done++
}
active proctype Reader() {
  mark_buffered=1;
#ifndef BUG_NO_READER_FENCE
  !mark_buffered;
#endif
  read=frame; done++
}
active proctype Buffers() {
end: do
  :: atomic { frame_buffered -> frame=1; frame_buffered=0 }
  :: atomic { mark_buffered -> mark=1; mark_buffered=0 }
  od
}
active proctype Check() { done==2; assert(found || read) }
