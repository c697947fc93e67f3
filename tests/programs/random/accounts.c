/*
 * accounts.c - nested scopes: money moves between accounts, each guarded by a lock of its own.
 *
 * Locks are taken in ascending order and given back in any. A part of an outer account's data is written before the
 * inner lock is taken and a part inside the inner scope: both belong to the outer scope.
 */
#include "random.h"

#include <stdlib.h>

#include "jia.h"

#define ACCOUNTS 12
#define START 1000

struct account {
	volatile int64_t balance;
	volatile uint64_t moves;
	volatile uint64_t seal; /* follows from the other two */
};
static struct account *account; /* shared; not a page each: they are neighbours */
static volatile uint64_t *moved; /* shared: [worker], how often it changed an account */

void accounts_layout(void)
{
	if (!plan.accounts)
		return;
	account = place(sizeof *account * ACCOUNTS, 40);
	moved = place(sizeof *moved * MAX_WORKERS, 41);
}

static uint64_t seal(const struct account *a)
{
	return mix(40, (uint64_t)a->balance, a->moves);
}

void accounts_fill(void)
{
	if (!plan.accounts)
		return;
	for (int i = 0; i < ACCOUNTS; i++) {
		account[i].balance = START;
		account[i].seal = seal(&account[i]);
	}
}

static void check_account(const struct account *a)
{
	expect("the seal of an account", &a->seal, seal(a), a->seal);
}

static void change(struct account *a, int64_t amount)
{
	a->balance += amount;
	a->seal = seal(a);
}

void accounts_step(struct worker *w)
{
	if (!plan.accounts)
		return;
	int first = (int)below(w, ACCOUNTS - 2), second = first + 1 + (int)below(w, (unsigned)(ACCOUNTS - first - 2));
	int third = second + 1 + (int)below(w, (unsigned)(ACCOUNTS - second - 1));
	int id[3] = { first, second, third }, n = 2 + (int)below(w, 2);
	int64_t amount = (int64_t)below(w, 100);

	for (int i = 0; i < n; i++) {
		jia_lock(ACCOUNT_LOCK(id[i]));
		struct account *a = &account[id[i]];
		check_account(a);
		a->moves++;
		a->seal = seal(a); /* outside the scopes of the locks that follow */
	}
	change(&account[id[0]], -amount);
	change(&account[id[n - 1]], amount);
	moved[w->id] += (uint64_t)n; /* nobody else's business before the last barrier */

	unsigned order = below(w, 6);
	for (int i = 0; i < n; i++) { /* any of the n! orders */
		int k = (int)(order % (unsigned)(n - i));
		order /= (unsigned)(n - i);
		jia_unlock(ACCOUNT_LOCK(id[k]));
		id[k] = id[n - i - 1];
	}
}

void accounts_check(void)
{
	if (!plan.accounts)
		return;
	int64_t money = 0;
	uint64_t moves = 0, published = 0;

	for (int i = 0; i < ACCOUNTS; i++) {
		check_account(&account[i]);
		money += account[i].balance;
		moves += account[i].moves;
	}
	for (int i = 0; i < workers(); i++)
		published += moved[i];
	expect("all the money", account, (int64_t)ACCOUNTS * START, money);
	expect("all the moves", account, published, moves);
}
