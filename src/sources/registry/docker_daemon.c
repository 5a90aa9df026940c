#include "sources/registry/docker_daemon.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/json.h"
#include "sources/local.h"
#include "sources/registry/docker_host.h"

enum {
	ANSWER_MAX = 16 << 10, /* bytes of an error document */
};

/* The request, on a thread of its own: what comes goes into a socket, from which the
 * archive is read. */
struct asking {
	const struct docker_host *host;
	const char *name; /* of the image */
	const struct ctx *ctx;
	int out;
	long status;
	struct buf answer; /* of a refusal */
	_Atomic bool stop;
	pthread_t thread;
	int result;
	struct o2r_err err;
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* {"message":"..."} */
static void add_message(const struct asking *a, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root;
	const char *message = NULL;

	if (!a->answer.data ||
		json_doc_parse(a->answer.data, a->answer.len, 8, &doc, NULL) < 0 ||
		json_root(doc, &root, NULL) < 0 ||
		json_get_string(&root, "message", &message, NULL) <= 0)
		return;

	size_t at = strlen(err->text);

	snprintf(err->text + at, sizeof(err->text) - at, " (%s)", quote(message).s);
}

static int refused(const struct asking *a, struct o2r_err *err)
{
	if (a->status == 404)
		err_set(err, ERR_NOT_FOUND, ENOENT,
			"the engine at %s has no image \"%s\": see `docker images`",
			quote(a->host->name).s, quote(a->name).s);
	else if (a->status == 401 || a->status == 403)
		err_set(err, ERR_ACCESS, EACCES, "the engine at %s refuses: status %ld",
			quote(a->host->name).s, a->status);
	else
		err_set(err, ERR_FAIL, EIO,
			"the engine at %s does not give the image \"%s\": status %ld",
			quote(a->host->name).s, quote(a->name).s, a->status);
	add_message(a, err);
	return err->code;
}

static int on_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct asking *a = arg;

	(void)err;
	a->status = r->status;
	return 0;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct asking *a = arg;
	const char *at = p;

	if (a->status != 200) {
		if (a->answer.len + n <= ANSWER_MAX && buf_append(&a->answer, p, n) < 0)
			return err_nomem(err);
		return 0;
	}
	while (n) {
		ssize_t k = send(a->out, at, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		/* whoever reads has seen enough, and says why */
		if (k < 0)
			return err_errno(err, errno, "cannot hand the image on");
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

static int unreachable(const struct asking *a, int r, struct o2r_err *err)
{
	const char *socket = a->host->socket;

	if (r != -ECONNREFUSED || !socket)
		return err_wrap(err, "engine at %s", quote(a->host->name).s);
	if (access(socket, R_OK | W_OK) < 0 && errno == EACCES)
		return err_set(err, ERR_ACCESS, EACCES,
			"the engine's socket %s is not for this user: run as root, or be "
			"in its group",
			quote(socket).s);
	return err_set(err, ERR_FAIL, ECONNREFUSED,
		"no engine answers at %s: start it, or set DOCKER_HOST", quote(socket).s);
}

static int ask(struct asking *a, struct http *http, struct o2r_err *err)
{
	struct http_reply reply = {0};
	AUTO_FREE char *url = NULL;
	int r;

	if (asprintf(&url, "%s/images/%s/get", a->host->url, a->name) < 0) {
		url = NULL;
		return err_nomem(err);
	}

	const struct http_request rq = {
		.url = url,
		.unix_socket = a->host->socket,
		.patient = true,
		.tls = &a->host->tls,
		.head = on_head,
		.data = on_data,
		.arg = a,
	};

	r = http_perform(http, &rq, &reply, err);
	http_reply_finish(&reply);
	if (r < 0)
		return unreachable(a, r, err);
	return a->status == 200 ? 0 : refused(a, err);
}

static void *ask_thread(void *arg)
{
	struct asking *a = arg;
	struct http *http = NULL;

	a->result = http_create(a->ctx, &a->stop, &http, &a->err);
	if (a->result == 0)
		a->result = ask(a, http, &a->err);
	http_destroy(http);
	shutdown(a->out, SHUT_WR);
	return NULL;
}

/* Names go into the URL as they are: no character of theirs means something there. */
static int check_name(const char *name, struct o2r_err *err)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-_./:@";

	if (strspn(name, ok) == strlen(name) && !strstr(name, "..") && name[0] != '/')
		return 0;
	return err_set(err, ERR_USAGE, EINVAL, "\"%s\" is not the name of an image",
		quote(name).s);
}

static int start(struct asking *a, int *in, struct o2r_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "cannot make a pair of sockets");
	a->out = pair[0];
	*in = pair[1];
	errno = pthread_create(&a->thread, NULL, ask_thread, a);
	if (!errno)
		return 0;
	close(pair[0]);
	close(pair[1]);
	return err_errno(err, errno, "cannot start a thread");
}

static int set_absolute(struct image *image, const char *name, struct o2r_err *err)
{
	free(image->absolute);
	if (asprintf(&image->absolute, "docker-daemon:%s", name) >= 0)
		return 0;
	image->absolute = NULL;
	return err_nomem(err);
}

int docker_daemon_open(struct image *image, const char *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(docker_host_finish) struct docker_host host = {0};
	struct asking a = {.host = &host, .name = name, .ctx = ctx, .out = -1};
	int in = -1, r = check_name(name, err);

	if (r == 0)
		r = docker_host_find(&host, err);
	if (r == 0)
		r = start(&a, &in, err);
	if (r < 0)
		return r;
	r = local_read_archive(image, in, name, options, want, ctx, err);
	/* the archive's reader has closed its end: what still comes is not wanted */
	if (r < 0)
		atomic_store(&a.stop, true);
	pthread_join(a.thread, NULL);
	close(a.out);
	buf_finish(&a.answer);
	if (ctx_check(ctx, err) < 0)
		return err->code;
	/* why nothing came says more than that nothing came */
	if (a.result < 0 && a.result != -EPIPE && a.result != -EINTR) {
		*err = a.err;
		return a.result;
	}
	return r < 0 ? r : set_absolute(image, name, err);
}
