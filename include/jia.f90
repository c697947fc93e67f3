! jia.f90 - module jia: the calls of jia.h for Fortran 2018.
!
! A module is compiled by the compiler that uses it, so add this file to the program's own:
!
!     gfortran <dir of this file>/jia.f90 app.f90 -L<dir of libjia.a> -ljia
!
! What the calls do is said in jia.h, memory model and errors included. Here they differ from C in this:
! - Allocations return a type(c_ptr), which c_f_pointer of iso_c_binding turns into an array:
!
!       real(real64), pointer :: grid(:,:)
!       call c_f_pointer(jia_alloc2(8 * n * m, 8 * n * band), grid, [n, m])
!
!   Columns lie one behind the other, so deal out blocks of whole columns. Sizes and blocks are in bytes, both of kind
!   c_int (the default) or both of kind c_size_t; beyond 2**31 - 1 bytes take the latter: 8_c_size_t * n * m.
! - Declare pointers to shared memory volatile where one is read again and again without a call in between.
! - jia_init has no arguments, and jia_error has a text in place of a format.
! - jia_init sets jiapid and jiahosts; they may be read only.
!
! Output of print and write is kept by the Fortran library until its buffer is full or flush is called.
module jia
    use, intrinsic :: iso_c_binding, only: c_char, c_double, c_funptr, c_int, c_long, c_null_ptr, c_ptr, c_size_t, c_sizeof
    use, intrinsic :: iso_fortran_env, only: error_unit, output_unit
    implicit none
    private

    public :: jiapid, jiahosts
    public :: jia_init, jia_exit, jia_end, jia_error, jia_clock
    public :: jia_alloc, jia_alloc1, jia_alloc2, jia_alloc2p, jia_alloc3, jia_alloc4, jia_alloc_array, jia_alloc_random
    public :: jia_alloc_attr, jia_home, jia_free
    public :: jia_pool_create, jia_pool_alloc, jia_pool_aligned_alloc, jia_pool_realloc, jia_pool_free
    public :: jia_pool_reset, jia_pool_destroy, jia_pool_stats
    public :: jia_cache_resize
    public :: jia_prefetch, jia_pin_range, jia_unpin_range
    public :: jia_lock, jia_unlock, jia_barrier, jia_wait, jia_setcv, jia_resetcv, jia_waitcv
    public :: jia_stats, jia_startstat, jia_stopstat
    public :: jia_send, jia_recv, jia_bcast, jia_reduce
    public :: jia_divtask, jia_loadcheck, jia_config
    public :: jia_trylock, jia_rwlock_rdlock, jia_rwlock_wrlock, jia_rwlock_tryrdlock, jia_rwlock_trywrlock, jia_rwlock_unlock
    public :: jia_atomic_load_u32, jia_atomic_store_u32, jia_atomic_fetch_add_u32, jia_atomic_exchange_u32
    public :: jia_atomic_load_u64, jia_atomic_store_u64, jia_atomic_fetch_add_u64, jia_atomic_exchange_u64
    public :: jia_atomic_compare_exchange_u32, jia_atomic_compare_exchange_u64

    public :: jia_checkpoint, jia_checkpoint_start, jia_checkpoint_wait, jia_restored, jia_checkpoint_register, jia_on_failure

    ! Operations of jia_reduce, wildcards of jia_recv, and what jia_config turns on and off.
    integer(c_int), parameter, public :: SUM_INT = 0, MAX_INT = 1, MIN_INT = 2
    integer(c_int), parameter, public :: SUM_FLOAT = 10, MAX_FLOAT = 11, MIN_FLOAT = 12
    integer(c_int), parameter, public :: SUM_DOUBLE = 20, MAX_DOUBLE = 21, MIN_DOUBLE = 22
    integer(c_int), parameter, public :: MSG_PROC_ALL = -1, MSG_TAG_ALL = -1
    integer(c_int), parameter, public :: HMIG = 0, ADWD = 1, BROADCAST = 2, LOADBAL = 3, WVEC = 4, RDMA = 5, ON = 1, OFF = 0

    ! What one host did; jia.h explains the members. size is set by jia_stats.
    type, bind(C), public :: jia_stats_t
        integer(c_size_t) :: size
        real(c_double) :: seconds_elapsed, seconds_computing, seconds_faulting, seconds_locks, &
            seconds_barriers, seconds_messages, seconds_waiting, seconds_others
        integer(c_long) :: read_faults, write_faults, pages_fetched, page_bytes_fetched, pages_served, &
            pages_invalidated, twins, diffs_sent, diff_bytes_sent, diffs_received, diff_bytes_received
        integer(c_long) :: locks_local, locks_remote, barriers, waits
        integer(c_long) :: messages_passed, message_bytes_passed, messages_taken, message_bytes_taken, &
            collectives, collective_bytes
        integer(c_long) :: messages_sent, message_bytes_sent, messages_received, message_bytes_received
        integer(c_long) :: home_pages, cached_pages, memory_bytes
        integer(c_long) :: pages_read, diffs_written, pages_ahead, pages_ahead_unused
        integer(c_long) :: pages_evicted, pages_probed, pages_probed_used, cache_bytes, cache_limit_bytes
        integer(c_long) :: checkpoints, checkpoint_bytes
        real(c_double) :: seconds_checkpoints
    end type

    ! How to allocate; jia.h explains the members. size is set by jia_alloc_attr; list, hosts and name are addresses, as of c_loc.
    enum, bind(C)
        enumerator :: JIA_PLACE_CYCLIC = 0, JIA_PLACE_BLOCKS, JIA_PLACE_HOST, JIA_PLACE_LIST, JIA_PLACE_FIRST_TOUCH
    end enum
    public :: JIA_PLACE_CYCLIC, JIA_PLACE_BLOCKS, JIA_PLACE_HOST, JIA_PLACE_LIST, JIA_PLACE_FIRST_TOUCH

    type, bind(C), public :: jia_alloc_attr_t
        integer(c_size_t) :: size = 0
        integer(c_int) :: placement = 0, host = 0
        integer(c_size_t) :: block = 0, alignment = 0
        type(c_ptr) :: list = c_null_ptr, hosts = c_null_ptr
        integer(c_size_t) :: n = 0
        type(c_ptr) :: name = c_null_ptr
    end type

    ! What a pool is to be like, and what one host has of it; jia.h explains the members. The size of a jia_pool_attr_t is c_sizeof
    ! of it; that of a jia_pool_stats_t is set by jia_pool_stats.
    integer(c_int), parameter, public :: JIA_POOL_OWN = 0, JIA_POOL_HOST = 1, JIA_POOL_CYCLIC = 2

    type, bind(C), public :: jia_pool_attr_t
        integer(c_size_t) :: size = 0
        type(c_ptr) :: name = c_null_ptr
        integer(c_size_t) :: limit = 0, align = 0, object = 0
        integer(c_int) :: placement = JIA_POOL_OWN, host = 0, zero = 0, mix = 0
    end type

    type, bind(C), public :: jia_pool_stats_t
        integer(c_size_t) :: size
        integer(c_long) :: objects, bytes, held_bytes, peak_bytes, room_bytes, borrowed_bytes, lent_bytes, requests, returned
    end type

    integer(c_int), protected, bind(C, name="jiapid") :: jiapid
    integer(c_int), protected, bind(C, name="jiahosts") :: jiahosts

    ! --- the job ---

    interface
        subroutine jia_init() bind(C, name="jia_init_")
        end subroutine

        subroutine jia_exit() bind(C, name="jia_exit")
        end subroutine

        subroutine jia_end() bind(C, name="jia_end")
        end subroutine

        ! jia_error of C has a format and any number of arguments; this one a text and its length.
        subroutine error_text(text, length) bind(C, name="jia_error_")
            import :: c_char, c_size_t
            character(kind=c_char), intent(in) :: text(*)
            integer(c_size_t), value :: length
        end subroutine

        function jia_clock() bind(C, name="jia_clock") result(seconds)
            import :: c_double
            real(c_double) :: seconds
        end function
    end interface

    ! --- shared memory: sizes of kind c_size_t and of kind c_int ---

    interface jia_alloc
        function alloc_c(size) bind(C, name="jia_alloc") result(address)
            import :: c_ptr, c_size_t
            integer(c_size_t), value :: size
            type(c_ptr) :: address
        end function
        procedure alloc
    end interface

    interface jia_alloc1
        function alloc1_c(size) bind(C, name="jia_alloc1") result(address)
            import :: c_ptr, c_size_t
            integer(c_size_t), value :: size
            type(c_ptr) :: address
        end function
        procedure alloc1
    end interface

    interface jia_alloc2
        function alloc2_c(size, block) bind(C, name="jia_alloc2") result(address)
            import :: c_ptr, c_size_t
            integer(c_size_t), value :: size, block
            type(c_ptr) :: address
        end function
        procedure alloc2
    end interface

    interface jia_alloc2p
        function alloc2p_c(size, host) bind(C, name="jia_alloc2p") result(address)
            import :: c_int, c_ptr, c_size_t
            integer(c_size_t), value :: size
            integer(c_int), value :: host
            type(c_ptr) :: address
        end function
        procedure alloc2p
    end interface

    interface jia_alloc3
        function alloc3_c(size, block, start) bind(C, name="jia_alloc3") result(address)
            import :: c_int, c_ptr, c_size_t
            integer(c_size_t), value :: size, block
            integer(c_int), value :: start
            type(c_ptr) :: address
        end function
        procedure alloc3
    end interface

    interface jia_alloc4
        function alloc4_c(size, blocks, n, start) bind(C, name="jia_alloc4") result(address)
            import :: c_int, c_ptr, c_size_t
            integer(c_size_t), value :: size
            integer(c_int), intent(in) :: blocks(*)
            integer(c_int), value :: n, start
            type(c_ptr) :: address
        end function
        procedure alloc4
    end interface

    interface jia_alloc_array
        function alloc_array_c(size, array, n) bind(C, name="jia_alloc_array") result(address)
            import :: c_int, c_ptr, c_size_t
            integer(c_size_t), value :: size
            integer(c_int), intent(in) :: array(*)
            integer(c_int), value :: n
            type(c_ptr) :: address
        end function
        procedure alloc_array
    end interface

    interface jia_alloc_random
        function alloc_random_c(size) bind(C, name="jia_alloc_random") result(address)
            import :: c_ptr, c_size_t
            integer(c_size_t), value :: size
            type(c_ptr) :: address
        end function
        procedure alloc_random
    end interface

    interface jia_alloc_attr
        procedure alloc_attr_long, alloc_attr
    end interface

    interface
        function alloc_attr_c(size, attr) bind(C, name="jia_alloc_attr") result(address)
            import :: c_ptr, c_size_t, jia_alloc_attr_t
            integer(c_size_t), value :: size
            type(jia_alloc_attr_t), intent(in) :: attr
            type(c_ptr) :: address
        end function

        function jia_home(address) bind(C, name="jia_home") result(home)
            import :: c_int, c_ptr
            type(c_ptr), value :: address
            integer(c_int) :: home
        end function

        subroutine jia_free(start) bind(C, name="jia_free")
            import :: c_ptr
            type(c_ptr), value :: start
        end subroutine
    end interface

    ! --- memory pools: sizes of kind c_size_t; attr may be left out ---

    interface
        function jia_pool_create(bytes, attr) bind(C, name="jia_pool_create") result(pool)
            import :: c_int, c_size_t, jia_pool_attr_t
            integer(c_size_t), value :: bytes
            type(jia_pool_attr_t), intent(in), optional :: attr
            integer(c_int) :: pool
        end function

        function jia_pool_alloc(pool, size) bind(C, name="jia_pool_alloc") result(object)
            import :: c_int, c_ptr, c_size_t
            integer(c_int), value :: pool
            integer(c_size_t), value :: size
            type(c_ptr) :: object
        end function

        function jia_pool_aligned_alloc(pool, align, size) bind(C, name="jia_pool_aligned_alloc") result(object)
            import :: c_int, c_ptr, c_size_t
            integer(c_int), value :: pool
            integer(c_size_t), value :: align, size
            type(c_ptr) :: object
        end function

        function jia_pool_realloc(pool, object, size) bind(C, name="jia_pool_realloc") result(moved)
            import :: c_int, c_ptr, c_size_t
            integer(c_int), value :: pool
            type(c_ptr), value :: object
            integer(c_size_t), value :: size
            type(c_ptr) :: moved
        end function

        subroutine jia_pool_free(pool, object) bind(C, name="jia_pool_free")
            import :: c_int, c_ptr
            integer(c_int), value :: pool
            type(c_ptr), value :: object
        end subroutine

        subroutine jia_pool_reset(pool) bind(C, name="jia_pool_reset")
            import :: c_int
            integer(c_int), value :: pool
        end subroutine

        function jia_pool_destroy(pool) bind(C, name="jia_pool_destroy") result(status)
            import :: c_int
            integer(c_int), value :: pool
            integer(c_int) :: status
        end function

        function pool_stats_c(pool, out) bind(C, name="jia_pool_stats") result(status)
            import :: c_int, jia_pool_stats_t
            integer(c_int), value :: pool
            type(jia_pool_stats_t), intent(inout) :: out
            integer(c_int) :: status
        end function
    end interface

    interface jia_cache_resize
        function cache_resize_c(bytes) bind(C, name="jia_cache_resize") result(status)
            import :: c_int, c_size_t
            integer(c_size_t), value :: bytes
            integer(c_int) :: status
        end function
        procedure cache_resize
    end interface

    ! --- fetching ahead and holding: from an address on; the functions return 0 or minus an error number ---

    interface jia_prefetch
        subroutine prefetch_c(start, size) bind(C, name="jia_prefetch")
            import :: c_ptr, c_size_t
            type(c_ptr), value :: start
            integer(c_size_t), value :: size
        end subroutine
        procedure prefetch
    end interface

    interface jia_pin_range
        function pin_range_c(start, size) bind(C, name="jia_pin_range") result(status)
            import :: c_int, c_ptr, c_size_t
            type(c_ptr), value :: start
            integer(c_size_t), value :: size
            integer(c_int) :: status
        end function
        procedure pin_range
    end interface

    interface jia_unpin_range
        function unpin_range_c(start, size) bind(C, name="jia_unpin_range") result(status)
            import :: c_int, c_ptr, c_size_t
            type(c_ptr), value :: start
            integer(c_size_t), value :: size
            integer(c_int) :: status
        end function
        procedure unpin_range
    end interface

    ! --- synchronisation ---

    interface
        subroutine jia_lock(lockid) bind(C, name="jia_lock")
            import :: c_int
            integer(c_int), value :: lockid
        end subroutine

        subroutine jia_unlock(lockid) bind(C, name="jia_unlock")
            import :: c_int
            integer(c_int), value :: lockid
        end subroutine

        function jia_checkpoint() bind(C, name="jia_checkpoint") result(generation)
            import :: c_int
            integer(c_int) :: generation
        end function

        function jia_checkpoint_start() bind(C, name="jia_checkpoint_start") result(generation)
            import :: c_int
            integer(c_int) :: generation
        end function

        function jia_checkpoint_wait() bind(C, name="jia_checkpoint_wait") result(generation)
            import :: c_int
            integer(c_int) :: generation
        end function

        function jia_restored() bind(C, name="jia_restored") result(generation)
            import :: c_int
            integer(c_int) :: generation
        end function

        ! addr is an address, as of c_loc; name ends with c_null_char.
        function jia_checkpoint_register(addr, size, name) bind(C, name="jia_checkpoint_register") result(status)
            import :: c_int, c_ptr, c_size_t, c_char
            type(c_ptr), value :: addr
            integer(c_size_t), value :: size
            character(kind=c_char), intent(in) :: name(*)
            integer(c_int) :: status
        end function

        ! callback is an address, as of c_funloc, of a subroutine with bind(C) and the arguments of jia.h.
        subroutine jia_on_failure(callback) bind(C, name="jia_on_failure")
            import :: c_funptr
            type(c_funptr), value :: callback
        end subroutine

        function jia_trylock(lockid) bind(C, name="jia_trylock") result(error)
            import :: c_int
            integer(c_int), value :: lockid
            integer(c_int) :: error
        end function

        subroutine jia_rwlock_rdlock(rwlockid) bind(C, name="jia_rwlock_rdlock")
            import :: c_int
            integer(c_int), value :: rwlockid
        end subroutine

        subroutine jia_rwlock_wrlock(rwlockid) bind(C, name="jia_rwlock_wrlock")
            import :: c_int
            integer(c_int), value :: rwlockid
        end subroutine

        function jia_rwlock_tryrdlock(rwlockid) bind(C, name="jia_rwlock_tryrdlock") result(error)
            import :: c_int
            integer(c_int), value :: rwlockid
            integer(c_int) :: error
        end function

        function jia_rwlock_trywrlock(rwlockid) bind(C, name="jia_rwlock_trywrlock") result(error)
            import :: c_int
            integer(c_int), value :: rwlockid
            integer(c_int) :: error
        end function

        subroutine jia_rwlock_unlock(rwlockid) bind(C, name="jia_rwlock_unlock")
            import :: c_int
            integer(c_int), value :: rwlockid
        end subroutine

        subroutine jia_barrier() bind(C, name="jia_barrier")
        end subroutine

        subroutine jia_wait() bind(C, name="jia_wait")
        end subroutine

        subroutine jia_setcv(cvid) bind(C, name="jia_setcv")
            import :: c_int
            integer(c_int), value :: cvid
        end subroutine

        subroutine jia_resetcv(cvid) bind(C, name="jia_resetcv")
            import :: c_int
            integer(c_int), value :: cvid
        end subroutine

        subroutine jia_waitcv(cvid) bind(C, name="jia_waitcv")
            import :: c_int
            integer(c_int), value :: cvid
        end subroutine
    end interface

    ! --- atomic operations on shared words: integers of 32 and 64 bits, which FORTRAN takes to have signs ---

    interface
        function jia_atomic_load_u32(object) bind(C, name="jia_atomic_load_u32") result(held)
            import :: c_int
            integer(c_int), intent(in) :: object
            integer(c_int) :: held
        end function

        subroutine jia_atomic_store_u32(object, desired) bind(C, name="jia_atomic_store_u32")
            import :: c_int
            integer(c_int), intent(inout) :: object
            integer(c_int), value :: desired
        end subroutine

        function jia_atomic_fetch_add_u32(object, operand) bind(C, name="jia_atomic_fetch_add_u32") result(held)
            import :: c_int
            integer(c_int), intent(inout) :: object
            integer(c_int), value :: operand
            integer(c_int) :: held
        end function

        function jia_atomic_exchange_u32(object, desired) bind(C, name="jia_atomic_exchange_u32") result(held)
            import :: c_int
            integer(c_int), intent(inout) :: object
            integer(c_int), value :: desired
            integer(c_int) :: held
        end function

        function jia_atomic_compare_exchange_u32(object, expected, desired) &
            bind(C, name="jia_atomic_compare_exchange_u32") result(stored)
            import :: c_int
            integer(c_int), intent(inout) :: object, expected
            integer(c_int), value :: desired
            integer(c_int) :: stored
        end function

        function jia_atomic_load_u64(object) bind(C, name="jia_atomic_load_u64") result(held)
            import :: c_long
            integer(c_long), intent(in) :: object
            integer(c_long) :: held
        end function

        subroutine jia_atomic_store_u64(object, desired) bind(C, name="jia_atomic_store_u64")
            import :: c_long
            integer(c_long), intent(inout) :: object
            integer(c_long), value :: desired
        end subroutine

        function jia_atomic_fetch_add_u64(object, operand) bind(C, name="jia_atomic_fetch_add_u64") result(held)
            import :: c_long
            integer(c_long), intent(inout) :: object
            integer(c_long), value :: operand
            integer(c_long) :: held
        end function

        function jia_atomic_exchange_u64(object, desired) bind(C, name="jia_atomic_exchange_u64") result(held)
            import :: c_long
            integer(c_long), intent(inout) :: object
            integer(c_long), value :: desired
            integer(c_long) :: held
        end function

        function jia_atomic_compare_exchange_u64(object, expected, desired) &
            bind(C, name="jia_atomic_compare_exchange_u64") result(stored)
            import :: c_int, c_long
            integer(c_long), intent(inout) :: object, expected
            integer(c_long), value :: desired
            integer(c_int) :: stored
        end function
    end interface

    ! --- messages: of arrays of any type (a single variable x goes as [x] or an array of one element) ---

    interface jia_send
        subroutine send_c(buf, len, to, tag) bind(C, name="jia_send")
            import :: c_int, c_size_t
            type(*), intent(in) :: buf(*)
            integer(c_size_t), value :: len
            integer(c_int), value :: to, tag
        end subroutine
        procedure send
    end interface

    interface jia_recv
        function recv_c(buf, len, from, tag) bind(C, name="jia_recv") result(received)
            import :: c_int, c_long, c_size_t
            type(*), intent(inout) :: buf(*)
            integer(c_size_t), value :: len
            integer(c_int), value :: from, tag
            integer(c_long) :: received
        end function
        procedure recv
    end interface

    interface jia_bcast
        subroutine bcast_c(buf, len, root) bind(C, name="jia_bcast")
            import :: c_int, c_size_t
            type(*), intent(inout) :: buf(*)
            integer(c_size_t), value :: len
            integer(c_int), value :: root
        end subroutine
        procedure bcast
    end interface

    interface jia_reduce
        subroutine reduce_c(snd, rcv, cnt, op, root) bind(C, name="jia_reduce")
            import :: c_int, c_size_t
            type(*), intent(in) :: snd(*)
            type(*), intent(inout) :: rcv(*)
            integer(c_size_t), value :: cnt
            integer(c_int), value :: op, root
        end subroutine
        procedure reduce
    end interface

    ! --- dividing work ---

    interface
        subroutine jia_divtask(begin, end) bind(C, name="jia_divtask")
            import :: c_int
            integer(c_int), intent(inout) :: begin, end
        end subroutine

        subroutine jia_loadcheck() bind(C, name="jia_loadcheck")
        end subroutine

        subroutine jia_config(what, on) bind(C, name="jia_config")
            import :: c_int
            integer(c_int), value :: what, on
        end subroutine
    end interface

    ! --- statistics; the microseconds are modulo 2**32, so that the sign means nothing ---

    interface
        function stats_c(out) bind(C, name="jia_stats") result(status)
            import :: c_int, jia_stats_t
            type(jia_stats_t), intent(inout) :: out
            integer(c_int) :: status
        end function

        function jia_startstat() bind(C, name="jia_startstat") result(microseconds)
            import :: c_int
            integer(c_int) :: microseconds
        end function

        function jia_stopstat() bind(C, name="jia_stopstat") result(microseconds)
            import :: c_int
            integer(c_int) :: microseconds
        end function
    end interface

