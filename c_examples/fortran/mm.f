c     mm - the product of two n x n matrices, C = A B, as FORTRAN 77
c     programs with Cray pointers were written in 1998.
c
c         JIA_NPROC=4 ./mm_f77
c
c     Columns lie one behind the other, so each host gets a block of
c     columns of every matrix, and computes those of C. All of A is
c     read by all hosts: each fetches it once.
c
c     A(i,k) = i + k and B(k,j) = k - j make the answer known:
c     C(i,j) = -n i j + (i - j) n (n+1)/2 + n (n+1) (2n+1)/6.

      program mm
      include 'jiaf.h'
      parameter (n = 384)
      integer begin, end
      common /mine/ begin, end
      real*8 a(n,n), b(n,n), c(n,n), worst
      pointer (pa, a), (pb, b), (pc, c), (pw, worst)
      common /shared/ pa, pb, pc, pw
      integer column, band
      real*8 start, elapsed, mine, error

      call jiaf_init()
      column = 8*n
      band = (n + jiahosts - 1)/jiahosts
      pa = jia_alloc3(%val(column*n), %val(column*band), %val(0))
      pb = jia_alloc3(%val(column*n), %val(column*band), %val(0))
      pc = jia_alloc3(%val(column*n), %val(column*band), %val(0))
      pw = jia_alloc1(%val(8))

      call jia_distask(begin, end, 1, n)
      call fill
      call jia_barrier()
      start = jia_clock()
      call worker
      call jia_barrier()
      elapsed = jia_clock() - start

      mine = error()
      call jia_lock(%val(0))
      if (.not. mine .le. worst) worst = mine
      call jia_unlock(%val(0))
      call jia_barrier()
      if (.not. worst .eq. 0) call jia_error('mm: wrong product')
      if (jiapid .eq. 0) write (6, 10) n, jiahosts, elapsed
 10   format ('mm_f77: n = ', i0, ', ', i0, ' host(s): ok, ',
     &        f5.3, ' s')
      call jia_exit()
      stop
      end

c     This host's columns of A and B.
      subroutine fill
      parameter (n = 384)
      integer begin, end, i, j
      common /mine/ begin, end
      real*8 a(n,n), b(n,n), c(n,n), worst
      pointer (pa, a), (pb, b), (pc, c), (pw, worst)
      common /shared/ pa, pb, pc, pw

      do 20 j = begin, end
        do 20 i = 1, n
          a(i,j) = i + j
          b(i,j) = i - j
 20   continue
      end

c     This host's columns of C. The loop over k is outside that over i,
c     so that both run down columns.
      subroutine worker
      parameter (n = 384)
      integer begin, end, i, j, k
      common /mine/ begin, end
      real*8 a(n,n), b(n,n), c(n,n), worst, bkj
      pointer (pa, a), (pb, b), (pc, c), (pw, worst)
      common /shared/ pa, pb, pc, pw

      do 40 j = begin, end
        do 30 i = 1, n
          c(i,j) = 0
 30     continue
        do 40 k = 1, n
          bkj = b(k,j)
          do 40 i = 1, n
            c(i,j) = c(i,j) + a(i,k)*bkj
 40   continue
      end

c     The largest error in this host's columns. All numbers are whole
c     and small enough to be exact.
      real*8 function error()
      parameter (n = 384)
      integer begin, end, i, j
      common /mine/ begin, end
      real*8 a(n,n), b(n,n), c(n,n), worst, x, want
      pointer (pa, a), (pb, b), (pc, c), (pw, worst)
      common /shared/ pa, pb, pc, pw

      x = n
      error = 0
      do 50 j = begin, end
        do 50 i = 1, n
          want = x*(x + 1)*(2*x + 1)/6 + (i - j)*x*(x + 1)/2 - x*i*j
          if (.not. abs(c(i,j) - want) .le. error)
     &      error = abs(c(i,j) - want)
 50   continue
      end
