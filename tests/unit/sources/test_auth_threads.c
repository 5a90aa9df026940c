/* Authentication for many threads at once: one asks the token server, all have the token.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fake_token_server.h"

#define BEARER "Bearer realm=\"https://auth.example/token\",service=\"s\""

enum {
	THREADS = 8,
	DELAY_MS = 50, /* so that the others come while one asks */
};

static const struct registry_settings given = {.username = "u", .password = MARK};

/* What each of the threads does, and what it got. */
struct job {
	pthread_t thread;
	pthread_barrier_t *start;
	struct auth *auth;
	const char *used;
	bool refused;
	char got[300];
	int code;
};

static void *run(void *arg)
{
	struct job *j = arg;
	struct place p;
	const char *text;

	place_begin(&p, true, "r.example", "a/b");
	pthread_barrier_wait(j->start);
	text = j->refused ? refused(j->auth, &p, BEARER, j->used, &j->code)
			  : header(j->auth, &p, &j->code);
	snprintf(j->got, sizeof(j->got), "%s", text);
	return NULL;
}

static void together(struct job jobs[THREADS], struct auth *a, bool ask, const char *used)
{
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){
			.start = &start, .auth = a, .used = used, .refused = ask};
		if (pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0)
			exit(2);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(jobs[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

static void check_all(const struct job jobs[THREADS], const char *want, int code)
{
	for (int i = 0; i < THREADS; i++) {
		CHECK(strstr(jobs[i].got, want) != NULL);
		CHECK_EQ(jobs[i].code, code);
	}
}

static struct auth *begin(void)
{
	struct auth *a = NULL;
	struct o2r_err err = {0};

	server_begin();
	server.delay_ms = DELAY_MS;
	CHECK_EQ(auth_create(&given, &server_ctx, &a, &err), 0);
	return a;
}

static void one_flight(void)
{
	struct auth *a = begin();
	struct job jobs[THREADS];

	for (int i = 0; i < 3; i++)
		server.script[i].status = 200;
	server.script[0].body = "{\"token\":\"T1\",\"expires_in\":300}";
	server.script[1].body = "{\"token\":\"T2\",\"expires_in\":300}";
	server.script[2].body = "{\"token\":\"T3\",\"expires_in\":300}";
	together(jobs, a, true, NULL);
	check_all(jobs, "Bearer T1", 1);
	CHECK_EQ(server.asked, 1);
	/* one that is due */
	server.steady += 290;
	together(jobs, a, false, NULL);
	check_all(jobs, "Bearer T2", 0);
	CHECK_EQ(server.asked, 2);
	/* one that is refused in the middle */
	server.steady += 100;
	together(jobs, a, true, "Bearer T2");
	check_all(jobs, "Bearer T3", 1);
	CHECK_EQ(server.asked, 3);
	auth_destroy(a);
}

/* All hear of it; who comes later may ask once more. */
static void one_failure(void)
{
	struct auth *a = begin();
	struct job jobs[THREADS];

	server.script[0].status = 403;
	together(jobs, a, true, NULL);
	check_all(jobs, "it does not accept the user name and password", -EACCES);
	CHECK(server.asked >= 1 && server.asked <= THREADS);
	auth_destroy(a);
}

/* Who was told to stop has not failed for the others: the next one asks. */
static void one_interrupted(void)
{
	struct auth *a = begin();
	struct job jobs[THREADS];
	int interrupted = 0;

	server.script[0].fails = -EINTR;
	server.script[1] =
		(struct token_answer){.status = 200, .body = "{\"token\":\"T1\"}"};
	together(jobs, a, true, NULL);
	for (int i = 0; i < THREADS; i++) {
		if (jobs[i].code == -EINTR)
			interrupted++;
		else
			CHECK_STR(jobs[i].got, "Bearer T1");
	}
	CHECK_EQ(interrupted, 1);
	CHECK_EQ(server.asked, 2);
	auth_destroy(a);
}

/* Cancelling reaches those who wait for another one. */
static void cancelled(void)
{
	static int cancel;
	struct ctx ctx = server_ctx;
	struct auth *a = NULL;
	struct o2r_err err = {0};
	struct job jobs[THREADS];
	int stopped = 0;

	server_begin();
	server.delay_ms = 1000;
	server.script[0] =
		(struct token_answer){.status = 200, .body = "{\"token\":\"T1\"}"};
	ctx.cancel = &cancel;
	cancel = 1;
	CHECK_EQ(auth_create(&given, &ctx, &a, &err), 0);
	together(jobs, a, true, NULL);
	for (int i = 0; i < THREADS; i++)
		stopped += jobs[i].code == -EINTR;
	CHECK_EQ(stopped, THREADS - 1);
	CHECK_EQ(server.asked, 1);
	auth_destroy(a);
}

int main(void)
{
	one_flight();
	one_failure();
	one_interrupted();
	cancelled();
	server_check_silence("");
	TEST_END;
}
