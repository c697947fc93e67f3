c     old - every call of an old program, by its old name. With the
c     argument "error" host 0 prints a line and ends the job.
      program old
      include 'jiaf.h'
      real*8 t, a(1024), b(1024)
      integer*4 parts(2), begin, end
      integer*8 p, last
      pointer (pa, a), (pb, b)
      character*16 arg

      call jiaf_init()
      call getarg(1, arg)
      if (arg .eq. 'error' .and. jiapid .eq. 0) then
        print *, 'printed before the error'
        arg = 'no convergence'
        call jia_error(arg)
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
      call check
      if (arg .eq. 'end') then
        call jia_end()
      else
        call jia_exit()
      endif
      if (jiapid .eq. 0) print *, 'old: ok'
      end

c     A subroutine that has the COMMON block without the header.
      subroutine check
      common /jia/ jiapid, jiahosts
      if (jiapid .lt. 0 .or. jiapid .ge. jiahosts)
     &  call jia_error('COMMON /jia/')
      end
