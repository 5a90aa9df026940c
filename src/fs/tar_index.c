#include "fs/tar_index.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/tar_name.h"
#include "fs/tar_reader.h"
#include "fs/tar_xattr.h"
#include "fs/warn.h"
#include "fs/zero_runs.h"

enum {
	WARN_LINK_BODY = WARN_XATTR_KINDS,
	WARN_ROOT_KIND,
};

static const char *const warning_kinds[WARN_KINDS] = {
	[WARN_XATTR_PREFIX] = "attributes left out: ext4 cannot hold their names",
	[WARN_XATTR_USER] =
		"user attributes of what is neither file nor directory left out",
	[WARN_ACL_DEFAULT] = "default ACLs of what is no directory left out",
	[WARN_ACL_SYMLINK] = "ACLs of symbolic links left out",
	[WARN_ACL_NFS4] = "NFSv4 ACLs left out",
	[WARN_ACL_NAME] = "ACLs with names but no numbers left out",
	[WARN_LINK_BODY] = "hard links whose data is ignored",
	[WARN_ROOT_KIND] = "entries for the root that are no directory ignored",
};

struct tar_index {
	struct layer *layer;
	const struct limits *limits;
	struct warn warn;
	struct tar_reader reader;
	struct tar_xattrs xattrs;
	struct zero_runs zeros;
	struct data_run whole; /* the only run of a file that is not sparse */
	struct buf name;       /* scratch for one name */
	bool scan;             /* the data passing by is looked at for zeros */
	bool keep;             /* the member passing by is the last entry of the layer */
};

int tar_index_create(struct layer *layer, const char *name, const struct ctx *ctx,
	struct tar_index **out, struct o2r_err *err)
{
	struct tar_index *t = calloc(1, sizeof(*t));

	if (!t)
		return err_nomem(err);
	t->layer = layer;
	t->limits = &ctx->limits;
	t->warn = (struct warn){.ctx = ctx, .name = name};
	t->xattrs = (struct tar_xattrs){
		.limits = t->limits, .warn = &t->warn, .arena = &layer->arena};
	tar_reader_init(&t->reader, t->limits);
	t->name.max = SIZE_MAX / 2;
	*out = t;
	return 0;
}

void tar_index_destroy(struct tar_index *t)
{
	if (!t)
		return;
	tar_reader_finish(&t->reader);
	tar_xattrs_free(&t->xattrs);
	zero_runs_free(&t->zeros);
	buf_finish(&t->name);
	free(t);
}

static int check_length(
	struct tar_index *t, const char *what, struct pax_str s, struct o2r_err *err)
{
	if (s.n <= MIN(t->limits->path, UINT32_MAX))
		return 0;
	return err_corrupt(err,
		"the %s has %zu bytes, more than %llu (raise it with --limit path=N)",
		what, s.n, (unsigned long long)t->limits->path);
}

static int dup_string(struct tar_index *t, const char *p, size_t n, const char **out,
	uint32_t *len, struct o2r_err *err)
{
	*out = arena_dup(&t->layer->arena, p, n);
	*len = (uint32_t)n;
	return *out ? 0 : err_nomem(err);
}

static int normalised(struct tar_index *t, const char *what, struct pax_str s,
	const char **out, uint32_t *len, struct o2r_err *err)
{
	size_t n;
	int r = check_length(t, what, s, err);

	if (r < 0)
		return r;
	if (buf_reserve(&t->name, s.n) < 0)
		return err_nomem(err);
	r = tar_name(s.p, s.n, t->name.data, &n, err);
	return r < 0 ? r : dup_string(t, t->name.data, n, out, len, err);
}

static int set_link(struct tar_index *t, const struct tar_member *m, struct entry *e,
	struct o2r_err *err)
{
	int r;

	switch (m->kind) {
	case ENTRY_HARDLINK:
		return normalised(t, "link target", m->link, &e->link, &e->link_len, err);
	case ENTRY_SYMLINK:
		if (!m->link.n)
			return err_corrupt(err, "a symbolic link without a target");
		r = check_length(t, "link target", m->link, err);
		if (r < 0)
			return r;
		return dup_string(t, m->link.p, m->link.n, &e->link, &e->link_len, err);
	default:
		return 0;
	}
}

static int fill_entry(struct tar_index *t, const struct tar_member *m, struct entry *e,
	struct o2r_err *err)
{
	int r;

	*e = (struct entry){
		.size = m->size,
		.data_off = m->kind == ENTRY_FILE ? t->reader.pos : t->reader.header_off,
		.mtime = m->mtime,
		.mtime_nsec = m->mtime_nsec,
		.uid = m->uid,
		.gid = m->gid,
		.major = m->major,
		.minor = m->minor,
		.mode = m->mode,
		.kind = m->kind,
	};
	r = normalised(t, "name", m->path, &e->path, &e->path_len, err);
	if (r == 0)
		r = set_link(t, m, e, err);
	if (r == 0)
		r = tar_xattrs_build(
			&t->xattrs, m, e->path, e->path_len, &e->xattrs, err);
	return r;
}

static int push_entry(struct tar_index *t, const struct entry *e, struct o2r_err *err)
{
	struct layer *l = t->layer;
	size_t max = (size_t)MIN(t->limits->entries, SIZE_MAX / sizeof(*e));
	int r = VEC_RESERVE(l->entries, l->count, l->cap, 1, max);

	if (r == -E2BIG)
		return err_corrupt(err,
			"more than %llu entries (raise it with --limit entries=N)",
			(unsigned long long)t->limits->entries);
	if (r < 0)
		return err_nomem(err);
	l->entries[l->count++] = *e;
	return 0;
}

