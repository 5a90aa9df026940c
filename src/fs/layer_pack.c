/*
 * Four sections: ENTR has a record of fixed size for each entry, NAME the paths and link
 * targets in the same order, XATT the sets of attributes, MAPS the data runs. A record
 * says how much of NAME and MAPS is its own; nothing is left over.
 */
#include "fs/layer_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "base/vec.h"
#include "fs/layer_check.h"

enum {
	TAG_ENTRIES = 0x52544e45, /* "ENTR" */
	TAG_NAMES = 0x454d414e,   /* "NAME" */
	TAG_XATTRS = 0x54544158,  /* "XATT" */
	TAG_MAPS = 0x5350414d,    /* "MAPS" */
	OUT_SIZE = 256 << 10,
};

/* Where the fields of a record stand (docs/cache.md). */
enum entry_at {
	AT_SIZE = 0,
	AT_DATA = 8,
	AT_MTIME = 16,
	AT_NSEC = 24,
	AT_UID = 28,
	AT_GID = 32,
	AT_MAJOR = 36,
	AT_MINOR = 40,
	AT_PATH_LEN = 44,
	AT_LINK_LEN = 48,
	AT_SET = 52,  /* number of the xattr set, 0: none */
	AT_RUNS = 56, /* number of data runs and 1, 0: no map */
	AT_MODE = 60,
	AT_KIND = 62,
	AT_NUL = 63,
	ENTRY_SIZE = 64,
};

enum {
	RUN_SIZE = 24,
};

/* Small pieces on their way to a section. */
struct out {
	struct pack_writer *w;
	unsigned char *p; /* OUT_SIZE bytes */
	size_t n;
};

static int flush(struct out *o, struct o2r_err *err)
{
	size_t n = o->n;

	o->n = 0;
	return pack_append(o->w, o->p, n, err);
}

static int put(struct out *o, const void *p, size_t n, struct o2r_err *err)
{
	if (n > OUT_SIZE - o->n) {
		int r = flush(o, err);

		if (r < 0)
			return r;
	}
	if (n > OUT_SIZE)
		return pack_append(o->w, p, n, err);
	memcpy(o->p + o->n, p, n);
	o->n += n;
	return 0;
}

static int put_string(struct out *o, const void *p, size_t n, struct o2r_err *err)
{
	int r = put(o, p, n, err);

	return r < 0 ? r : put(o, "", 1, err);
}

static int put_record(
	struct out *o, const struct entry *e, uint32_t set, struct o2r_err *err)
{
	unsigned char h[ENTRY_SIZE] = {0};

	put_le64(h + AT_SIZE, e->size);
	put_le64(h + AT_DATA, e->data_off);
	put_le64(h + AT_MTIME, (uint64_t)e->mtime);
	put_le32(h + AT_NSEC, e->mtime_nsec);
	put_le32(h + AT_UID, e->uid);
	put_le32(h + AT_GID, e->gid);
	put_le32(h + AT_MAJOR, e->major);
	put_le32(h + AT_MINOR, e->minor);
	put_le32(h + AT_PATH_LEN, e->path_len);
	put_le32(h + AT_LINK_LEN, e->link_len);
	put_le32(h + AT_SET, set);
	put_le32(h + AT_RUNS, e->map ? e->map->count + 1 : 0);
	put_le16(h + AT_MODE, e->mode);
	h[AT_KIND] = e->kind;
	return put(o, h, sizeof(h), err);
}

static int put_records(struct out *o, const struct layer *l, struct o2r_err *err)
{
	const struct xattr_set *last = NULL;
	uint32_t set = 0;
	int r = 0;

	for (size_t i = 0; i < l->count && r == 0; i++) {
		const struct entry *e = &l->entries[i];

		/* neighbours share a set by its address */
		if (e->xattrs && e->xattrs != last) {
			last = e->xattrs;
			set++;
		}
		r = put_record(o, e, e->xattrs ? set : 0, err);
	}
	return r;
}

