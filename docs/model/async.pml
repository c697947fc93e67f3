/* async.pml -- asynchronous write tracking: no fault at the first write. The kernel keeps a written-bit for each page; a
 * scan returns it, clears it and write-protects the page in one step. The twin is taken at the fetch. The diff is read
 * while other threads of the host write on.
 *
 * One host, one page. The writer stores twice under a lock and unlocks (scan, flush, wait); another thread flushes at
 * the same time for reasons of its own. After the unlock the home must hold the value and the log must name the page.
 * The sound rule: the log entry belongs to the step of the scan; the twin becomes the very bytes that were sent; one
 * flush of a page at a time; an unlock waits for the flushes of others too.
 * -DBUG_TWIN_COPY   the twin becomes a second reading of the page
 * -DBUG_OWN_ACKS    an unlock whose own scan finds the page clean does not wait
 * -DBUG_SCAN_LATE   the diff is read first, the written-bit cleared afterwards
 * -DVAR_LOG_LATE    the log entry is made in a step after the scan: sound too, for the unlock waits until the flush is
 *                   over */
byte frame, twin, home_frame;
bit  written;      /* the kernel's bit */
bit  busy;         /* a flush of the page is under way, or its diff is not acknowledged */
bit  logged;       /* the page was logged since the scope began */
bit  scope_open;
byte diff_data;
bit  diff_sent, differs;
inline FLUSH() {
  if
#ifdef BUG_SCAN_LATE
  :: atomic { written && !busy -> busy=1; logged=logged|scope_open };
     atomic { differs=(frame!=twin); diff_data=frame; twin=frame };
     atomic { written=0; diff_sent=differs; busy=differs }
#else
# ifdef VAR_LOG_LATE
  :: atomic { written && !busy -> written=0; busy=1 };
     logged=logged|scope_open;
# else
  :: atomic { written && !busy -> written=0; busy=1; logged=logged|scope_open };
# endif
# ifdef BUG_TWIN_COPY
     atomic { differs=(frame!=twin); diff_data=frame }; twin=frame;
# else
     atomic { differs=(frame!=twin); diff_data=frame; twin=frame };
# endif
     atomic { diff_sent=differs; busy=differs }
#endif
  :: !written -> skip
  fi
}
active proctype Writer() {
  scope_open=1;
  atomic { frame=1; written=1 };
  atomic { frame=2; written=1 };
  FLUSH();
#ifdef BUG_OWN_ACKS
  if :: busy && !written -> skip :: !busy -> skip fi;
#else
  (!busy && !written);
#endif
  atomic { assert(logged); assert(home_frame==2) }
}
active proctype Flusher() {
  byte i=0;
  do :: i<3 -> i++; FLUSH() :: i<3 -> i++ :: i==3 -> break od
}
active proctype Home() {
end: do :: atomic { diff_sent -> diff_sent=0; home_frame=diff_data; diff_data=0; busy=0 } od
}
