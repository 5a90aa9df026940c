#include "fs/view.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/text.h"
#include "fs/view_impl.h"

enum {
	THREADS_MAX = 8,
	READ_AHEAD_KIB = VIEW_READ_MAX >> 10,
};

/* A thread that answers requests, and where it gets them into. */
struct server {
	pthread_t thread;
	struct view *v;
	struct fuse_buf buf;
};

/* ---- what libfuse says ---------------------------------------------------------------
 */

/* libfuse's log function is one for the process and is given no argument. */
static _Thread_local const struct ctx *listener;

void view_log_to(const struct ctx *ctx)
{
	listener = ctx;
}

static enum log_level level_of(enum fuse_log_level level)
{
	switch (level) {
	case FUSE_LOG_DEBUG:
		return LOG_DEBUG;
	case FUSE_LOG_INFO:
	case FUSE_LOG_NOTICE:
		return LOG_INFO;
	default:
		return LOG_WARN;
	}
}

__attribute__((format(printf, 2, 0))) static void log_line(
	enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[400];
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	size_t len = n < 0 ? 0 : MIN((size_t)n, sizeof(line) - 1);

	while (len && line[len - 1] == '\n')
		len--;
	if (listener)
		ctx_log(listener, level_of(level), "libfuse: %s",
			text_quote(line, len).s);
}

/* ---- mounting ------------------------------------------------------------------------
 */

static unsigned thread_count(const struct view_options *o)
{
	long n = o->threads ? (long)o->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return (unsigned)MAX(1, MIN(n, o->threads ? 64 : THREADS_MAX));
}

static void settle_permissions(struct view_mount_flags *f)
{
	/* whoever mounts alone for himself can read the bytes anyway */
	if (geteuid() == 0 || f->allow_other)
		f->default_permissions = true;
}

static int create_session(struct view *v, struct o2r_err *err)
{
	char max_read[40];
	char *argv[5] = {"o2r"};
	struct fuse_args args = {.argc = 1, .argv = argv};

	if (v->flags.allow_root)
		argv[args.argc++] = "-oallow_root";
	if (v->flags.debug)
		argv[args.argc++] = "-odebug";
	if (v->flags.max_read) {
		snprintf(max_read, sizeof(max_read), "-omax_read=%llu",
			(unsigned long long)v->flags.max_read);
		argv[args.argc++] = max_read;
	}
	fuse_set_log_func(log_line);
	v->session = fuse_session_new(&args, &view_ops, sizeof(view_ops), v);
	fuse_opt_free_args(&args);
	if (!v->session)
		return err_set(err, ERR_FAIL, EIO, "libfuse made no session");
	return 0;
}

/* The session takes a connection that is open already under this name. */
static int give_connection(struct view *v, int fd, struct o2r_err *err)
{
	char name[40];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	if (fuse_session_mount(v->session, name) == 0)
		return 0;
	close(fd);
	return err_set(err, ERR_FAIL, EIO, "libfuse did not take the mount");
}

static int set_up(struct view *v, const char *dir, const struct view_options *o,
	struct o2r_err *err)
{
	int fd = -1;
	int r = view_options_parse(o->options, &v->flags, err);

	if (r < 0)
		return r;
	settle_permissions(&v->flags);
	r = view_facts_fill(&v->facts, v->tree, err);
	if (r == 0)
		r = view_point_check(&v->point, dir, v->ctx, err);
	if (r < 0)
		return r;
	v->wake = eventfd(0, EFD_CLOEXEC);
	if (v->wake < 0)
		return err_errno(err, errno, "eventfd");
	r = create_session(v, err);
	if (r == 0)
		r = view_point_mount(&v->point, o->source, &v->flags, v->ctx, &fd, err);
	return r < 0 ? r : give_connection(v, fd, err);
}

static void destroy(struct view **v)
{
	view_destroy(*v);
}

int view_mount(const struct tree *tree, struct span_cache *cache, const char *dir,
	const struct view_options *o, const struct ctx *ctx, struct view **out,
	struct o2r_err *err)
{
	struct view *v CLEANUP(destroy) = calloc(1, sizeof(*v));

	if (!v)
		return err_nomem(err);
	v->tree = tree;
	v->cache = cache;
	v->ctx = ctx;
	v->wake = -1;
	v->threads = thread_count(o);
	v->point = (struct view_point)VIEW_POINT_INIT;
	view_reads_init(&v->reads);
	view_faults_init(&v->faults);
	view_log_to(ctx);

	int r = set_up(v, dir, o, err);

	if (r == 0)
		*out = STEAL(v);
	view_log_to(NULL);
	return r;
}

uint64_t view_device(const struct view *v)
{
	return v->initialised ? v->point.device : 0;
}

/* ---- serving -------------------------------------------------------------------------
 */