static int put_names(struct out *o, const struct layer *l, struct o2r_err *err)
{
	int r = 0;

	for (size_t i = 0; i < l->count && r == 0; i++) {
		const struct entry *e = &l->entries[i];

		r = put_string(o, e->path, e->path_len, err);
		if (r == 0 && e->link)
			r = put_string(o, e->link, e->link_len, err);
	}
	return r;
}

static int put_set(struct out *o, const struct xattr_set *s, struct o2r_err *err)
{
	unsigned char h[8];

	put_le32(h, s->count);

	int r = put(o, h, 4, err);

	for (uint32_t i = 0; i < s->count && r == 0; i++) {
		const struct xattr *x = &s->list[i];

		put_le32(h, x->name_len);
		put_le32(h + 4, x->value_len);
		r = put(o, h, 8, err);
		if (r == 0)
			r = put_string(o, x->name, x->name_len, err);
		if (r == 0)
			r = put_string(o, x->value, x->value_len, err);
	}
	return r;
}

static int put_sets(struct out *o, const struct layer *l, struct o2r_err *err)
{
	const struct xattr_set *last = NULL;
	int r = 0;

	for (size_t i = 0; i < l->count && r == 0; i++) {
		const struct xattr_set *s = l->entries[i].xattrs;

		if (s && s != last) {
			last = s;
			r = put_set(o, s, err);
		}
	}
	return r;
}

static int put_maps(struct out *o, const struct layer *l, struct o2r_err *err)
{
	unsigned char h[RUN_SIZE];
	int r = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct data_map *m = l->entries[i].map;

		for (uint32_t k = 0; m && k < m->count && r == 0; k++) {
			put_le64(h, m->runs[k].file_off);
			put_le64(h + 8, m->runs[k].len);
			put_le64(h + 16, m->runs[k].src_off);
			r = put(o, h, sizeof(h), err);
		}
	}
	return r;
}

int layer_pack(const struct layer *l, struct pack_writer *w, struct o2r_err *err)
{
	static const struct {
		uint32_t tag;
		int (*put)(struct out *o, const struct layer *l, struct o2r_err *err);
	} sections[] = {
		{TAG_ENTRIES, put_records},
		{TAG_NAMES, put_names},
		{TAG_XATTRS, put_sets},
		{TAG_MAPS, put_maps},
	};
	AUTO_FREE unsigned char *p = malloc(OUT_SIZE);
	struct out o = {.w = w, .p = p};
	int r = 0;

	if (!p)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_LEN(sections) && r == 0; i++) {
		r = pack_section_begin(w, sections[i].tag, false, err);
		if (r == 0)
			r = sections[i].put(&o, l, err);
		if (r == 0)
			r = flush(&o, err);
	}
	return r;
}

/* What is left of a section. */
struct in {
	unsigned char *p;
	size_t n;
};

/* NULL: there is not as much. */
static unsigned char *get(struct in *in, size_t n)
{
	unsigned char *p = in->p;

	if (n > in->n)
		return NULL;
	in->p += n;
	in->n -= n;
	return p;
}

/* n bytes and a NUL. */
static const char *get_string(struct in *in, size_t n)
{
	const unsigned char *p = n < in->n ? get(in, n + 1) : NULL;

	return p && !p[n] ? (const char *)p : NULL;
}

struct unpack {
	struct layer *layer;
	struct layer_check check;
	struct in names, maps; /* names are in the layer's arena */
	const struct xattr_set **sets;
	size_t set_count, set_cap;
	uint32_t set; /* the last one used; they come in order */
};

static void unpack_finish(struct unpack *u)
{
	free(u->sets);
}

/* A section into the arena, where strings can stay. */
static int load_in_arena(const struct pack_reader *p, uint32_t tag, uint64_t max,
	struct arena *a, struct in *in, struct pack_part *part, struct o2r_err *err)
{
	int r = pack_len(p, tag, max, &in->n, err);

