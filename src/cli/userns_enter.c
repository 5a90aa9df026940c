#include "cli/userns_enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/home.h"
#include "base/subid.h"
#include "base/text.h"
#include "base/userns.h"

enum {
	NUMBER_ROOM = 16,
	/* the program, the process, three for each range, the end */
	ARGS_MAX = 2 + 3 * (SUBID_RANGES_MAX + 1) + 1,
};

/* ---- is it one of ours */

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_own_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static bool has(const char *dir, const char *name)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return false;
	}
	return access(path, F_OK) == 0;
}

/* "[DRIVER@ROOT+RUNROOT:OPTIONS]NAME"; without brackets it is the user's own. */
static bool is_own_store(const char *rest)
{
	AUTO_FREE char *root = NULL;
	const char *at;
	size_t n;

	if (*rest != '[')
		return true;
	rest++;
	n = strcspn(rest, "]");
	at = memchr(rest, '@', n);
	if (at && !memchr(rest, '/', (size_t)(at - rest))) {
		n -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	root = strndup(rest, MIN(n, strcspn(rest, "+:")));
	return root && is_own_dir(root);
}

static bool is_ours(const char *reference)
{
	static const char containers[] = "containers-storage:",
			  docker[] = "docker-store:", overlay[] = "overlay:";
	bool path = reference[0] == '/' || reference[0] == '.';

	if (starts(reference, containers))
		return is_own_store(reference + strlen(containers));
	/* of Docker that runs without root; without brackets it is the machine's */
	if (starts(reference, docker) && reference[strlen(docker)] == '[')
		return is_own_store(reference + strlen(docker));
	if (starts(reference, overlay))
		return is_own_dir(reference + strlen(overlay));
	return path && is_own_dir(reference) && has(reference, "diff") &&
	       (has(reference, "link") || has(reference, "lower"));
}

/* ---- helpers */

/* "process inside outside count ...": we are root inside, then come the others. */
struct args {
	char *argv[ARGS_MAX];
	char text[ARGS_MAX][NUMBER_ROOM];
	int count;
};

static void add(struct args *a, unsigned long number)
{
	snprintf(a->text[a->count], NUMBER_ROOM, "%lu", number);
	a->argv[a->count] = a->text[a->count];
	a->count++;
}

static void fill_args(struct args *a, char *program, pid_t process, unsigned own,
	const struct subid *ids)
{
	unsigned long inside = 1;

	a->argv[a->count++] = program;
	add(a, (unsigned long)process);
	add(a, 0);
	add(a, own);
	add(a, 1);
	for (size_t i = 0; i < ids->count; i++) {
		add(a, inside);
		add(a, ids->list[i].first);
		add(a, ids->list[i].count);
		inside += ids->list[i].count;
	}
	a->argv[a->count] = NULL;
}

/* Where root's programs are; $PATH is the user's. */
static int find_program(const char *name, char *out, size_t room)
{
	static const char *const folders[] = {
		"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(out, room, "%s/%s", folders[i], name);
		if (stat(out, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
			access(out, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* What this program ignores is nothing to others, and nobody sees what they say. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr)
{
	sigset_t set;
	int r = 0;

	for (int fd = 0; r == 0 && fd <= STDERR_FILENO; fd++)
		r = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0);
	sigfillset(&set);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &set);
	sigemptyset(&set);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &set);
	if (r == 0)
		r = posix_spawnattr_setflags(
			attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

static int spawn(char **argv, pid_t *child)
{
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		r = prepare(&files, &attr);
		if (r == 0)
			r = posix_spawn(child, argv[0], &files, &attr, argv, environment);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int run(char **argv)
{
	pid_t child;
	int status = 0, r = spawn(argv, &child);

	if (r < 0)
		return r;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int map_ids(const char *name, pid_t process, unsigned own, const struct subid *ids)
{
	AUTO_FREE struct args *args = calloc(1, sizeof(*args));
	char program[64];
	int r = find_program(name, program, sizeof(program));

	if (r < 0)
		return r;
	if (!args)
		return -ENOMEM;
	fill_args(args, program, process, own, ids);
	return run(args->argv);
}

/* ---- the namespace */

/* It is made in a child, which waits while it is given its ids, and then joined: what
 * goes wrong before that leaves this process as it was. */
struct holder {
	pid_t pid;
	int said; /* a byte comes when it is made */
};

static void holder_finish(struct holder *h)
{
	if (h->said >= 0)
		close(h->said);
	if (h->pid <= 0)
		return;
	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void hold(pid_t parent, int say)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
		unshare(CLONE_NEWUSER) < 0 || write(say, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int holder_start(struct holder *h)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	h->said = ends[0];
	h->pid = fork();
	if (h->pid == 0)
		hold(parent, ends[1]);
	close(ends[1]);
	return h->pid < 0 ? -errno : 0;
}

static int join(pid_t process)
{
	char path[48];
	AUTO_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)process);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWUSER) < 0)
		return -errno;
	return 0;
}

/* Inside, the user database would say that our home is root's. */
static int keep_home(void)
{
	AUTO_FREE char *home = home_dir();

	return home && setenv("HOME", home, 1) < 0 ? -errno : 0;
}

static const char *enter(const struct subid *uids, const struct subid *gids)
{
	CLEANUP(holder_finish) struct holder h = {.said = -1};
	char byte;
	ssize_t n;

	if (keep_home() < 0 || holder_start(&h) < 0)
		return "no process";
	while ((n = read(h.said, &byte, 1)) < 0 && errno == EINTR)
		;
	if (n != 1)
		return "the kernel does not allow one";
	if (map_ids("newuidmap", h.pid, geteuid(), uids) < 0)
		return "newuidmap (package uidmap) is missing or failed";
	if (map_ids("newgidmap", h.pid, getegid(), gids) < 0)
		return "newgidmap (package uidmap) is missing or failed";
	return join(h.pid) < 0 ? "it cannot be joined" : NULL;
}

static const char *try_enter(void)
{
	AUTO_FREE struct subid *ids = calloc(2, sizeof(*ids));

	if (!ids)
		return "no memory";
	if (subid_read("/etc/subuid", geteuid(), &ids[0], NULL) < 0 ||
		subid_read("/etc/subgid", geteuid(), &ids[1], NULL) < 0)
		return "/etc/subuid or /etc/subgid cannot be read";
	if (!ids[0].count || !ids[1].count)
		return "/etc/subuid and /etc/subgid have no ids for this user";
	return enter(&ids[0], &ids[1]);
}

void userns_enter_for(struct cli *cli, const char *reference)
{
	const char *failed;
	char line[200];

	if (cli->entered || geteuid() == 0 || !userns_is_initial() || !is_ours(reference))
		return;
	failed = try_enter();
	cli->entered = !failed;
	if (failed)
		snprintf(line, sizeof(line),
			"the user namespace of the images was not entered: %s", failed);
	else
		snprintf(line, sizeof(line), "entered the user namespace of the images");
	console_log(&cli->console, O2R_LOG_DEBUG, line);
}
