! jiaf.h - the calls of JIAJIA for FORTRAN programs in fixed form with Cray pointers.
!
!     include 'jiaf.h'
!
! behind the program's IMPLICIT statements, in every program unit that shares memory. Compile with
!
!     gfortran -fcray-pointer app.f -I<dir of this file> -L<dir of libjia.a> -ljia
!
! New programs are better off with the module of jia.f90, whose arguments the compiler checks.
!
! Every call of jia.h exists under its name, and means what jia.h says. Pass numbers with %val, arrays as they are:
!
!     call jiaf_init()                          before all others; finds the program's arguments by itself.
!     call jia_init()                           the same; arguments are ignored.
!     call jia_lock(%val(1))
!     p = jia_alloc3(%val(8*n*n), %val(8*n*n/jiahosts), %val(0))
!     p = jia_alloc_array(%val(bytes), list, %val(jiahosts))   list: an array of integer*4
!     call jia_free(%val(p))                    and jia_home(%val(p)) is the home of a page, or -1.
!     call jia_error('no convergence')          one line of text; ends the job.
!     call jia_distask(begin, end, 1, n)        this host's part of a loop from 1 to n. Nothing here with %val.
!
!     k = jia_pool_create(%val(bytes))          a pool without attributes; k is an integer*4.
!     p = jia_pool_alloc(%val(k), %val(bytes))  0 when it is used up
!     call jia_pool_free(%val(k), %val(p))
!
!     call jia_send(a, %val(8*n), %val(to), %val(tag))
!     length = jia_recv(a, %val(8*n), %val(-1), %val(-1))     from any host, any tag
!     call jia_bcast(a, %val(8*n), %val(0))
!     call jia_reduce(a, b, %val(n), %val(20), %val(0))       20: SUM_DOUBLE; jia.h has the other numbers
!     call jia_divtask(begin, end)              begin and end: the loop's, and on return this host's part.
!
!     k = jia_checkpoint()                      a barrier; k is the number of the checkpoint, or negative.
!     k = jia_checkpoint_register(t, %val(8*n), 'table'//char(0))     t: an array; the name ends with a null byte.
!     call jia_on_failure(lost)                 subroutine lost(host, reason) gets an integer*4 and a character*(*).
!
! Sizes in bytes are integer*4 or integer*8 as the program likes; beyond 2 Gbyte take integer*8, as in %val(8_8*n*n).
! Addresses are integer*8: what holds one is the pointer of a POINTER statement, or an integer*8. Declare this way
! (the bounds may be dummy arguments or constants):
!
!     real*8 a(n,n)
!     pointer (pa, a)
!     common /shared/ pa
!
! jiapid and jiahosts are set by jiaf_init and jia_init; a program whose main is in C calls jia_init_() instead of jia_init.
! Output of PRINT and WRITE is kept by the FORTRAN library; `call flush(6)` sends it on its way.

      integer*4 jiapid, jiahosts
      common /jia/ jiapid, jiahosts

      real*8 jia_clock
      external jia_clock

      integer*8 jia_alloc, jia_alloc1, jia_alloc2, jia_alloc2p
      integer*8 jia_alloc3, jia_alloc4, jia_alloc_array
      integer*8 jia_alloc_random
      external jia_alloc, jia_alloc1, jia_alloc2, jia_alloc2p
      external jia_alloc3, jia_alloc4, jia_alloc_array
      external jia_alloc_random

      integer*4 jia_home
      external jia_home
      integer*8 jia_pool_alloc, jia_pool_aligned_alloc
      integer*8 jia_pool_realloc
      integer*4 jia_pool_create, jia_pool_destroy
      external jia_pool_alloc, jia_pool_aligned_alloc
      external jia_pool_realloc
      external jia_pool_create, jia_pool_destroy
      integer*4 jia_cache_resize
      external jia_cache_resize
      integer*4 jia_pin_range, jia_unpin_range
      external jia_pin_range, jia_unpin_range

      integer*8 jia_recv
      external jia_recv

      integer*4 jia_checkpoint, jia_checkpoint_start
      integer*4 jia_checkpoint_wait, jia_restored
      integer*4 jia_checkpoint_register
      external jia_checkpoint, jia_checkpoint_start
      external jia_checkpoint_wait, jia_restored
      external jia_checkpoint_register, jia_on_failure

      integer*4 jia_trylock, jia_rwlock_tryrdlock, jia_rwlock_trywrlock
      external jia_trylock, jia_rwlock_tryrdlock, jia_rwlock_trywrlock

      integer*4 jia_atomic_load_u32, jia_atomic_fetch_add_u32
      integer*4 jia_atomic_exchange_u32
      integer*4 jia_atomic_compare_exchange_u32
      integer*8 jia_atomic_load_u64, jia_atomic_fetch_add_u64
      integer*8 jia_atomic_exchange_u64
      integer*4 jia_atomic_compare_exchange_u64
      external jia_atomic_load_u32, jia_atomic_fetch_add_u32
      external jia_atomic_exchange_u32
      external jia_atomic_compare_exchange_u32
      external jia_atomic_load_u64, jia_atomic_fetch_add_u64
      external jia_atomic_exchange_u64
      external jia_atomic_compare_exchange_u64
