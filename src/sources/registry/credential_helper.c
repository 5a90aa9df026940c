#include "sources/registry/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "sources/registry/auth_entry.h"
#include "sources/registry/secret.h"

enum {
	LOOK_MS = 50, /* how often it is looked whether to stop */
	END_MS = 2,   /* and whether it has ended, when it has nothing more to say */
	READ_BYTES = 4096,
	NOT_KNOWN = -1, /* a status: somebody else waits for all children */
};

struct helper {
	char *program;
	pid_t pid; /* 0: not running */
	int out;   /* what it says; not blocking */
	int status;
	struct buf answer;
};

static void helper_finish(struct helper *h)
{
	if (h->pid > 0) {
		kill(-h->pid, SIGKILL);
		kill(h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (h->out >= 0)
		close(h->out);
	secret_buf_finish(&h->answer);
	free(h->program);
}

/* Standard streams, and nothing that we ignore or hold back may be so for it. */
static int prepare(
	posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int in, int out)
{
	sigset_t set;
	int r = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(
			files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	sigemptyset(&set);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &set);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attr, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
							   POSIX_SPAWN_SETSIGDEF |
							   POSIX_SPAWN_SETPGROUP);
	return -r;
}

static int spawn(struct helper *h, int in, int out)
{
	char *argv[] = {h->program, (char[]){"get"}, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r;

	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	r = prepare(&files, &attr, in, out);
	if (r == 0)
		r = -posix_spawnp(&h->pid, h->program, &files, &attr, argv, environ);
	if (r < 0)
		h->pid = 0;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* The key is in the pipe, and its end with it, before anybody reads: so nobody can be
 * gone who should read it, and no signal comes of that. */
static int fill_pipe(const char *key, int *reader, struct o2r_err *err)
{
	int in[2], r;

	if (strlen(key) > HELPER_KEY_MAX)
		return err_corrupt(err, "the registry's name is too long for it");
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_errno(err, errno, "no pipe");
	r = write_full(in[1], key, strlen(key));
	close(in[1]);
	*reader = in[0];
	return r < 0 ? err_errno(err, -r, "cannot write to a pipe") : 0;
}

static int start(struct helper *h, const char *key, struct o2r_err *err)
{
	AUTO_FD int in = -1, out = -1;
	int ends[2], r = fill_pipe(key, &in, err);

	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, errno, "no pipe");
	h->out = ends[0];
	out = ends[1];
	if (fcntl(h->out, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, errno, "cannot set up a pipe");
	r = spawn(h, in, out);
	if (r == -ENOENT)
		return err_set(
			err, ERR_NOT_FOUND, ENOENT, "there is no such program in $PATH");
	return r < 0 ? err_errno(err, -r, "cannot run it") : 0;
}

/* 1: more may come; 0: the end, or all of what there is (nothing waits for a pipe that
 * was left to a process in the background). */
static int read_some(struct helper *h, struct o2r_err *err)
{
	char bytes[READ_BYTES];
	ssize_t n = read(h->out, bytes, sizeof(bytes));
	int r;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	if (n < 0)
		return err_errno(err, errno, "cannot read its answer");
	if (n == 0)
		return 0;
	r = secret_append(&h->answer, bytes, (size_t)n);
	explicit_bzero(bytes, sizeof(bytes));
	if (r == -EFBIG)
		return err_corrupt(
			err, "it answers with more than %d bytes", HELPER_ANSWER_MAX);
	return r < 0 ? err_nomem(err) : 1;
}

static bool has_ended(struct helper *h)
{
	pid_t r = waitpid(h->pid, &h->status, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	if (r < 0)
		h->status = NOT_KNOWN;
	h->pid = 0;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until it has ended, and all that it said is read. */
static int listen_to(
	struct helper *h, unsigned timeout_ms, const struct ctx *ctx, struct o2r_err *err)
{
	int64_t until = now_ms() + timeout_ms;
	bool ended = false, closed = false;
	int r = 0;

	while (!ended) {
		struct pollfd wait = {.fd = closed ? -1 : h->out, .events = POLLIN};

		r = ctx_check(ctx, err);
		if (r < 0)
			return r;
		if (now_ms() >= until)
			return err_set(err, ERR_FAIL, ETIMEDOUT,
				"it did not answer within %u s, and was stopped",
				timeout_ms / 1000);
		(void)poll(&wait, 1, closed ? END_MS : LOOK_MS);
		/* first, so that what is read afterwards is all */
		ended = has_ended(h);
		while ((r = read_some(h, err)) > 0)
			;
		if (r < 0)
			return r;
		closed = wait.revents & POLLHUP;
	}
	return 0;
}

/* Helpers say so on their standard output, with status 1. */
static bool says_not_found(const struct helper *h)
{
	static const char text[] = "credentials not found in native keychain";

	return h->answer.data &&
	       memmem(h->answer.data, h->answer.len, text, strlen(text)) != NULL;
}

static int understand(const struct helper *h, const struct ctx *ctx,
	struct credential *out, struct o2r_err *err)
{
	int r;

	if (says_not_found(h))
		return 0;
	if (h->status != NOT_KNOWN && WIFSIGNALED(h->status))
		return err_set(err, ERR_FAIL, EIO, "it was ended by signal %d",
			WTERMSIG(h->status));
	if (h->status != NOT_KNOWN && WEXITSTATUS(h->status) != 0)
		return err_set(err, ERR_FAIL, EIO,
			"it failed with status %d (run it by hand to see why)",
			WEXITSTATUS(h->status));
	r = auth_answer_read(h->answer.data ? h->answer.data : "", h->answer.len,
		ctx->limits.json_depth, out, err);
	return r < 0 ? err_wrap(err, "its answer cannot be used") : r;
}

int credential_helper_get(const char *name, const char *key, unsigned timeout_ms,
	const struct ctx *ctx, struct credential *out, struct o2r_err *err)
{
	CLEANUP(helper_finish)
	struct helper h = {
		.out = -1,
		.answer = {.max = HELPER_ANSWER_MAX},
	};
	int r;

	if (asprintf(&h.program, "docker-credential-%s", name) < 0) {
		h.program = NULL;
		return err_nomem(err);
	}
	r = start(&h, key, err);
	if (r == 0)
		r = listen_to(&h, timeout_ms, ctx, err);
	if (r == 0)
		r = understand(&h, ctx, out, err);
	return r < 0 && r != -EINTR ? err_wrap(err, "%s", h.program) : r;
}