/* Engines ignore whatever wants to take the place of the root. */
static bool is_root_replacement(struct tar_index *t, const struct entry *e)
{
	if (e->path_len || e->kind == ENTRY_DIR)
		return false;
	warn_about(&t->warn, WARN_ROOT_KIND,
		"the entry at %llu is for the root but no directory: ignored",
		(unsigned long long)t->reader.header_off);
	return true;
}

static int add_member(struct tar_index *t, struct entry *e, struct o2r_err *err)
{
	int r = fill_entry(t, &t->reader.member, e, err);

	if (r < 0)
		return r;
	t->keep = !is_root_replacement(t, e);
	return t->keep ? push_entry(t, e, err) : 0;
}

static int on_member(struct tar_index *t, bool has_data, struct o2r_err *err)
{
	const struct tar_member *m = &t->reader.member;
	struct entry e;

	if (add_member(t, &e, err) < 0)
		return err_wrap(err, "entry %s at %llu",
			text_quote(m->path.p, m->path.n).s,
			(unsigned long long)t->reader.header_off);
	t->scan = false;
	if (!t->keep || !has_data || m->map != TAR_MAP_NONE)
		return 0;
	if (e.size < (uint64_t)ZERO_BLOCK * ZERO_RUN_BLOCKS) {
		t->layer->data_bytes += e.size;
		return 0;
	}
	t->whole = (struct data_run){.len = e.size, .src_off = e.data_off};
	t->scan = true;
	zero_runs_begin(&t->zeros, e.size, &t->whole, 1);
	return 0;
}

static void on_map(struct tar_index *t)
{
	const struct tar_sparse *s = &t->reader.sparse;

	if (!t->keep)
		return;
	t->scan = true;
	zero_runs_begin(&t->zeros, s->real_size, s->runs, s->count);
}

static int on_member_end(struct tar_index *t, struct o2r_err *err)
{
	const struct zero_runs *z = &t->zeros;
	struct layer *l = t->layer;
	struct data_map *map;
	struct entry *e;

	if (!t->scan)
		return 0;
	e = &l->entries[l->count - 1];
	for (size_t i = 0; i < z->count; i++)
		l->data_bytes += z->runs[i].len;
	if (z->count == 1 && z->runs[0].len == e->size) {
		e->data_off = z->runs[0].src_off;
		return 0;
	}
	if (!e->size)
		return 0;
	map = arena_alloc(&l->arena, sizeof(*map) + z->count * sizeof(z->runs[0]),
		_Alignof(struct data_map));
	if (!map)
		return err_nomem(err);
	map->count = (uint32_t)z->count;
	if (z->count)
		memcpy(map->runs, z->runs, z->count * sizeof(z->runs[0]));
	e->map = map;
	return 0;
}

static void on_link_body(struct tar_index *t)
{
	const struct entry *e;

	if (!t->keep)
		return;
	e = &t->layer->entries[t->layer->count - 1];
	warn_about(&t->warn, WARN_LINK_BODY, "%s: the data of a hard link is ignored",
		text_quote(e->path, e->path_len).s);
}

static int on_event(struct tar_index *t, const struct tar_event *ev, struct o2r_err *err)
{
	switch (ev->kind) {
	case TAR_MEMBER:
		return on_member(t, ev->has_data, err);
	case TAR_MAP:
		on_map(t);
		return 0;
	case TAR_DATA:
		return t->scan ? zero_runs_data(&t->zeros, ev->p, ev->n, err) : 0;
	case TAR_MEMBER_END:
		return on_member_end(t, err);
	case TAR_LINK_BODY:
		on_link_body(t);
		return 0;
	default:
		return err_corrupt(err, "unknown tar event %d", ev->kind);
	}
}

/* An error about the member that was told last; those of headers name their own. */
static int member_error(struct tar_index *t, struct o2r_err *err)
{
	const struct layer *l = t->layer;
	const struct entry *e = t->keep && l->count ? &l->entries[l->count - 1] : NULL;

	if (!e)
		return err_wrap(
			err, "entry at %llu", (unsigned long long)t->reader.header_off);
	return err_wrap(err, "entry %s at %llu", text_quote(e->path, e->path_len).s,
		(unsigned long long)t->reader.header_off);
}

static bool in_data(const struct tar_index *t)
{
	switch (t->reader.state) {
	case TAR_IN_DATA:
	case TAR_IN_OLD_MAP:
	case TAR_IN_TEXT_MAP:
		return true;
	default:
		return false;
	}
}

/* The next event and what follows from it: 1, or 0 when the input is used up. */
static int next_event(
	struct tar_index *t, const unsigned char **p, size_t *n, struct o2r_err *err)
{
	bool inside = in_data(t);
	struct tar_event ev;
	int r = tar_reader_step(&t->reader, p, n, &ev, err);

	if (r < 0)
		return inside && in_data(t) ? member_error(t, err) : r;
	if (r == 0)
		return 0;
	r = on_event(t, &ev, err);
	if (r < 0)
		return ev.kind == TAR_MEMBER ? r : member_error(t, err);
	return 1;
}

int tar_index_data(void *tar_index, const void *p, size_t n, struct o2r_err *err)
{
	const unsigned char *in = p;
	int r;

	do {
		r = next_event(tar_index, &in, &n, err);
	} while (r > 0);
	return r;
}

int tar_index_end(struct tar_index *t, struct o2r_err *err)
{
	int r = tar_reader_end(&t->reader, err);

	if (r < 0)
		return in_data(t) || t->reader.state == TAR_IN_BODY ? member_error(t, err)
								    : r;
	warn_flush(&t->warn, warning_kinds);
	return 0;
}
