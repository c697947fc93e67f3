package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each mistake ends the job with one line that names host, call and remedy. The last host makes it.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name  string
		hosts []int
		says  []string
	}{
		{"lock_negative", []int{1, 2}, []string{"jia_lock(-3)", "from 0 up"}},
		{"unlock_negative", []int{1, 2}, []string{"jia_unlock(-3)", "from 0 up"}},
		{"unlock_not_held", []int{1, 2}, []string{"jia_unlock(4)", "does not hold"}},
		{"unlock_twice", []int{1, 2}, []string{"jia_unlock(4)", "does not hold"}},
		{"unlock_of_another_thread", []int{1, 2}, []string{"jia_unlock(4)", "does not hold"}},
		{"lock_twice", []int{1, 2}, []string{"jia_lock(4)", "already"}},
		{"barrier_in_scope", []int{1, 2, 3}, []string{"jia_barrier", "critical section", "unlock"}},
		{"exit_in_scope", []int{1, 2}, []string{"jia_exit", "critical section", "unlock"}},
		{"barrier_of_two_threads", []int{2, 3}, []string{"jia_barrier", "thread"}},
		{"cv_negative", []int{1, 2}, []string{"jia_setcv(-1)", "from 0 up"}},
		{"cv_wait_negative", []int{1, 2}, []string{"jia_waitcv(-1)", "from 0 up"}},
		{"alloc_too_much", []int{1, 2}, []string{"jia_alloc(68157440)", "JIA_REGION_SIZE"}},
		{"alloc_way_too_much", []int{1, 2}, []string{"jia_alloc(", "JIA_REGION_SIZE"}},
		{"alloc_negative", []int{1, 2}, []string{"jia_alloc(-4096)", "overflows"}},
		{"alloc_negative_block", []int{1, 2}, []string{"jia_alloc2(4096, -5)", "block of -5"}},
		{"alloc_in_small_steps", []int{1, 2}, []string{"jia_alloc(1048576)", "JIA_REGION_SIZE"}},
		{"alloc_no_such_host", []int{1, 2}, []string{"jia_alloc2p(4096,", "host"}},
		{"alloc_negative_host", []int{1, 2}, []string{"jia_alloc3(4096, 4096, -1)", "host"}},
		{"alloc_no_block", []int{1, 2}, []string{"jia_alloc2(4096, 0)", "block"}},
		{"alloc_no_blocks", []int{1, 2}, []string{"jia_alloc4(4096", "block"}},
		{"alloc_negative_part", []int{1, 2}, []string{"jia_alloc_array(4096", "-4096"}},
		{"alloc_differently", []int{2, 3}, []string{"jia_alloc(20480)", "jia_alloc2(12288, 8192)"}},
		{"alloc_once_more", []int{2, 3}, []string{"jia_alloc1(4096)"}},
		{"free_twice", []int{1, 2}, []string{"jia_free(0x400000000000)", "already", "once"}},
		{"free_inside", []int{1, 2}, []string{"jia_free(0x400000001000)", "inside an allocation of 8192 bytes", "begins at 0x400000000000"}},
		{"free_odd", []int{1, 2}, []string{"jia_free(0x400000000003)", "inside an allocation"}},
		{"free_outside", []int{1, 2}, []string{"jia_free(0x", "not shared memory"}},
		{"free_beyond", []int{1, 2}, []string{"jia_free(0x400000002000)", "nothing is allocated there"}},
		{"free_differently", []int{2, 3}, []string{"jia_free(0x400000000000)", "made no such call"}},
		{"free_null", []int{2, 3}, []string{"jia_free(0x0)", "jia_free(0x400000000000)"}},
		{"free_before_init", []int{1, 2}, []string{"jia_free", "jia_init"}},
		{"send_no_such_host", []int{1, 2}, []string{"jia_send to host", "there"}},
		{"send_negative_tag", []int{1, 2}, []string{"jia_send with tag -1", "from 0 up"}},
		{"send_negative_length", []int{1, 2}, []string{"jia_send", "-5", "from 0 up"}},
		{"send_null", []int{1, 2}, []string{"jia_send", "NULL", "4"}},
		{"recv_no_such_host", []int{1, 2}, []string{"jia_recv from host -2", "MSG_PROC_ALL"}},
		{"recv_negative_tag", []int{1, 2}, []string{"jia_recv with tag -7", "MSG_TAG_ALL"}},
		{"recv_negative_length", []int{1, 2}, []string{"jia_recv", "-5", "from 0 up"}},
		{"recv_null", []int{1, 2}, []string{"jia_recv", "NULL", "4"}},
		{"recv_too_long", []int{1, 2}, []string{"jia_recv", "9 bytes", "the buffer 4", "tag 5"}},
		{"bcast_no_such_root", []int{1, 2}, []string{"jia_bcast", "root", "host"}},
		{"bcast_negative_length", []int{1, 2}, []string{"jia_bcast", "-5"}},
		{"bcast_of_two_threads", []int{2, 3}, []string{"jia_bcast", "thread"}},
		{"reduce_no_such_root", []int{1, 2}, []string{"jia_reduce with SUM_INT", "root -1"}},
		{"reduce_unknown", []int{1, 2}, []string{"jia_reduce", "operation 13"}},
		{"reduce_negative_count", []int{1, 2}, []string{"jia_reduce", "-3", "from 0 up"}},
		{"reduce_null", []int{1, 2}, []string{"jia_reduce", "NULL"}},
		{"reduce_for_bcast", []int{2, 3}, []string{"jia_reduce with SUM_INT of 4 bytes", "jia_bcast of 4 bytes"}},
		{"bcast_once_more", []int{2, 3}, []string{"jia_bcast of 4 bytes with root", "jia_reduce with SUM_INT of 8 bytes"}},
		{"send_before_init", []int{1, 2}, []string{"jia_send", "jia_init"}},
		{"recv_before_init", []int{1, 2}, []string{"jia_recv", "jia_init"}},
		{"config_before_init", []int{1, 2}, []string{"jia_config", "jia_init"}},
		{"recv_after_exit", []int{1, 2}, []string{"jia_recv", "jia_exit"}},
		{"init_twice", []int{1, 2}, []string{"jia_init", "twice"}},
		{"wait_for_barrier", []int{2, 3}, []string{"jia_wait", "jia_barrier"}},
		{"leave_early", []int{2, 3}, []string{"jia_exit", "jia_barrier"}},
		{"error_with_newline", []int{1, 2}, []string{"an error line"}},
		{"error_of_many_lines", []int{1, 2}, []string{"first", "second", "third fourth"}},
		{"error_very_long", []int{1, 2}, []string{"xxxxxxxxxx"}},
		{"lock_before_init", []int{1, 2}, []string{"jia_lock", "jia_init"}},
		{"alloc_before_init", []int{1, 2}, []string{"jia_alloc", "jia_init"}},
		{"barrier_before_init", []int{1, 2}, []string{"jia_barrier", "jia_init"}},
		{"exit_before_init", []int{1, 2}, []string{"jia_exit", "jia_init"}},
		{"error_before_init", []int{1, 2}, []string{"too early"}},
		{"lock_after_exit", []int{1, 2}, []string{"jia_lock", "jia_exit"}},
		{"barrier_after_exit", []int{1, 2}, []string{"jia_barrier", "jia_exit"}},
		{"alloc_after_exit", []int{1, 2}, []string{"jia_alloc", "jia_exit"}},
	} {
		for _, hosts := range test.hosts {
			if testing.Short() && hosts != 2 {
				continue
			}
			t.Run(fmt.Sprintf("%s/hosts=%d", test.name, hosts), func(t *testing.T) {
				says := test.says
				if !strings.Contains(test.name, "before_init") {
					says = append(says, "host ")
				}
				r := job{program: "misuse", args: []string{test.name}, hosts: hosts,
					env: []string{"JIA_REGION_SIZE=64M"}, deadline: 4 * time.Second}.start(t)
				line := r.wait().failed(t, says...)
				r.nothingLeft()
				t.Log(line)
			})
		}
	}
}

