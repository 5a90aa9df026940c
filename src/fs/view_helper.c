#include "fs/view_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define PROGRAM "fusermount3"

extern char **environ;

/* The helper while it runs: its end of what it says. */
struct helper {
	pid_t pid;
	int said;
};

/* The environment and `word` in front; the strings are borrowed. */
static char **environment(char *word)
{
	size_t n = 0;

	while (environ[n])
		n++;

	char **e = calloc(n + 2, sizeof(*e));

	if (e) {
		e[0] = word;
		memcpy(e + 1, environ, n * sizeof(*e));
	}
	return e;
}

static int spawn(char *const argv[], char *const env[], int channel, int out, pid_t *pid)
{
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attr;
	sigset_t none;
	int r = posix_spawn_file_actions_init(&a);

	if (r)
		return -r;
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_adddup2(&a, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&a, out, STDERR_FILENO);
	/* onto itself: kept open across exec */
	if (!r && channel >= 0)
		r = posix_spawn_file_actions_adddup2(&a, channel, channel);
	if (!r)
		r = posix_spawnp(pid, PROGRAM, &a, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&a);
	return -r;
}

static int start(struct helper *h, char *const argv[], int channel, struct o2r_err *err)
{
	char word[40];
	int said[2];

	snprintf(word, sizeof(word), "_FUSE_COMMFD=%d", channel);

	char **env AUTO_FREE = environment(word);

	if (!env)
		return err_nomem(err);
	if (pipe2(said, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");

	int r = spawn(argv, env, channel, said[1], &h->pid);

	close(said[1]);
	h->said = said[0];
	if (r == 0)
		return 0;
	close(said[0]);
	if (r == -ENOENT)
		return err_set(err, ERR_ACCESS, ENOENT,
			PROGRAM " is not there, and only root can mount without it: "
				"install the package fuse3");
	return err_errno(err, -r, "running " PROGRAM);
}

/* Wait for its end; what it said, without the name in front, goes to text. */
static int finish(struct helper *h, char *text, size_t size)
{
	static const char name[] = PROGRAM ": ";
	size_t len = 0;
	ssize_t n;
	int status;

	while ((n = read(h->said, text + len, size - 1 - len)) > 0 ||
		(n < 0 && errno == EINTR))
		len += n > 0 ? (size_t)n : 0;
	close(h->said);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, name, strlen(name)) == 0)
		memmove(text, text + strlen(name), strlen(text + strlen(name)) + 1);
	while (waitpid(h->pid, &status, 0) < 0)
		if (errno != EINTR)
			/* a program that reaps all its children took it */
			return text[0] ? -1 : 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* The descriptor that comes through the socket; -1: the other end closed it without. */
static int receive(int channel)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n;
	int fd;

	do
		n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);

	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int explain(const struct view_point *p, const char *said, struct o2r_err *err)
{
	struct quoted where = text_quote(p->path, strlen(p->path));

	if (strstr(said, "user_allow_other"))
		return err_set(err, ERR_ACCESS, EPERM,
			"mount option allow_other: put the line user_allow_other into "
			"/etc/fuse.conf first, or leave it out");
	return err_set(err, ERR_ACCESS, EPERM, "mounting on %s: " PROGRAM ": %s", where.s,
		*said ? text_quote(said, strlen(said)).s : "it failed without a word");
}

int view_helper_mount(struct view_point *p, const char *options, const struct ctx *ctx,
	int *fd, struct o2r_err *err)
{
	char *argv[] = {PROGRAM, "-o", (char *)options, "--", p->path, NULL};
	bool stays = strstr(options, ",auto_unmount") != NULL;
	char said[400] = "";
	struct helper h;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "socketpair");

	int ours AUTO_FD = pair[0];

	r = start(&h, argv, pair[1], err);
	close(pair[1]);
	if (r < 0)
		return r;
	*fd = receive(ours);
	if (*fd >= 0 && stays) {
		close(h.said);
		p->watcher = h.pid;
		p->watch = steal_fd(&ours);
		return 0;
	}
	r = finish(&h, said, sizeof(said));
	if (*fd < 0)
		return explain(p, said, err);
	if (r < 0 || *said)
		ctx_log(ctx, LOG_WARN, PROGRAM ": %s", text_quote(said, strlen(said)).s);
	return 0;
}

int view_helper_unmount(const struct view_point *p, bool lazy, struct o2r_err *err)
{
	char *argv[] = {PROGRAM, lazy ? "-uz" : "-u", "--", p->path, NULL};
	char said[400] = "";
	struct helper h;
	int r = start(&h, argv, -1, err);

	if (r < 0)
		return r;
	if (finish(&h, said, sizeof(said)) == 0)
		return 0;
	return err_set(err, ERR_FAIL, EBUSY, "unmounting %s: " PROGRAM ": %s",
		text_quote(p->path, strlen(p->path)).s, text_quote(said, strlen(said)).s);
}

void view_helper_release(struct view_point *p)
{
	if (p->watch < 0)
		return;
	close(p->watch);
	while (waitpid(p->watcher, NULL, 0) < 0 && errno == EINTR)
		;
}
