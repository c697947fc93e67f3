/*
 * resume_queue - a queue of work under a lock, in a run that can be killed and goes on.
 *
 *   JIA_NPROC=4 JIA_CKPT_DIR=ckpt JIA_CKPT_INTERVAL=60 ./resume_queue [tasks batch every]
 *   JIA_NPROC=3 JIA_CKPT_DIR=ckpt JIA_RESTORE=ckpt ./resume_queue [tasks batch every]
 *
 * Task t counts the divisors of 100 numbers. A queue needs no barrier, but a checkpoint is taken in one: after each batch of tasks
 * all hosts meet. Nobody is inside a task then, so what the queue says is what was done, and a run that begins from a
 * checkpoint just goes on taking tasks. What is lost with a run is less than the time from one checkpoint to the next.
 *
 * With every = 0 the library takes the checkpoints, by JIA_CKPT_INTERVAL; else the program asks for one each so many batches.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define NUMBERS 100 /* of a task */
#define QUEUE_LOCK 0

/* Shared; only inside QUEUE_LOCK, or where no host works. */
struct queue {
	long next; /* the first task that was not taken */
	long done; /* tasks whose result is in the sum */
	long sum;
};

static struct queue *queue;

/* Give a result, if there is one, and take a task: -1 when there is none below the limit. */
static long deliver(long tasks, long sum, long limit)
{
	long task = -1;

	jia_lock(QUEUE_LOCK);
	queue->done += tasks;
	queue->sum += sum;
	if (queue->next < limit)
		task = queue->next++;
	jia_unlock(QUEUE_LOCK);
	return task;
}

/* How many divisors the numbers of a task have. */
static long solve(long task)
{
	long sum = 0;

	for (long number = task * NUMBERS + 1; number <= (task + 1) * NUMBERS; number++) {
		long d = 1;
		for (; d * d < number; d++)
			if (number % d == 0)
				sum += 2;
		if (d * d == number)
			sum++;
	}
	return sum;
}

/* The divisors of all numbers up to last, counted the other way round: every k divides last / k of them. */
static long expected(long last)
{
	long sum = 0;

	for (long k = 1; k <= last; k++)
		sum += last / k;
	return sum;
}

int main(int argc, char **argv)
{
	long tasks = argc > 1 ? atol(argv[1]) : 2000;
	long batch = argc > 2 ? atol(argv[2]) : 200;
	long every = argc > 3 ? atol(argv[3]) : 0;

	if (tasks < 0 || tasks > 10000000 || batch < 1)
		jia_error("resume_queue: tasks must be from 0 to 10000000, batch at least 1");
	jia_init(argc, argv);
	queue = (struct queue *)jia_alloc(sizeof *queue); /* zero, or as a checkpoint has it */

	long begun = queue->next;
	jia_barrier(); /* before anybody takes more */
	double start = jia_clock();

	for (long met = 1; begun < tasks; begun += batch, met++) {
		long limit = begun + batch < tasks ? begun + batch : tasks;
		long task = deliver(0, 0, limit);
		while (task >= 0)
			task = deliver(1, solve(task), limit);
		if (every > 0 && met % every == 0)
			jia_checkpoint_start();
		else
			jia_barrier();
	}

	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		if (queue->done != tasks || queue->sum != expected(tasks * NUMBERS))
			jia_error("resume_queue: %ld tasks with %ld divisors, not %ld with %ld", queue->done, queue->sum, tasks,
				  expected(tasks * NUMBERS));
		printf("resume_queue: %ld tasks, %d host(s): ok, sum %ld, %.3f s\n", tasks, jiahosts, queue->sum, elapsed);
	}
	jia_exit();
	return 0;
}
