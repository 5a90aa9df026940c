/* The parallel loop: each task once, in order of start, the first failure wins. */
#include <errno.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "unit.h"

enum {
	TASKS = 3000,
};

struct count {
	_Atomic unsigned runs[TASKS];
	_Atomic unsigned started;
	size_t fail_from, fail_step;
};

static int run(void *arg, size_t task, struct o2r_err *err)
{
	struct count *c = arg;

	atomic_fetch_add(&c->runs[task], 1);
	atomic_fetch_add(&c->started, 1);
	if (c->fail_step && task >= c->fail_from && task % c->fail_step == 0)
		return err_set(err, ERR_FAIL, EPROTO, "task %zu", task);
	return 0;
}

static void each_once(void)
{
	static const unsigned threads[] = {0, 1, 2, 8, 64, 100};

	for (size_t k = 0; k < sizeof(threads) / sizeof(threads[0]); k++) {
		static struct count c;
		struct o2r_err err = {0};

		memset(&c, 0, sizeof(c));
		CHECK_EQ(pool_run(threads[k], TASKS, run, &c, &err), 0);
		CHECK_EQ(err.code, 0);
		for (size_t i = 0; i < TASKS; i++)
			CHECK_EQ(c.runs[i], 1);
		CHECK_EQ(pool_run(threads[k], 0, run, &c, &err), 0);
		CHECK_EQ(c.started, TASKS);
	}
}

/* Which thread is the fastest must not show: the error is the lowest task's. */
static void lowest_failure(void)
{
	for (unsigned threads = 1; threads < 9; threads++)
		for (unsigned i = 0; i < 50; i++) {
			static struct count c;
			struct o2r_err err = {0};

			memset(&c, 0, sizeof(c));
			c.fail_from = 10 * i + 1;
			c.fail_step = 1 + i % 3;

			size_t first = (c.fail_from + c.fail_step - 1) / c.fail_step *
				       c.fail_step;
			char text[40];

			snprintf(text, sizeof(text), "task %zu", first);
			CHECK_EQ(pool_run(threads, TASKS, run, &c, &err), -EPROTO);
			CHECK_STR(err.text, text);
			for (size_t t = 0; t < first; t++)
				CHECK_EQ(c.runs[t], 1);
			CHECK_EQ(pool_run(threads, TASKS, run, &c, NULL), -EPROTO);
		}
}

int main(void)
{
	each_once();
	lowest_failure();
	TEST_END;
}
