#include "sources/docker_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/json.h"
#include "sources/ref.h"

enum {
	NAMES_FILE_MAX = 64 << 20, /* repositories.json of a large host */
	ID_HEX_MIN = 4,            /* digits of an abbreviated image ID */
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static void offer(struct docker_match *m, const struct digest *id, int rank)
{
	if (m->rank >= 0 && rank > m->rank)
		return;
	m->ambiguous = m->rank == rank && (m->ambiguous || !digest_equal(&m->id, id));
	m->id = *id;
	m->rank = rank;
}

static bool is_hex(const char *s)
{
	size_t n = strlen(s);

	return n >= ID_HEX_MIN && n <= 64 && strspn(s, "0123456789abcdef") == n;
}

/* How well an entry suits what was asked for; -1: not. */
static int rank_of(const char *wanted, const char *reference, const struct digest *id)
{
	const char *hex = strncmp(wanted, "sha256:", 7) == 0 ? wanted + 7 : wanted;

	if (strcmp(wanted, reference) == 0 || ref_same_image(wanted, reference))
		return 0;
	if (is_hex(hex) &&
		strncmp(strchr(digest_format(id).s, ':') + 1, hex, strlen(hex)) == 0)
		return 1;
	return -1;
}

static int match_one(struct docker_match *m, const char *wanted, const char *reference,
	const char *id_text, struct o2r_err *err)
{
	struct digest id;
	int rank, r = digest_parse(id_text, strlen(id_text), &id, err);

	if (r < 0)
		return err_wrap(err, "%s", quote(reference).s);
	choices_add(&m->names, reference);
	rank = rank_of(wanted, reference, &id);
	if (rank >= 0)
		offer(m, &id, rank);
	return 0;
}

static int match_all(struct docker_match *m, const char *wanted,
	const struct json_ref *repositories, struct o2r_err *err)
{
	struct json_ref repository = {0};
	int r = 0;

	while (r == 0 && json_next_member(repositories, &repository)) {
		struct json_ref item = {0};
		const char *id = NULL;

		r = json_item_object(&repository, err);
		while (r == 0 && json_next_member(&repository, &item)) {
			r = json_item_string(&item, &id, err);
			if (r == 0)
				r = match_one(m, wanted, item.key, id, err);
		}
	}
	return r;
}

int docker_match_names(struct docker_match *m, const char *wanted, const char *text,
	size_t n, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root, all;
	int r = json_doc_parse(text, n, ctx->limits.json_depth, &doc, err);

	if (r == 0)
		r = json_root(doc, &root, err);
	if (r == 0)
		r = json_get_object(&root, "Repositories", &all, err);
	return r <= 0 ? r : match_all(m, wanted, &all, err);
}

static void close_listing(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Images without a name: their configs are there. */
static void match_ids(const struct docker *d, struct docker_match *m)
{
	const char *hex = strncmp(d->name, "sha256:", 7) == 0 ? d->name + 7 : d->name;
	AUTO_FD int fd = -1;
	CLEANUP(close_listing) DIR *list = NULL;
	struct dirent *e;

	if (m->rank == 0 || !is_hex(hex))
		return;
	fd = openat(d->fd, DOCKER_IMAGES "/imagedb/content/sha256",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list)
		return;
	fd = -1;
	while ((e = readdir(list))) {
		char text[8 + 64];
		struct digest id;

		if (strlen(e->d_name) != 64 || strncmp(e->d_name, hex, strlen(hex)) != 0)
			continue;
		snprintf(text, sizeof(text), "sha256:%.64s", e->d_name);
		if (digest_parse(text, strlen(text), &id, NULL) == 0)
			offer(m, &id, 1);
	}
}

int docker_find_image(const struct docker *d, struct digest *id, struct o2r_err *err)
{
	static const char file[] = DOCKER_IMAGES "/repositories.json";
	AUTO_BUF struct buf text = {0};
	struct docker_match m = {.rank = -1};
	int r = file_read(d->fd, file, NAMES_FILE_MAX, &text, err);

	if (r == 0)
		r = docker_match_names(&m, d->name, text.data, text.len, d->ctx, err);
	if (r < 0)
		return err_wrap(err, "%s/%s", quote(d->root).s, file);
	match_ids(d, &m);
	if (m.rank < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"Docker's store %s has no image \"%s\", only %s",
			quote(d->root).s, quote(d->name).s, choices_text(&m.names));
	if (m.ambiguous)
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is the beginning of several image IDs: give more of it",
			quote(d->name).s);
	*id = m.id;
	return 0;
}
