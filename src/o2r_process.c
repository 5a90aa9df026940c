#include "o2r_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

enum {
	STATE_FIELD = 3, /* of /proc/PID/stat, counted from 1 */
	START_FIELD = 22,
	SETTLE_MS = 20, /* how often a process that cannot be waited for is looked at */
};

/* A small file of /proc as text; false when it cannot be read. */
static bool read_text(const char *path, char *out, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n <= 0)
		return false;
	out[n] = '\0';
	return true;
}

/* Field 2 is a name in parentheses that may hold anything: the last one ends it. */
static bool parse_stat(char *text, char *state, uint64_t *start)
{
	char *at = strrchr(text, ')');
	char *field, *rest;
	int number = STATE_FIELD;

	if (!at)
		return false;
	rest = at + 1;
	while ((field = strsep(&rest, " "))) {
		if (!*field)
			continue;
		if (number == STATE_FIELD)
			*state = *field;
		if (number == START_FIELD)
			return number_parse(field, start);
		number++;
	}
	return false;
}

static bool look_up(int pid, char *state, uint64_t *start)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return read_text(path, text, sizeof(text)) && parse_stat(text, state, start);
}

int process_self(struct process *out, struct o2r_err *err)
{
	char state;

	*out = (struct process){.pid = getpid()};
	if (!look_up(out->pid, &state, &out->start))
		return err_set(err, ERR_FAIL, EIO,
			"/proc/%d/stat cannot be read: is /proc mounted?", out->pid);
	return 0;
}

bool process_alive(const struct process *p)
{
	uint64_t start;
	char state;

	return look_up(p->pid, &state, &start) && start == p->start && state != 'Z' &&
	       state != 'X';
}

void process_wait(const struct process *p, unsigned milliseconds)
{
	AUTO_FD int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	/* asked after the descriptor was made: so it is of the process that is meant */
	if (fd >= 0 && process_alive(p)) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		(void)poll(&wait, 1, (int)milliseconds);
		return;
	}
	for (unsigned waited = 0; waited < milliseconds && process_alive(p);
		waited += SETTLE_MS)
		(void)poll(NULL, 0, SETTLE_MS);
}

bool process_sees_our_mounts(const struct process *p)
{
	char path[48];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", p->pid);
	if (stat(path, &theirs) < 0 || stat("/proc/self/ns/mnt", &ours) < 0)
		return true;
	return theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

bool boot_id_valid(const char *s)
{
	return strlen(s) == sizeof(struct boot_id) - 1 &&
	       strspn(s, "0123456789abcdef-") == sizeof(struct boot_id) - 1;
}

int boot_id_read(struct boot_id *out, struct o2r_err *err)
{
	char text[64];

	if (!read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)))
		return err_errno(
			err, errno, "cannot read /proc/sys/kernel/random/boot_id");
	text[strcspn(text, "\n")] = '\0';
	if (!boot_id_valid(text))
		return err_set(err, ERR_FAIL, EIO,
			"/proc/sys/kernel/random/boot_id holds no UUID");
	memcpy(out->s, text, sizeof(out->s));
	return 0;
}
