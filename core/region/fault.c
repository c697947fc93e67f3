/*
 * The signal handlers of a region.
 *
 * A forbidden access to the application view is answered on the spot: the handler calls Go in the faulting thread and,
 * when Go has made the page accessible, returns to the instruction, which then succeeds. Every other signal is passed
 * on so that the program behaves as if we were not there:
 *
 *   - a handler that the program installed before us runs as the kernel would have run it;
 *   - a fault in Go code goes to Go's handler, so that a nil dereference in Go stays a Go panic;
 *   - anything else meets the default action and kills the process with the very same signal, and without the trace
 *     that Go's handler would print: the bug is the C program's, and Go has nothing to say about it.
 *
 * How Go can be called from a signal handler at all. Go's own signals use the alternate stack too, and the kernel starts
 * such a signal at the top of that stack whenever the thread's stack pointer is elsewhere. While Go code runs, on a
 * goroutine's stack, they would overwrite our frame. Hence:
 *
 *   - all asynchronous signals are blocked in the handler;
 *   - Go is not called on the alternate stack but on the stack that was interrupted. It is the thread's own, large, and
 *     the one whose bounds Go knows from other calls;
 *   - the first call of a thread makes Go adopt it, and that unblocks Go's preemption signal. During this call the
 *     alternate stack on which our frame lies is switched off; Go then brings one of its own.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "_cgo_export.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Valid while handlers are installed; size 0 means that no address is ours. */
static struct region_watch watch;

/* A handler that we stand in front of. */
struct previous {
	int signal;
	bool installed; /* ours is somewhere in the chain */
	struct sigaction action;
	atomic_bool used_up; /* it had SA_RESETHAND and has run */
};
static struct previous previous[] = { { .signal = SIGSEGV }, { .signal = SIGBUS }, { .signal = SIGFPE } };

/* Set once a fault of this thread has called Go. Initial-exec: the access must not allocate. */
static __thread bool adopted __attribute__((tls_model("initial-exec")));

/* The machine state at a signal, per processor: program counter, stack pointer, and what kind of access faulted. */
#if defined(__x86_64__)

static uintptr_t context_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

/* The first address below everything that the interrupted function may keep on its stack. */
static uintptr_t context_stack(const ucontext_t *uc)
{
	const uintptr_t red_zone = 128;
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP] - red_zone;
}

static enum region_write context_write(const ucontext_t *uc)
{
	const greg_t page_fault_write = 1 << 1;
	return uc->uc_mcontext.gregs[REG_ERR] & page_fault_write ? REGION_WRITE_YES : REGION_WRITE_NO;
}

#elif defined(__aarch64__)

static uintptr_t context_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.pc;
}

static uintptr_t context_stack(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.sp;
}

/* The syndrome register is in one of the records that follow the general registers. */
static enum region_write context_write(const ucontext_t *uc)
{
	const uint64_t write_not_read = 1 << 6;
	const unsigned char *record = (const unsigned char *)uc->uc_mcontext.__reserved;
	const unsigned char *end = record + sizeof(uc->uc_mcontext.__reserved);
	struct _aarch64_ctx head;

	while (record + sizeof(head) <= end) {
		memcpy(&head, record, sizeof(head));
		if (head.magic == ESR_MAGIC) {
			struct esr_context esr;
			memcpy(&esr, record, sizeof(esr));
			return esr.esr & write_not_read ? REGION_WRITE_YES : REGION_WRITE_NO;
		}
		if (head.size == 0)
			break;
		record += head.size;
	}
	return REGION_WRITE_UNKNOWN;
}

#else
#error "the fault handler knows x86-64 and AArch64"
#endif

static bool in_go_text(uintptr_t pc)
{
	return pc >= watch.go_text_begin && pc < watch.go_text_end;
}

struct question {
	uint64_t page;
	enum region_write write;
	bool first; /* of this thread */
	bool retry; /* the answer */
};

static void ask_go(void *arg)
{
	struct question *q = arg;

	if (q->first) {
		const stack_t none = { .ss_flags = SS_DISABLE };
		sigaltstack(&none, NULL);
	}
	q->retry = jiaRegionFault(q->page, q->write) != 0;
}

static bool on_stack(const stack_t *stack, uintptr_t sp)
{
	return !(stack->ss_flags & SS_DISABLE) && sp - (uintptr_t)stack->ss_sp < stack->ss_size;
}