	if (r < 0)
		return r;
	in->p = arena_alloc(a, in->n + 1, 1);
	*part = (struct pack_part){.tag = tag, .p = in->p, .n = in->n};
	return in->p ? 0 : err_nomem(err);
}

static int unpack_set(struct unpack *u, struct in *in, struct o2r_err *err)
{
	const unsigned char *h = get(in, 4);
	uint32_t count = h ? get_le32(h) : 0;
	struct xattr_set *s;

	/* each takes at least its lengths and two NULs */
	if (!h || count > in->n / 10)
		return err_corrupt(err, "a set of attributes is cut short");
	s = arena_alloc(&u->layer->arena, sizeof(*s) + count * sizeof(s->list[0]),
		_Alignof(struct xattr));
	if (!s || VEC_RESERVE(u->sets, u->set_count, u->set_cap, 1, UINT32_MAX) < 0)
		return err_nomem(err);
	s->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct xattr *x = &s->list[i];

		h = get(in, 8);
		if (!h)
			return err_corrupt(err, "a set of attributes is cut short");
		x->name_len = get_le32(h);
		x->value_len = get_le32(h + 4);
		x->name = get_string(in, x->name_len);
		x->value = (const unsigned char *)get_string(in, x->value_len);
		if (!x->name || !x->value)
			return err_corrupt(err, "an attribute is cut short");
	}
	u->sets[u->set_count++] = s;
	return layer_check_xattrs(&u->check, s, err);
}

static int unpack_sets(const struct pack_reader *p, struct unpack *u, struct o2r_err *err)
{
	struct pack_part part;
	struct in in;
	int r = load_in_arena(p, TAG_XATTRS, SIZE_MAX, &u->layer->arena, &in, &part, err);

	if (r == 0)
		r = pack_load(p, &part, 1, err);
	while (r == 0 && in.n)
		r = unpack_set(u, &in, err);
	return r;
}

static int unpack_map(
	struct unpack *u, uint32_t count, struct entry *e, struct o2r_err *err)
{
	const unsigned char *p;
	struct data_map *m;

	if (count > u->maps.n / RUN_SIZE)
		return err_corrupt(err, "its data runs are cut short");
	m = arena_alloc(&u->layer->arena, sizeof(*m) + count * sizeof(m->runs[0]),
		_Alignof(struct data_map));
	if (!m)
		return err_nomem(err);
	p = get(&u->maps, (size_t)count * RUN_SIZE);
	m->count = count;
	for (uint32_t i = 0; i < count; i++, p += RUN_SIZE)
		m->runs[i] = (struct data_run){
			.file_off = get_le64(p),
			.len = get_le64(p + 8),
			.src_off = get_le64(p + 16),
		};
	e->map = m;
	return 0;
}

static int unpack_xattrs(
	struct unpack *u, uint32_t set, struct entry *e, struct o2r_err *err)
{
	if (set != u->set && set != u->set + 1)
		return err_corrupt(err, "its attributes are out of order");
	if (set > u->set_count)
		return err_corrupt(err, "its attributes are missing");
	u->set = set;
	e->xattrs = u->sets[set - 1];
	return 0;
}

static int unpack_entry(
	struct unpack *u, const unsigned char *h, struct entry *e, struct o2r_err *err)
{
	uint32_t set = get_le32(h + AT_SET), runs = get_le32(h + AT_RUNS);
	int r = 0;

