/* The members of an archive by name, and what links mean. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/archive_impl.h"
#include "sources/store_blob.h"

struct archive_file *archive_create(int fd, struct store *store)
{
	struct archive_file *a = calloc(1, sizeof(*a));

	if (a)
		*a = (struct archive_file){.fd = fd, .store = store, .spill = -1};
	return a;
}

void member_finish(struct member *m)
{
	free(m->data);
	m->data = NULL;
}

void archive_clear(struct archive_file *a)
{
	for (size_t i = 0; i < a->count; i++)
		member_finish(&a->members[i]);
	free(a->members);
	a->members = NULL;
	a->count = a->cap = 0;
	a->small = a->large = 0;
	arena_finish(&a->arena);
}

void archive_close(struct archive_file *a)
{
	if (!a)
		return;
	archive_clear(a);
	if (a->spill >= 0)
		close(a->spill);
	close(a->fd);
	free(a);
}

/*
 * Put path behind the len bytes of the folder in out, without empty and "." parts. ".."
 * takes one part away. False for what leads out of the archive, is too long or empty.
 */
static bool join(char *out, size_t len, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			if (len == 0)
				return false;
			while (len > 0 && out[--len] != '/')
				;
		} else if (n && !(n == 1 && path[0] == '.')) {
			if (len + n + 2 > ARCHIVE_NAME_MAX)
				return false;
			if (len)
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
		path += strspn(path, "/");
	}
	out[len] = '\0';
	return len > 0;
}

/* A name as it is looked up; false for one that never is. */
static bool cut(char *out, const char *name)
{
	return name[0] != '/' && join(out, 0, name);
}

bool archive_name_counts(const char *name)
{
	char clean[ARCHIVE_NAME_MAX + 1];

	return cut(clean, name);
}

int archive_add(struct archive_file *a, const char *name, const char *target,
	struct member *m, struct o2r_err *err)
{
	char clean[ARCHIVE_NAME_MAX + 1];

	if (!cut(clean, name)) {
		member_finish(m);
		return 0;
	}
	if (VEC_RESERVE(a->members, a->count, a->cap, 1, ARCHIVE_ENTRIES_MAX) < 0)
		return err_nomem(err);
	m->name = arena_dup(&a->arena, clean, strlen(clean));
	m->target = target ? arena_dup(&a->arena, target, strlen(target)) : NULL;
	if (!m->name || (target && !m->target))
		return err_nomem(err);
	m->order = a->count;
	a->members[a->count++] = *m;
	*m = (struct member){0};
	return 0;
}

static int by_name(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	int r = strcmp(a->name, b->name);

	return r ? r : a->order < b->order ? -1 : a->order > b->order;
}

void archive_sort(struct archive_file *a)
{
	size_t n = 0;

	if (a->count)
		qsort(a->members, a->count, sizeof(*a->members), by_name);
	for (size_t i = 0; i < a->count; i++) {
		if (i + 1 < a->count &&
			strcmp(a->members[i].name, a->members[i + 1].name) == 0)
			member_finish(&a->members[i]);
		else
			a->members[n++] = a->members[i];
	}
	a->count = n;
}

static int compare_name(const void *key, const void *member)
{
	return strcmp(key, ((const struct member *)member)->name);
}

static const struct member *find(const struct archive_file *a, const char *clean)
{
	return a->count ? bsearch(clean, a->members, a->count, sizeof(*a->members),
				  compare_name)
			: NULL;
}

/* Where a link leads; false: out of the archive. */
static bool follow(const struct member *m, char *clean)
{
	const char *slash = strrchr(m->name, '/');
	size_t folder = slash ? (size_t)(slash - m->name) : 0;

	if (m->kind == MEMBER_HARD_LINK)
		return cut(clean, m->target);
	if (m->target[0] == '/')
		return false;
	memcpy(clean, m->name, folder);
	return join(clean, folder, m->target);
}

static int bad_link(const struct member *m, const char *what, struct o2r_err *err)
{
	return err_corrupt(err, "%s is a link to %s, which %s",
		text_quote(m->name, strlen(m->name)).s,
		text_quote(m->target, strlen(m->target)).s, what);
}

/* The file that a name means; -ENOENT without err when there is none of that name. */
static int resolve(const struct archive_file *a, const char *path,
	const struct member **out, struct o2r_err *err)
{
	char clean[ARCHIVE_NAME_MAX + 1];
	const struct member *m = cut(clean, path) ? find(a, clean) : NULL, *next;

	if (!m)
		return -ENOENT;
	for (int links = 0; m->target; links++) {
		if (links >= ARCHIVE_LINKS_MAX)
			return bad_link(m, "leads on and on", err);
		if (!follow(m, clean))
			return bad_link(m, "is not in the archive", err);
		next = find(a, clean);
		if (!next)
			return bad_link(m, "the archive does not have", err);
		m = next;
	}
	*out = m;
	return 0;
}

bool archive_has(const struct archive_file *a, const char *path)
{
	const struct member *m;

	return resolve(a, path, &m, NULL) == 0;
}

static int open_stored(const struct archive_file *a, const struct member *m,
	struct blob *out, struct o2r_err *err)
{
	int r = store_open_blob(a->store, &m->digest, m->size, out, err);

	/* not -ENOENT: the archive has it */
	return r == -ENOENT ? err_set(err, ERR_FAIL, EBUSY,
				      "it was removed from the cache folder while it was "
				      "needed: try again")
			    : r;
}

/* From a duplicate of what the archive has open. */
static int open_range(const struct archive_file *a, const struct member *m,
	struct blob *out, struct o2r_err *err)
{
	int fd = fcntl(m->kind == MEMBER_RANGE ? a->fd : a->spill, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? err_errno(err, errno, "cannot open it")
		      : blob_open_fd(out, fd, m->offset, m->size, err);
}

int archive_blob(const struct archive_file *a, const char *path, struct blob *out,
	struct o2r_err *err)
{
	const struct member *m;
	int r = resolve(a, path, &m, err);

	if (r < 0)
		return r;
	if (m->kind == MEMBER_MEMORY)
		return blob_open_memory(out, m->data, m->size, 1, err);
	r = m->kind == MEMBER_STORED ? open_stored(a, m, out, err)
				     : open_range(a, m, out, err);
	return r < 0 ? err_wrap(err, "%s", text_quote(path, strlen(path)).s) : 0;
}