// A host without descriptors left, of which TCP takes one for each thread, says so, and does not blame the receiver. It may warn besides that
// others cannot connect.
func TestSendWithoutFiles(t *testing.T) {
	job{program: "misuse", args: []string{"send_without_files"}, hosts: 2, env: []string{overTCP, "JIA_LOG=error"}}.run(t).failed(t,
		"host 1: send Data to host 0", "too many open files", "ulimit -n")
}

// The line names the host that made the mistake where one did.
func TestMistakesNameTheHost(t *testing.T) {
	for _, name := range []string{"lock_negative", "unlock_not_held", "barrier_in_scope", "alloc_too_much", "error_with_newline"} {
		result := job{program: "misuse", args: []string{name}, hosts: 3, env: []string{"JIA_REGION_SIZE=64M"}}.run(t)
		result.failed(t, "host 2")
	}
}

func TestBadSettings(t *testing.T) {
	for _, setting := range []string{
		"JIA_NPROC=abc", "JIA_NPROC=0", "JIA_NPROC=-1", "JIA_NPROC=99999", "JIA_NPROC=2x", "JIA_NPROC= ", "JIA_NPROC=1.5",
		"JIA_NPROC=99999999999999999999", "JIA_FAULT=wrong", "JIA_REGION_SIZE=lots", "JIA_REGION_SIZE=0",
		"JIA_REGION_SIZE=65T", "JIA_PAGE_SIZE=2K", "JIA_PAGE_SIZE=12K", "JIA_PAGE_SIZE=4M", "JIA_PAGE_SIZE=0", "JIA_SPIN=maybe", "JIA_COMM_TYPE=pigeon", "JIA_SHM=2", "JIA_PREFETCH=1000",
	} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			r := job{program: "misuse", args: []string{"nothing"}, env: []string{setting}}.start(t)
			t.Log(r.wait().failed(t, name, value))
			r.nothingLeft()
		})
	}
}

// The library's own variable, set by somebody else, keeps no main from running.
func TestSupervisorsVariable(t *testing.T) {
	job{program: "misuse", args: []string{"nothing"}, env: []string{"JIA_SUPERVISOR=1"}}.run(t).failed(t, "JIA_SUPERVISOR is set", "unset it")
}

func TestGoodSettings(t *testing.T) {
	for _, setting := range []string{"JIA_NPROC=", "JIA_NPROC=1", "JIA_REGION_SIZE=16T", "JIA_REGION_SIZE=1m", "JIA_FAULT=auto"} {
		for _, hosts := range []int{0, 2} {
			env := []string{setting}
			if hosts > 0 && !strings.HasPrefix(setting, "JIA_NPROC") {
				env = append(env, "JIA_NPROC=2")
			}
			job{program: "misuse", args: []string{"nothing"}, env: env}.run(t).good(t, "")
		}
	}
}
