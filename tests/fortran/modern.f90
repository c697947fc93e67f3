! modern - every call of module jia. With the argument "error" host 0 prints a line and ends the job.
program modern
    use, intrinsic :: iso_c_binding
    use jia
    implicit none

    integer(c_size_t), parameter :: big = 3221225472_c_size_t ! does not fit in an integer of 4 bytes
    integer, pointer :: sum, list(:)
    integer, pointer :: matrix(:,:)
    type(c_ptr) :: p, q
    character(16) :: arg
    real(c_double) :: t
    type(jia_stats_t) :: stats
    type(jia_alloc_attr_t) :: attr
    integer :: i

    call jia_init()
    call get_command_argument(1, arg)
    if (arg == "error" .and. jiapid == 0) then
        print *, "printed before the error"
        call jia_error("no convergence")
    end if
    t = jia_clock()
    i = jia_startstat()

    call c_f_pointer(jia_alloc(4), sum)
    call c_f_pointer(jia_alloc1(4 * jiahosts), list, [jiahosts])
    call c_f_pointer(jia_alloc2(4 * 64 * 64, 4096), matrix, [64, 64])
    p = jia_alloc2(big, 65536_c_size_t)
    q = jia_alloc2p(4096_c_size_t, jiahosts - 1)
    if (transfer(q, 0_c_intptr_t) - transfer(p, 0_c_intptr_t) /= big) call jia_error("3 Gbyte")
    p = jia_alloc(4096_c_size_t)
    p = jia_alloc1(4096_c_size_t)
    p = jia_alloc2p(4096, 0)
    p = jia_alloc3(8192, 4096, jiahosts - 1)
    p = jia_alloc3(8192_c_size_t, 4096_c_size_t, 0)
    p = jia_alloc4(65536, [4096, 8192], 2, 0)
    p = jia_alloc4(65536_c_size_t, [4096, 8192], 2, 0)
    p = jia_alloc_array(12288, [4096, 8192], min(2, jiahosts))
    p = jia_alloc_array(12288_c_size_t, [4096], 1)
    p = jia_alloc_random(4096)
    p = jia_alloc_random(4096_c_size_t)
    call jia_free(p)
    attr%placement = JIA_PLACE_HOST
    attr%host = jiahosts - 1
    p = jia_alloc_attr(8192, attr)
    if (jia_home(p) /= jiahosts - 1) call jia_error("jia_home")
    p = jia_alloc_attr(8192_c_size_t, attr)
    if (jia_cache_resize(65536) /= 0 .or. jia_cache_resize(4096_c_size_t) == 0) call jia_error("jia_cache_resize")
    if (jia_restored() /= 0 .or. jia_checkpoint() >= 0 .or. jia_checkpoint_start() >= 0) call jia_error("jia_checkpoint")
    call jia_prefetch(p, 4096)
    call jia_prefetch(p, 4096_c_size_t)
    if (jia_pin_range(p, 4096) /= 0 .or. jia_pin_range(p, 1_c_size_t) /= 0) call jia_error("jia_pin_range")
    if (jia_unpin_range(p, 4096) /= 0 .or. jia_unpin_range(p, 1_c_size_t) /= 0) call jia_error("jia_unpin_range")
    if (jia_unpin_range(p, 4096) == 0) call jia_error("jia_unpin_range of memory that was not pinned")

    list(jiapid + 1) = jiapid + 1
    do i = jiapid + 1, 64, jiahosts
        matrix(:, i) = i
    end do
    call jia_lock(3)
    sum = sum + jiapid + 1
    call jia_unlock(3)
    call jia_wait()
    if (jiapid == 0) call jia_setcv(2)
    call jia_waitcv(2)
    call jia_barrier()
    call jia_resetcv(2)

    call messages()
    call words()

    if (any(list /= [(i, i = 1, jiahosts)])) call jia_error("jia_alloc1")
    if (any(matrix(1, :) /= [(i, i = 1, 64)]) .or. any(matrix(64, :) /= matrix(1, :))) call jia_error("jia_alloc2")
    if (sum /= jiahosts * (jiahosts + 1) / 2) call jia_error("jia_lock")
    if (jia_clock() < t) call jia_error("jia_clock")
    i = jia_stopstat()
    call jia_stats(stats)
    if (stats%barriers /= 4 .or. stats%seconds_elapsed <= 0) call jia_error("jia_stats")
    call pools()
    if (arg == "end") then
        call jia_end()
    else
        call jia_exit()
    end if
    if (jiapid == 0) print *, "modern: ok"

