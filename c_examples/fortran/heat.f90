! heat - heat spreads in a square plate of n x n cells whose border stays at zero; modern Fortran with module jia.
!
!     JIA_NPROC=4 ./heat_f90 [n steps]
!
! Every step computes a new grid from the old one, so one barrier a step is enough: nobody writes what others read. Each
! host owns a band of columns, which has its home there: jia_alloc2 deals out bands. Only a band's first and last
! column are fetched by a neighbour.
program heat
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_size_t
    use, intrinsic :: iso_fortran_env, only: real64
    use jia
    implicit none

    real(real64), parameter :: alpha = 0.2_real64 ! conductivity * time step / cell**2; stable up to 1/4
    real(real64), parameter :: pi = acos(-1.0_real64)
    integer, parameter :: error_lock = 0

    ! Two grids with their border, 0 to n + 1 in both directions; shared, as is the error.
    real(real64), pointer, contiguous :: old(:,:), new(:,:), swap(:,:)
    real(real64), pointer :: error
    real(real64) :: start, elapsed, mine
    integer :: n, steps, band, first, last, step

    n = argument(1, 1000)
    steps = argument(2, 100)
    if (n < 1 .or. n > 16000 .or. steps < 0) call jia_error("heat: n must be from 1 to 16000, steps at least 0")

    call jia_init()
    band = (n + 2 + jiahosts - 1) / jiahosts ! columns, the border's among them
    old => grid()
    new => grid()
    call c_f_pointer(jia_alloc1(8), error)
    first = max(1, band * jiapid)
    last = min(n, band * (jiapid + 1) - 1)
    call fill()

    call jia_barrier()
    start = jia_clock()
    do step = 1, steps
        call advance()
        call jia_barrier()
        swap => old
        old => new
        new => swap
    end do
    elapsed = jia_clock() - start

    mine = worst_error()
    call jia_lock(error_lock)
    if (.not. mine <= error) error = mine ! so that a NaN counts
    call jia_unlock(error_lock)
    call jia_barrier()
    if (.not. error < 1e-10_real64) call jia_error("heat: a cell is wrong")
    if (jiapid == 0) print "('heat_f90: ', i0, ' x ', i0, ', ', i0, ' steps, ', i0, ' host(s): ok, ', f5.3, ' s')", &
        n, n, steps, jiahosts, elapsed
    call jia_exit()

contains

    ! The command line's argument number i, or the default.
    integer function argument(i, default)
        integer, intent(in) :: i, default
        character(16) :: text
        integer :: status

        argument = default
        if (command_argument_count() < i) return
        call get_command_argument(i, text)
        read (text, *, iostat=status) argument
        if (status /= 0) call jia_error("heat: not a number: " // trim(text))
    end function

    ! Shared memory for a grid, dealt out in bands of columns.
    function grid() result(cells)
        real(real64), pointer, contiguous :: cells(:,:)
        integer(c_size_t) :: column

        column = 8 * (n + 2)
        call c_f_pointer(jia_alloc2(column * (n + 2), column * band), cells, [n + 2, n + 2])
        cells(0:, 0:) => cells
    end function

    ! A standing wave keeps its form: the neighbours of a cell add up to factor() times the cell.
    pure real(real64) function wave(i, j)
        integer, intent(in) :: i, j

        wave = sin(2 * pi * i / (n + 1)) * sin(3 * pi * j / (n + 1))
    end function

    pure real(real64) function factor()
        factor = 2 * cos(2 * pi / (n + 1)) + 2 * cos(3 * pi / (n + 1))
    end function

    subroutine fill()
        integer :: i, j

        do j = first, last
            do i = 1, n
                old(i, j) = wave(i, j)
            end do
        end do
    end subroutine

    subroutine advance()
        integer :: i, j

        do j = first, last
            do i = 1, n
                new(i, j) = old(i, j) + alpha * (old(i - 1, j) + old(i + 1, j) + old(i, j - 1) + old(i, j + 1) - 4 * old(i, j))
            end do
        end do
    end subroutine

    ! The largest error in this host's columns.
    real(real64) function worst_error()
        real(real64) :: scale
        integer :: i, j

        scale = (1 + alpha * (factor() - 4)) ** steps
        worst_error = 0
        do j = first, last
            do i = 1, n
                if (.not. abs(old(i, j) - scale * wave(i, j)) <= worst_error) worst_error = abs(old(i, j) - scale * wave(i, j))
            end do
        end do
    end function
end program