	*e = (struct entry){
		.size = get_le64(h + AT_SIZE),
		.data_off = get_le64(h + AT_DATA),
		.mtime = (int64_t)get_le64(h + AT_MTIME),
		.mtime_nsec = get_le32(h + AT_NSEC),
		.uid = get_le32(h + AT_UID),
		.gid = get_le32(h + AT_GID),
		.major = get_le32(h + AT_MAJOR),
		.minor = get_le32(h + AT_MINOR),
		.path_len = get_le32(h + AT_PATH_LEN),
		.link_len = get_le32(h + AT_LINK_LEN),
		.mode = get_le16(h + AT_MODE),
		.kind = h[AT_KIND],
	};
	e->path = get_string(&u->names, e->path_len);
	if (e->kind == ENTRY_SYMLINK || e->kind == ENTRY_HARDLINK)
		e->link = get_string(&u->names, e->link_len);
	if (!e->path || h[AT_NUL])
		return err_corrupt(err, "it is malformed");
	if (set)
		r = unpack_xattrs(u, set, e, err);
	if (r == 0 && runs)
		r = unpack_map(u, runs - 1, e, err);
	return r;
}

/* The records stand at the end of the array that they become, so each is read before its
 * place is written to. */
static int unpack_entries(
	struct unpack *u, const unsigned char *records, size_t count, struct o2r_err *err)
{
	struct layer *l = u->layer;
	const struct entry *before = NULL;

	_Static_assert(sizeof(struct entry) >= ENTRY_SIZE, "entries would overtake");
	for (; l->count < count; l->count++) {
		struct entry *to = &l->entries[l->count], e;
		unsigned char h[ENTRY_SIZE];
		uint64_t data = 0;

		memcpy(h, records + l->count * ENTRY_SIZE, sizeof(h));

		int r = unpack_entry(u, h, &e, err);

		if (r == 0)
			r = layer_check_entry(&u->check, before, &e, &data, err);
		if (r == 0 && !add_u64(l->data_bytes, data, &l->data_bytes))
			r = err_corrupt(err, "there is too much data");
		if (r < 0) {
			err_wrap(err, "entry %zu", l->count);
			return r;
		}
		*to = e;
		before = to;
	}
	if (u->names.n || u->maps.n || u->set != u->set_count)
		return err_corrupt(err, "something belongs to no entry");
	return 0;
}

static int unpack(const struct pack_reader *p, struct unpack *u, struct o2r_err *err)
{
	const struct limits *limits = u->check.limits;
	struct layer *l = u->layer;
	struct pack_part parts[2];
	struct buf maps AUTO_BUF = {0};
	size_t len = 0, count;
	int r = pack_len(p, TAG_ENTRIES, SIZE_MAX, &len, err);

	if (r < 0)
		return r;
	count = len / ENTRY_SIZE;
	if (len % ENTRY_SIZE || count > limits->entries ||
		count > SIZE_MAX / 4 / sizeof(*l->entries))
		return err_corrupt(err, "it has %zu bytes of entries", len);
	l->entries = malloc((count + 1) * sizeof(*l->entries));
	if (!l->entries)
		return err_nomem(err);
	l->cap = count + 1;
	parts[0] = (struct pack_part){.tag = TAG_ENTRIES,
		.p = (unsigned char *)(l->entries + count) - len,
		.n = len};
	r = load_in_arena(p, TAG_NAMES, SIZE_MAX, &l->arena, &u->names, &parts[1], err);
	if (r == 0)
		r = pack_load(p, parts, 2, err);
	if (r == 0)
		r = unpack_sets(p, u, err);
	if (r == 0)
		r = pack_read(p, TAG_MAPS, SIZE_MAX / 4, &maps, err);
	u->maps = (struct in){(unsigned char *)maps.data, maps.len};
	return r < 0 ? r : unpack_entries(u, parts[0].p, count, err);
}

int layer_unpack(struct pack_reader *p, uint64_t decoded_size, const struct ctx *ctx,
	struct layer *l, struct o2r_err *err)
{
	CLEANUP(unpack_finish)
	struct unpack u = {
		.layer = l,
		.check = {.limits = &ctx->limits, .decoded_size = decoded_size},
	};
	int r = unpack(p, &u, err);

	if (r < 0)
		layer_finish(l);
	return r;
}