contains

    ! Objects of this host, written and read by it.
    subroutine pools()
        type(jia_pool_attr_t) :: attr
        type(jia_pool_stats_t) :: numbers
        integer(c_int), pointer :: x(:)
        character(kind=c_char), target :: name(4) = ["g", "r", "i", c_null_char]
        integer(c_int) :: plain, zeroed

        plain = jia_pool_create(1000000_c_size_t)
        attr%size = c_sizeof(attr)
        attr%name = c_loc(name)
        attr%zero = 1
        zeroed = jia_pool_create(1000000_c_size_t, attr)
        if (plain < 0 .or. zeroed < 0) call jia_error("jia_pool_create")
        p = jia_pool_alloc(zeroed, 40_c_size_t)
        call c_f_pointer(p, x, [10])
        if (any(x /= 0)) call jia_error("jia_pool_alloc")
        x = 1
        p = jia_pool_realloc(zeroed, p, 400_c_size_t)
        call c_f_pointer(p, x, [100])
        if (any(x(:10) /= 1)) call jia_error("jia_pool_realloc")
        q = jia_pool_aligned_alloc(plain, 256_c_size_t, 8_c_size_t)
        if (mod(transfer(q, 0_c_intptr_t), 256_c_intptr_t) /= 0) call jia_error("jia_pool_aligned_alloc")
        call jia_pool_stats(zeroed, numbers)
        if (numbers%objects /= 1 .or. numbers%returned /= 0) call jia_error("jia_pool_stats")
        call jia_pool_free(zeroed, p)
        call jia_pool_reset(plain)
        if (jia_pool_destroy(plain) /= 0 .or. jia_pool_destroy(zeroed) /= 0) call jia_error("jia_pool_destroy")
    end subroutine

    ! Round a ring, from host 0 to all, and from all to host 0; lengths of both kinds.
    subroutine messages()
        real(c_double) :: x(2), y(2)
        integer :: first, last

        x = [real(c_double) :: jiapid, 1]
        call jia_send(x, 16, mod(jiapid + 1, jiahosts), 7)
        call jia_send([jiapid], 4_c_size_t, jiapid, 8)
        if (jia_recv(y, 16, MSG_PROC_ALL, 7) /= 16) call jia_error("the length of a message")
        if (nint(y(1)) /= mod(jiapid + jiahosts - 1, jiahosts)) call jia_error("jia_send, jia_recv")
        if (jia_recv(y, 16_c_size_t, jiapid, MSG_TAG_ALL) /= 4) call jia_error("a message to this host")
        call jia_reduce(x, y, 2, SUM_DOUBLE, 0)
        if (jiapid == 0 .and. any(nint(y) /= [jiahosts * (jiahosts - 1) / 2, jiahosts])) call jia_error("jia_reduce")
        call jia_reduce(x, y, 1_c_size_t, MAX_DOUBLE, jiahosts - 1)
        if (jiapid == jiahosts - 1 .and. nint(y(1)) /= jiapid) call jia_error("jia_reduce, the maximum")
        if (jiapid == 0) x(2) = 42
        call jia_bcast(x, 16, 0)
        if (nint(x(1)) /= 0 .or. nint(x(2)) /= 42) call jia_error("jia_bcast")
        call jia_bcast(x, 16_c_size_t, jiahosts - 1)
        call jia_config(LOADBAL, ON)
        call jia_loadcheck()
        call jia_config(LOADBAL, OFF)
        first = 1
        last = jiahosts
        call jia_divtask(first, last)
        if (first /= jiapid + 1 .or. last /= first) call jia_error("jia_divtask")
    end subroutine

    ! Words that all hosts count up, beside each other and under locks.
    subroutine words()
        integer(c_int), pointer :: small
        integer(c_long), pointer :: large
        integer(c_int) :: was
        integer(c_long) :: held

        call c_f_pointer(jia_alloc1(4096), small)
        call c_f_pointer(jia_alloc(4096), large)
        was = jia_atomic_fetch_add_u32(small, 2)
        held = jia_atomic_fetch_add_u64(large, 2_c_long**40)
        call jia_barrier()
        if (jia_atomic_load_u32(small) /= 2 * jiahosts) call jia_error("jia_atomic_fetch_add_u32")
        if (jia_atomic_load_u64(large) /= 2_c_long**40 * jiahosts) call jia_error("jia_atomic_fetch_add_u64")
        call jia_barrier()
        call jia_rwlock_wrlock(1)
        call jia_atomic_store_u32(small, jiapid)
        call jia_atomic_store_u64(large, 5_c_long)
        if (jia_atomic_exchange_u32(small, 9) /= jiapid) call jia_error("jia_atomic_exchange_u32")
        if (jia_atomic_exchange_u64(large, 9_c_long) /= 5) call jia_error("jia_atomic_exchange_u64")
        was = 8
        held = 8
        if (jia_atomic_compare_exchange_u32(small, was, 1) /= 0 .or. was /= 9) call jia_error("compare_exchange_u32")
        if (jia_atomic_compare_exchange_u64(large, held, 1_c_long) /= 0 .or. held /= 9) call jia_error("compare_exchange_u64")
        if (jia_rwlock_tryrdlock(1) == 0 .or. jia_rwlock_trywrlock(1) == 0) call jia_error("jia_rwlock_trywrlock")
        call jia_rwlock_unlock(1)
        call jia_rwlock_rdlock(1)
        if (small /= 9) call jia_error("jia_rwlock_rdlock")
        call jia_rwlock_unlock(1)
        if (jia_trylock(200 + jiapid) /= 0) call jia_error("jia_trylock")
        call jia_unlock(200 + jiapid)
        call jia_barrier()
    end subroutine
end program