static void wake(const struct view *v)
{
	static const uint64_t one = 1;
	ssize_t n = write(v->wake, &one, sizeof(one));

	/* it fails only when it is full, and then somebody wakes anyway */
	(void)n;
}

static bool is_over(struct view *v)
{
	return v->stopped || fuse_session_exited(v->session);
}

/* One request. Only here, waiting for it, a thread may be cancelled; the functions that
 * are left in that way have no variable whose address is taken, for AddressSanitizer
 * would not know that it is gone. */
static int serve_one(struct view *v, struct fuse_buf *buf)
{
	int r;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	r = fuse_session_receive_buf(v->session, buf);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (r == -EINTR || r == -EAGAIN)
		return 0;
	if (r <= 0) {
		fuse_session_exit(v->session);
		return r;
	}
	fuse_session_process_buf(v->session, buf);
	return 0;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	int r = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	view_log_to(s->v->ctx);
	while (r == 0 && !is_over(s->v))
		r = serve_one(s->v, &s->buf);
	if (r < 0)
		ctx_log(s->v->ctx, LOG_ERROR, "/dev/fuse: cannot be read any more: %s",
			strerror(-r));
	wake(s->v);
	return NULL;
}

/* Answer the first request, which waits since the mount: from then on others come. */
static int shake_hands(struct view *v, struct o2r_err *err)
{
	struct fuse_buf buf = {0};
	int r = 0;

	while (r == 0 && !v->initialised && !is_over(v)) {
		r = fuse_session_receive_buf(v->session, &buf);
		if (r > 0)
			fuse_session_process_buf(v->session, &buf);
		r = r == -EINTR || r == -EAGAIN || r > 0 ? 0 : r ? r : -ENODEV;
	}
	free(buf.mem);
	if (r == -ENODEV || v->stopped)
		return 0;
	if (r < 0)
		return err_errno(err, -r, "/dev/fuse");
	if (fuse_session_exited(v->session))
		return err_set(err, ERR_FAIL, EPROTO,
			"the kernel and libfuse do not agree on how to talk");
	return 0;
}

/* Root may: the kernel reads ahead 128 KiB otherwise. */
static void raise_read_ahead(const struct view *v)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		major(v->point.device), minor(v->point.device));

	FILE *f = fopen(path, "we");

	if (f) {
		fprintf(f, "%d", READ_AHEAD_KIB);
		fclose(f);
	}
}

/* As many as could be started. */
static unsigned start_servers(struct view *v, struct server *s)
{
	sigset_t all, old;
	unsigned n = 0;

	/* signals are for the threads of the program */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; n < v->threads; n++) {
		s[n].v = v;
		if (pthread_create(&s[n].thread, NULL, serve, &s[n]))
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}

static void stop_servers(struct view *v, struct server *s, unsigned n)
{
	fuse_session_exit(v->session);
	for (unsigned i = 0; i < n; i++)
		pthread_cancel(s[i].thread);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(s[i].thread, NULL);
		free(s[i].buf.mem);
	}
	view_reads_wait(&v->reads);
}

static void wait_for_end(struct view *v)
{
	uint64_t n;
	ssize_t r = 0;

	while (!is_over(v) && (r > 0 || r == 0 || errno == EINTR))
		r = read(v->wake, &n, sizeof(n));
}

int view_serve(struct view *v, int (*ready)(void *arg), void *arg, struct o2r_err *err)
{
	struct server *servers AUTO_FREE = calloc(v->threads, sizeof(*servers));
	int r;

	if (!servers)
		return err_nomem(err);
	view_log_to(v->ctx);
	r = shake_hands(v, err);
	if (r == 0 && !is_over(v)) {
		unsigned n;

		raise_read_ahead(v);
		n = start_servers(v, servers);
		if (!n)
			r = err_set(err, ERR_FAIL, EAGAIN, "no thread could be started");
		else if (!ready || ready(arg) == 0)
			wait_for_end(v);
		stop_servers(v, servers, n);
	}
	view_log_to(NULL);
	return r;
}

void view_stop(struct view *v)
{
	int saved = errno;

	v->stopped = true;
	wake(v);
	errno = saved;
}

/* Whether somebody else has unmounted it: then another may be mounted there by now. */
static bool is_gone(struct view *v)
{
	struct pollfd p = {.fd = fuse_session_fd(v->session)};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

void view_destroy(struct view *v)
{
	if (!v)
		return;
	view_log_to(v->ctx);
	if (v->session && v->point.device && is_gone(v))
		v->point.device = 0;
	/* before the connection is closed: a mount without a server is no use to anybody
	 */
	view_point_finish(&v->point, v->ctx);
	if (v->session)
		fuse_session_destroy(v->session);
	if (v->wake >= 0)
		close(v->wake);
	view_reads_finish(&v->reads);
	view_faults_finish(&v->faults, v->ctx);
	view_facts_finish(&v->facts);
	view_options_finish(&v->flags);
	view_log_to(NULL);
	free(v);
}