/* Answers a fault of ours. False: it is not ours, or Go calls it an invalid access. */
static bool serve(int sig, const siginfo_t *info, ucontext_t *uc)
{
	uint64_t offset = (uintptr_t)info->si_addr - watch.base;
	struct question q;
	uintptr_t here = (uintptr_t)&q;
	uintptr_t interrupted = context_stack(uc);

	if (sig != watch.signal || offset >= watch.size)
		return false;
	/* Not sent by a process; and in a forked child, which lacks the view, SIGSEGV comes with SEGV_MAPERR. */
	if (info->si_code != (sig == SIGBUS ? BUS_ADRERR : SEGV_ACCERR))
		return false;
	if (in_go_text(context_pc(uc)))
		return false; /* Go never touches the application view, and cannot be called while it runs */

	q = (struct question){ .page = offset / watch.page_size, .write = context_write(uc), .first = !adopted };
	adopted = true;
	if (on_stack(&uc->uc_stack, here) && !on_stack(&uc->uc_stack, interrupted)) {
		region_call_on_stack(interrupted & ~(uintptr_t)15, ask_go, &q);
	} else {
		q.first = false; /* no alternate stack in use, or no way to leave it */
		ask_go(&q);
	}
	/* Returning from the handler restores the alternate stack of before: let it be the one that Go brought. */
	if (uc->uc_stack.ss_flags & SS_DISABLE)
		sigaltstack(NULL, &uc->uc_stack);
	return q.retry;
}

/* True for a signal that is not the consequence of the interrupted instruction, and so would not come again. */
static bool was_sent(int sig, const siginfo_t *info)
{
	return info->si_code <= 0 || (sig == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

/* Calls a handler of somebody else under the signal mask that the kernel would have given it. */
static void call(const struct sigaction *action, int sig, siginfo_t *info, ucontext_t *uc)
{
	sigset_t mask = action->sa_mask, ours;

	for (int s = 1; s < NSIG; s++)
		if (sigismember(&uc->uc_sigmask, s) == 1)
			sigaddset(&mask, s);
	if (!(action->sa_flags & SA_NODEFER))
		sigaddset(&mask, sig);
	pthread_sigmask(SIG_SETMASK, &mask, &ours);
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(sig, info, uc);
	else
		action->sa_handler(sig);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
}

/* Restores the default action, and has the signal come again if the instruction alone will not raise it. */
static void die(int sig, const siginfo_t *info)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };

	sigaction(sig, &standard, NULL);
	if (was_sent(sig, info))
		syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
}

/* Does what would have happened without us. */
static void pass_on(struct previous *p, int sig, siginfo_t *info, ucontext_t *uc)
{
	const struct sigaction *action = &p->action;
	bool is_go = in_go_text((uintptr_t)action->sa_sigaction);

	if (action->sa_handler == SIG_IGN) {
		if (!was_sent(sig, info)) /* the kernel does not let a fault be ignored */
			die(sig, info);
		return;
	}
	if (action->sa_handler == SIG_DFL || (is_go && !in_go_text(context_pc(uc)))) {
		die(sig, info);
		return;
	}
	if ((action->sa_flags & SA_RESETHAND) && atomic_exchange(&p->used_up, true)) {
		die(sig, info);
		return;
	}
	call(action, sig, info, uc);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	if (!serve(sig, info, context))
		for (size_t i = 0; i < COUNT(previous); i++)
			if (previous[i].signal == sig)
				pass_on(&previous[i], sig, info, context);
	errno = saved;
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_signal;
}

static struct sigaction our_action(void)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	struct sigaction ours = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&ours.sa_mask);
	for (size_t i = 0; i < COUNT(synchronous); i++)
		sigdelset(&ours.sa_mask, synchronous[i]);
	return ours;
}

int region_handlers_install(const struct region_watch *wanted)
{
	const struct sigaction ours = our_action();

	for (size_t i = 0; i < COUNT(previous); i++)
		if (previous[i].installed)
			return EBUSY;
	watch = *wanted;
	for (size_t i = 0; i < COUNT(previous); i++) {
		struct previous *p = &previous[i];
		/* Known before ours can run: a signal may come between. */
		if (sigaction(p->signal, NULL, &p->action) != 0 || sigaction(p->signal, &ours, NULL) != 0) {
			int cause = errno;
			region_handlers_remove();
			return cause;
		}
		atomic_store(&p->used_up, false);
		p->installed = true;
	}
	return 0;
}

int region_handlers_remove(void)
{
	int result = 0;

	watch.size = 0;
	for (size_t i = 0; i < COUNT(previous); i++) {
		struct previous *p = &previous[i];
		struct sigaction now;

		if (!p->installed)
			continue;
		if (sigaction(p->signal, NULL, &now) != 0)
			result = errno;
		else if (!is_ours(&now))
			continue; /* covered */
		else if (sigaction(p->signal, &p->action, NULL) != 0)
			result = errno;
		else
			p->installed = false;
	}
	return result;
}
