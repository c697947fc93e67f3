c     What some old programs bring along from the old library, under the
c     names that this library has for itself.
      subroutine jiaf_init
      dimension argv(16)
      integer argv
      common /mine/ calls
      integer calls

      calls = 0
      call jia_init(%val(iargc() + 1), argv)
      end

      subroutine jia_distask(begin, end, first, last)
      integer begin, end, first, last
      common /jia/ jiapid, jiahosts
      common /mine/ calls
      integer calls

      calls = calls + 1
      begin = first + (last - first + 1)*jiapid/jiahosts
      end = first + (last - first + 1)*(jiapid + 1)/jiahosts - 1
      end