contains

    ! jia_stats - the numbers of this host.
    subroutine jia_stats(out)
        type(jia_stats_t), intent(out) :: out

        out%size = c_sizeof(out)
        if (stats_c(out) /= 0) call jia_error("jia_stats was called before jia_init")
    end subroutine

    ! jia_pool_stats - the numbers of this host, of a pool that exists.
    subroutine jia_pool_stats(pool, out)
        integer(c_int), intent(in) :: pool
        type(jia_pool_stats_t), intent(out) :: out

        out%size = c_sizeof(out)
        if (pool_stats_c(pool, out) /= 0) call jia_error("jia_pool_stats of a pool that does not exist")
    end subroutine

    ! jia_error - end the job as failed, with one line of text on standard error. Does not return.
    subroutine jia_error(text)
        character(*), intent(in) :: text

        flush (output_unit)
        flush (error_unit)
        call error_text(text, len(text, c_size_t))
    end subroutine

    function alloc(size) result(address)
        integer(c_int), intent(in) :: size
        type(c_ptr) :: address

        address = jia_alloc(int(size, c_size_t))
    end function

    function alloc1(size) result(address)
        integer(c_int), intent(in) :: size
        type(c_ptr) :: address

        address = jia_alloc1(int(size, c_size_t))
    end function

    function alloc2(size, block) result(address)
        integer(c_int), intent(in) :: size, block
        type(c_ptr) :: address

        address = jia_alloc2(int(size, c_size_t), int(block, c_size_t))
    end function

    function alloc2p(size, host) result(address)
        integer(c_int), intent(in) :: size, host
        type(c_ptr) :: address

        address = jia_alloc2p(int(size, c_size_t), host)
    end function

    function alloc3(size, block, start) result(address)
        integer(c_int), intent(in) :: size, block, start
        type(c_ptr) :: address

        address = jia_alloc3(int(size, c_size_t), int(block, c_size_t), start)
    end function

    function alloc4(size, blocks, n, start) result(address)
        integer(c_int), intent(in) :: size, blocks(*), n, start
        type(c_ptr) :: address

        address = jia_alloc4(int(size, c_size_t), blocks, n, start)
    end function

    function alloc_array(size, array, n) result(address)
        integer(c_int), intent(in) :: size, array(*), n
        type(c_ptr) :: address

        address = jia_alloc_array(int(size, c_size_t), array, n)
    end function

    function alloc_random(size) result(address)
        integer(c_int), intent(in) :: size
        type(c_ptr) :: address

        address = jia_alloc_random(int(size, c_size_t))
    end function

    function alloc_attr_long(size, attr) result(address)
        integer(c_size_t), intent(in) :: size
        type(jia_alloc_attr_t), intent(in) :: attr
        type(c_ptr) :: address
        type(jia_alloc_attr_t) :: known

        known = attr
        known%size = c_sizeof(known)
        address = alloc_attr_c(size, known)
    end function

    function alloc_attr(size, attr) result(address)
        integer(c_int), intent(in) :: size
        type(jia_alloc_attr_t), intent(in) :: attr
        type(c_ptr) :: address

        address = alloc_attr_long(int(size, c_size_t), attr)
    end function

    function cache_resize(bytes) result(status)
        integer(c_int), intent(in) :: bytes
        integer(c_int) :: status

        status = jia_cache_resize(int(bytes, c_size_t))
    end function

    subroutine prefetch(start, size)
        type(c_ptr), value :: start
        integer(c_int), intent(in) :: size

        call jia_prefetch(start, int(size, c_size_t))
    end subroutine

    function pin_range(start, size) result(status)
        type(c_ptr), value :: start
        integer(c_int), intent(in) :: size
        integer(c_int) :: status

        status = jia_pin_range(start, int(size, c_size_t))
    end function

    function unpin_range(start, size) result(status)
        type(c_ptr), value :: start
        integer(c_int), intent(in) :: size
        integer(c_int) :: status

        status = jia_unpin_range(start, int(size, c_size_t))
    end function

    subroutine send(buf, len, to, tag)
        type(*), intent(in) :: buf(*)
        integer(c_int), intent(in) :: len, to, tag

        call jia_send(buf, int(len, c_size_t), to, tag)
    end subroutine

    function recv(buf, len, from, tag) result(received)
        type(*), intent(inout) :: buf(*)
        integer(c_int), intent(in) :: len, from, tag
        integer(c_long) :: received

        received = jia_recv(buf, int(len, c_size_t), from, tag)
    end function

    subroutine bcast(buf, len, root)
        type(*), intent(inout) :: buf(*)
        integer(c_int), intent(in) :: len, root

        call jia_bcast(buf, int(len, c_size_t), root)
    end subroutine

    subroutine reduce(snd, rcv, cnt, op, root)
        type(*), intent(in) :: snd(*)
        type(*), intent(inout) :: rcv(*)
        integer(c_int), intent(in) :: cnt, op, root

        call jia_reduce(snd, rcv, int(cnt, c_size_t), op, root)
    end subroutine
end module
