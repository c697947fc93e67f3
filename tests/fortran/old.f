c     old - every call of an old program, by its old name. With the
c     argument "error" host 0 prints a line and ends the job.
      program old
      include 'jiaf.h'
      real*8 t, a(1024), b(1024), x(2), y(2)
      integer*4 parts(2), begin, end
      integer*8 p, last
      pointer (pa, a), (pb, b)
      character*16 arg
      external lost

      call jiaf_init()
      call getarg(1, arg)
      if (arg .eq. 'error' .and. jiapid .eq. 0) then
        print *, 'printed before the error'
        arg = 'no convergence'
        call jia_error(arg)
      endif
      if (arg .eq. 'lose') then
        call jia_on_failure(lost)
        call jia_barrier()
        if (jiapid .eq. 1) call kill(getpid(), 9)
        call jia_barrier()
      endif
      t = jia_clock()
      call jia_stopstat()
      call jia_startstat()

c     Sizes of both kinds. What is asked for after 3 Gbyte has to lie
c     behind them.
      parts(1) = 4096
      parts(2) = 8192
      pa = jia_alloc(%val(8*1024))
      p = jia_alloc1(%val(100))
      p = jia_alloc2(%val(3221225472_8), %val(65536))
      last = jia_alloc2p(%val(4096), %val(jiahosts - 1))
      if (last .ne. p + 3221225472_8) call jia_error('3 Gbyte')
      pb = jia_alloc3(%val(8*1024), %val(4096_8), %val(jiahosts - 1))
      p = jia_alloc4(%val(65536), parts, %val(2), %val(0))
      p = jia_alloc_array(%val(12288), parts, %val(min(2, jiahosts)))
      p = jia_alloc_random(%val(4096))
      if (jia_home(%val(p)) .lt. 0) call jia_error('jia_home')
      call jia_free(%val(p))
      if (jia_cache_resize(%val(65536_8)) .ne. 0)
     &  call jia_error('cache')
      if (jia_restored() .ne. 0 .or. jia_checkpoint() .ge. 0 .or.
     &  jia_checkpoint_wait() .ne. 0) call jia_error('checkpoint')
      if (loc(a) .lt. 70368744177664_8) call jia_error('address')

      call jia_distask(begin, end, 1, 1024)
      do 10 i = begin, end
        b(i) = i
 10   continue
      call jia_lock(%val(3))
      a(1) = a(1) + jiapid + 1
      call jia_unlock(%val(3))
      call jia_wait()
      if (jiapid .eq. 0) call jia_setcv(%val(2))
      call jia_waitcv(%val(2))
      call jia_barrier()
      call jia_resetcv(%val(2))

      do 20 i = 1, 1024
        if (b(i) .ne. i) call jia_error('jia_distask or jia_alloc3')
 20   continue
      if (a(1) .ne. jiahosts*(jiahosts + 1)/2)
     &  call jia_error('jia_lock')
      if (jia_clock() .lt. t) call jia_error('jia_clock')
      call messages(x, y)
      call pools
      call words
      call check
      if (arg .eq. 'end') then
        call jia_end()
      else
        call jia_exit()
      endif
      if (jiapid .eq. 0) print *, 'old: ok'
      end

c     Host 0 hears which host was lost, and why.
      subroutine lost(host, reason)
      integer*4 host
      character*(*) reason

      print *, 'lost', host, ': ', reason
      call flush(6)
      end

c     Round a ring, from host 0 to all, and from all to host 0.
      subroutine messages(x, y)
      include 'jiaf.h'
      real*8 x(2), y(2)
      integer*4 begin, end, previous

      previous = mod(jiapid + jiahosts - 1, jiahosts)
      x(1) = jiapid
      x(2) = 1
      call jia_send(x, %val(16), %val(mod(jiapid + 1, jiahosts)),
     &  %val(7))
      if (jia_recv(y, %val(16), %val(-1), %val(-1)) .ne. 16 .or.
     &  y(1) .ne. previous) call jia_error('jia_send, jia_recv')
      call jia_reduce(x, y, %val(2), %val(20), %val(0))
      if (jiapid .eq. 0 .and. (y(2) .ne. jiahosts .or.
     &  y(1) .ne. jiahosts*(jiahosts - 1)/2))
     &  call jia_error('jia_reduce')
      if (jiapid .eq. 0) x(2) = 42
      call jia_bcast(x, %val(16_8), %val(0))
      if (x(1) .ne. 0 .or. x(2) .ne. 42) call jia_error('jia_bcast')
      call jia_config(%val(3), %val(1))
      call jia_loadcheck()
      call jia_config(%val(3), %val(0))
      begin = 1
      end = jiahosts
      call jia_divtask(begin, end)
      if (begin .ne. jiapid + 1 .or. end .ne. begin)
     &  call jia_error('jia_divtask')
      end

c     Words that all hosts count up.
      subroutine words
      include 'jiaf.h'
      integer*4 i
      integer*8 n, was
      pointer (pi, i), (pn, n)

      pi = jia_alloc1(%val(4096))
      pn = jia_alloc(%val(4096))
      was = jia_atomic_fetch_add_u32(i, %val(3))
      was = jia_atomic_fetch_add_u64(n, %val(1099511627776_8))
      call jia_barrier()
      if (i .ne. 3*jiahosts .or. n .ne. 1099511627776_8*jiahosts)
     &  call jia_error('jia_atomic_fetch_add')
      call jia_barrier()
      call jia_rwlock_wrlock(%val(5))
      was = n
      if (jia_atomic_compare_exchange_u64(n, was, %val(was + 1))
     &  .ne. 1 .or. jia_rwlock_tryrdlock(%val(5)) .eq. 0)
     &  call jia_error('jia_atomic_compare_exchange_u64')
      call jia_rwlock_unlock(%val(5))
      if (jia_trylock(%val(200 + jiapid)) .ne. 0)
     &  call jia_error('jia_trylock')
      call jia_unlock(%val(200 + jiapid))
      call jia_barrier()
      end

c     A subroutine that has the COMMON block without the header.
      subroutine check
      common /jia/ jiapid, jiahosts
      if (jiapid .lt. 0 .or. jiapid .ge. jiahosts)
     &  call jia_error('COMMON /jia/')
      end

c     Objects of this host, written and read by it.
      subroutine pools
      include 'jiaf.h'
      real*8 c(1024)
      pointer (pc, c)
      integer*4 k
      integer*8 p

      k = jia_pool_create(%val(1000000))
      if (k .lt. 0) call jia_error('jia_pool_create')
      pc = jia_pool_alloc(%val(k), %val(80))
      c(10) = jiapid
      pc = jia_pool_realloc(%val(k), %val(pc), %val(8192))
      if (c(10) .ne. jiapid) call jia_error('jia_pool_realloc')
      p = jia_pool_aligned_alloc(%val(k), %val(256), %val(8))
      if (mod(p, 256_8) .ne. 0) call jia_error('aligned_alloc')
      call jia_pool_free(%val(k), %val(pc))
      call jia_pool_reset(%val(k))
      if (jia_pool_destroy(%val(k)) .ne. 0) call jia_error('destroy')
      end
