#include "base/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/text.h"

/* Of linux/stat.h, for C libraries that do not know them yet. */
enum {
	MASK_MNT_ID = 0x1000,
	ATTR_MOUNT_ROOT = 0x2000,
};

static void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

void mounted_finish(struct mounted *m)
{
	free(m->line);
	*m = (struct mounted){0};
}

static bool octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
	       s[2] <= '7';
}

/* The kernel writes blanks and backslashes as \OOO. */
static char *unescape(char *s)
{
	char *out = s;

	for (const char *in = s; *in; out++) {
		if (in[0] == '\\' && octal(in + 1)) {
			*out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + in[3] -
				      '0');
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
	return s;
}

static bool parse_device(char *text, struct mount_entry *out)
{
	char *colon = strchr(text, ':');
	uint64_t major, minor;

	if (!colon)
		return false;
	*colon = '\0';
	if (!number_parse(text, &major) || !number_parse(colon + 1, &minor) ||
		major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	out->major = (unsigned)major;
	out->minor = (unsigned)minor;
	return true;
}

bool mount_parse(char *line, struct mount_entry *out)
{
	char *rest = line, *id, *device;

	line[strcspn(line, "\n")] = '\0';
	id = strsep(&rest, " ");
	(void)strsep(&rest, " "); /* its parent */
	device = strsep(&rest, " ");
	out->root = strsep(&rest, " ");
	out->point = strsep(&rest, " ");
	/* options of the mount and any number of tags, up to a dash */
	for (char *field = id; field && strcmp(field, "-") != 0;)
		field = strsep(&rest, " ");
	out->type = strsep(&rest, " ");
	out->source = strsep(&rest, " ");
	out->super = strsep(&rest, " ");
	if (!out->super || !number_parse(id, &out->id) || !parse_device(device, out))
		return false;
	unescape(out->root);
	unescape(out->point);
	unescape(out->type);
	unescape(out->source);
	return true;
}

bool mount_user(const struct mount_entry *e, uint64_t *uid)
{
	static const char name[] = "user_id=";

	for (const char *at = e->super; at; at = strchr(at, ',')) {
		char digits[24];

		at += *at == ',';
		if (strncmp(at, name, sizeof(name) - 1) != 0)
			continue;
		at += sizeof(name) - 1;
		snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(at, ","), at);
		return number_parse(digits, uid);
	}
	return false;
}

/* What is looked for. */
struct wanted {
	bool by_id;
	uint64_t id;
	unsigned major, minor;
};

static bool suits(const struct wanted *w, const struct mount_entry *e)
{
	return w->by_id ? e->id == w->id : e->major == w->major && e->minor == w->minor;
}

static int find(const struct wanted *w, struct mounted *out, struct o2r_err *err)
{
	FILE *f CLEANUP(cleanup_file) = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	struct mount_entry e = {0};
	size_t cap = 0;
	int found = 0;

	*out = (struct mounted){0};
	if (!f)
		return err_errno(err, errno, "cannot read /proc/self/mountinfo");
	while (getline(&line, &cap, f) > 0) {
		if (!mount_parse(line, &e) || !suits(w, &e))
			continue;
		mounted_finish(out);
		*out = (struct mounted){STEAL(line), e};
		cap = 0;
		found = 1;
	}
	return found;
}

int mounts_find_device(
	unsigned major, unsigned minor, struct mounted *out, struct o2r_err *err)
{
	const struct wanted w = {.major = major, .minor = minor};

	return find(&w, out, err);
}

/* For kernels before 5.8, whose statx does not tell. */
static bool is_point(const char *path, const struct mount_entry *e)
{
	AUTO_FREE char *real = realpath(path, NULL);

	return real && strcmp(real, e->point) == 0;
}

int mounts_find_path(
	const char *path, struct mounted *out, bool *at_root, struct o2r_err *err)
{
	struct statx st;
	int r;

	/* nothing is asked for, so FUSE answers from what the kernel has */
	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return err_errno(err, errno, "%s", text_quote(path, strlen(path)).s);

	const struct wanted w = {.by_id = (st.stx_mask & MASK_MNT_ID) != 0,
		.id = st.stx_mnt_id,
		.major = st.stx_dev_major,
		.minor = st.stx_dev_minor};

	r = find(&w, out, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ERR_FAIL, ENOENT,
			"%s: its mount is not in /proc/self/mountinfo",
			text_quote(path, strlen(path)).s);
	*at_root = st.stx_attributes_mask & ATTR_MOUNT_ROOT
			   ? (st.stx_attributes & ATTR_MOUNT_ROOT) != 0
			   : is_point(path, &out->e);
	return 0;
}
