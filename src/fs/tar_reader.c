#include "fs/tar_reader.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

enum {
	OLD_MAP_IN_HEADER = 4,
	OLD_MAP_IN_BLOCK = 21,
	OLD_MAP_EXTENDED = 504,
};

void tar_reader_init(struct tar_reader *r, const struct limits *limits)
{
	*r = (struct tar_reader){.limits = limits};
	r->ext.max = r->pax_text.max = limits->pax_header;
	r->long_name.max = r->long_link.max = limits->pax_header;
}

void tar_reader_finish(struct tar_reader *r)
{
	buf_finish(&r->ext);
	buf_finish(&r->pax_text);
	buf_finish(&r->long_name);
	buf_finish(&r->long_link);
	tar_pax_finish(&r->pax);
	tar_sparse_free(&r->sparse);
}

static void advance(struct tar_reader *r, const unsigned char **p, size_t *n, size_t by)
{
	*p += by;
	*n -= by;
	r->pos += by;
}

/* A whole block, in place when the input holds it all. NULL: not all of it is there. */
static const unsigned char *take_block(
	struct tar_reader *r, const unsigned char **p, size_t *n)
{
	const unsigned char *block = *p;

	if (!*n)
		return NULL;
	if (!r->fill && *n >= TAR_BLOCK) {
		advance(r, p, n, TAR_BLOCK);
		return block;
	}

	size_t part = MIN(TAR_BLOCK - r->fill, *n);

	memcpy(r->block + r->fill, *p, part);
	advance(r, p, n, part);
	r->fill += part;
	if (r->fill < TAR_BLOCK)
		return NULL;
	r->fill = 0;
	return r->block;
}

static uint64_t padding_of(uint64_t size)
{
	return -size & (TAR_BLOCK - 1);
}

static struct buf *extension_buf(struct tar_reader *r)
{
	switch (r->ext_type) {
	case 'L':
		return &r->long_name;
	case 'K':
		return &r->long_link;
	case 'g':
		return &r->ext;
	default:
		return &r->pax_text;
	}
}

static int begin_extension(
	struct tar_reader *r, const struct tar_header *h, struct o2r_err *err)
{
	r->ext_type = h->type;
	if (h->type != 'x' && h->type != 'X')
		extension_buf(r)->len = 0;

	/* the bound on one header holds for several of the same entry together */
	uint64_t had = extension_buf(r)->len;

	if (h->size > r->limits->pax_header || had > r->limits->pax_header - h->size)
		return err_corrupt(err,
			"extension headers of %llu bytes, more than %llu (raise it with "
			"--limit pax-header=N)",
			(unsigned long long)(h->size + had),
			(unsigned long long)r->limits->pax_header);
	r->in_member = r->in_member || h->type != 'g';
	r->left = h->size;
	r->padding = padding_of(h->size);
	r->state = TAR_IN_EXTENSION;
	return 0;
}

static int extension_bytes(
	struct tar_reader *r, const unsigned char **p, size_t *n, struct o2r_err *err)
{
	size_t part = (size_t)MIN(r->left, *n);
	struct buf *b = extension_buf(r);

	/* the size is within the buffer's own maximum: only memory can be short */
	if (buf_append(b, *p, part) < 0)
		return err_nomem(err);
	advance(r, p, n, part);
	r->left -= part;
	if (r->left)
		return 0;
	r->state = TAR_IN_PADDING;
	if (r->ext_type != 'g' || !b->len)
		return 0;
	if (pax_check(b->data, b->len, err) < 0)
		return err_wrap(err, "global PAX header at %llu",
			(unsigned long long)r->header_off);
	return 0;
}

/* A GNU long name ends at its first NUL. */
static struct pax_str long_name(const struct buf *b)
{
	return (struct pax_str){b->data, b->len ? strnlen(b->data, b->len) : 0};
}

static int apply_pax(struct tar_reader *r, struct o2r_err *err)
{
	tar_pax_reset(&r->pax);
	if (!r->pax_text.len)
		return 0;
	return tar_pax_apply(&r->pax, r->pax_text.data, r->pax_text.len, err);
}

static int build_member(struct tar_reader *r, struct o2r_err *err)
{
	struct tar_member_parts parts = {
		.header = &r->header,
		.pax = &r->pax,
		.long_name = long_name(&r->long_name),
		.long_link = long_name(&r->long_link),
	};
	struct tar_member *m = &r->member;
	uint64_t end;
	int ret;

	if (parts.long_name.n)
		m->path = parts.long_name;
	ret = apply_pax(r, err);
	if (ret == 0)
		ret = tar_member_build(&parts, m, err);
	if (ret < 0)
		return ret;
	if (m->stored > r->limits->layer_bytes || !add_u64(r->pos, m->stored, &end) ||
		end > r->limits->layer_bytes)
		return err_corrupt(err,
			"%llu bytes of data, but a layer has at most %llu (raise it with "
			"--limit layer-bytes=N)",
			(unsigned long long)m->stored,
			(unsigned long long)r->limits->layer_bytes);
	return 0;
}

static void begin_data(struct tar_reader *r, uint64_t size)
{
	r->left = size;
	r->padding = padding_of(size);
	r->state = TAR_IN_DATA;
}

static int begin_sparse(struct tar_reader *r, struct o2r_err *err)
{
	const struct tar_member *m = &r->member;
	struct tar_sparse *s = &r->sparse;
	const unsigned char *block = r->header.block;

	tar_sparse_reset(s, m->size);
	r->left = m->stored;
	r->padding = padding_of(m->stored);
	switch (m->map) {
	case TAR_MAP_OLD_GNU:
		r->state = block[TAR_AT_GNU_EXTENDED] ? TAR_IN_OLD_MAP : TAR_IN_DATA;
		return tar_sparse_fields(
			s, block + TAR_AT_GNU_SPARSE, OLD_MAP_IN_HEADER, err);
	case TAR_MAP_RECORDS:
		r->state = TAR_IN_DATA;
		return tar_sparse_records(s, m->pax, err);
	case TAR_MAP_DATA:
		r->state = TAR_IN_TEXT_MAP;
		return 0;
	default:
		return err_corrupt(err, "unknown sparse format %d", m->map);
	}
}

/* The member is complete: forget its extensions. Their bytes stay until the next step
 * that adds to them, and so do the strings that point there. */
static void member_done(struct tar_reader *r)
{
	r->in_member = false;
	r->pax_text.len = r->long_name.len = r->long_link.len = 0;
}

static int read_member(struct tar_reader *r, struct tar_event *ev, struct o2r_err *err)
{
	const struct tar_member *m = &r->member;
	int ret = build_member(r, err);

	if (ret < 0)
		return ret;
	member_done(r);
	*ev = (struct tar_event){.kind = TAR_MEMBER};
	if (m->map != TAR_MAP_NONE) {
		ev->has_data = true;
		return begin_sparse(r, err);
	}
	if (m->kind == ENTRY_FILE && m->stored) {
		ev->has_data = true;
		begin_data(r, m->stored);
	} else {
		r->link_body = m->stored;
	}
	return 0;
}

static int header_error(struct tar_reader *r, struct o2r_err *err)
{
	const struct pax_str *name = &r->member.path;

	return err_wrap(err, "entry %s at %llu", text_quote(name->p, name->n).s,
		(unsigned long long)r->header_off);
}

static int zero_block(struct tar_reader *r, struct o2r_err *err)
{
	if (r->in_member)
		return err_corrupt(err,
			"the archive ends behind the extension header at %llu",
			(unsigned long long)r->header_off);
	if (r->one_zero)
		r->state = TAR_AT_END;
	r->one_zero = true;
	return 0;
}

/* Whether a hard link with a size has a body is not written anywhere: POSIX allows it,
 * GNU tar and Go write the size without one. So what follows decides: a header (or the
 * end mark) is none, anything else is the body. */
static void begin_link_body(struct tar_reader *r, struct tar_event *ev)
{
	if (r->link_body > TAR_BLOCK) {
		r->left = r->link_body - TAR_BLOCK;
		r->padding = padding_of(r->left);
		r->state = TAR_IN_BODY;
	}
	r->link_body = 0;
	*ev = (struct tar_event){.kind = TAR_LINK_BODY};
}

/* 1 with an event, 0 to go on. */
static int read_header(struct tar_reader *r, const unsigned char *block,
	struct tar_event *ev, struct o2r_err *err)
{
	uint64_t at = r->pos - TAR_BLOCK;
	bool zero = tar_block_is_zero(block);

	if (!zero && !tar_checksum_ok(block)) {
		if (r->link_body) {
			begin_link_body(r, ev);
			return 1;
		}
		return err_corrupt(err, "tar header at %llu: the checksum does not match",
			(unsigned long long)at);
	}
	r->link_body = 0;
	if (zero)
		return zero_block(r, err);
	r->one_zero = false;
	if (!r->in_member)
		r->header_off = at;

	struct tar_header *h = &r->header;
	int ret = tar_header_parse(block, h, err);

	r->member.path = (struct pax_str){h->name, h->name_len};
	if (ret < 0)
		return header_error(r, err);
	switch (h->type) {
	case 'x':
	case 'X':
	case 'g':
	case 'L':
	case 'K':
		ret = begin_extension(r, h, err);
		return ret < 0 ? header_error(r, err) : 0;
	default:
		ret = read_member(r, ev, err);
		return ret < 0 ? header_error(r, err) : 1;
	}
}

static int map_done(struct tar_reader *r, struct tar_event *ev, struct o2r_err *err)
{
	int ret = tar_sparse_finish(&r->sparse, r->pos, r->left, err);

	if (ret < 0)
		return ret;
	r->member.map = TAR_MAP_NONE;
	r->state = TAR_IN_DATA;
	*ev = (struct tar_event){.kind = TAR_MAP};
	return 1;
}

static int old_map_block(
	struct tar_reader *r, const unsigned char *block, struct o2r_err *err)
{
	if (!block[OLD_MAP_EXTENDED])
		r->state = TAR_IN_DATA;
	return tar_sparse_fields(&r->sparse, block, OLD_MAP_IN_BLOCK, err);
}

static int text_map_block(struct tar_reader *r, const unsigned char *block,
	struct tar_event *ev, struct o2r_err *err)
{
	int ret;

	if (r->left < TAR_BLOCK)
		return err_corrupt(err, "sparse map: the data ends inside it");
	r->left -= TAR_BLOCK;
	ret = tar_sparse_text(&r->sparse, block, TAR_BLOCK, err);
	return ret > 0 ? map_done(r, ev, err) : ret;
}

static int data_bytes(
	struct tar_reader *r, const unsigned char **p, size_t *n, struct tar_event *ev)
{
	size_t part = (size_t)MIN(r->left, *n);

	if (!r->left) {
		r->state = TAR_IN_PADDING;
		*ev = (struct tar_event){.kind = TAR_MEMBER_END};
		return 1;
	}
	if (!part)
		return 0;
	*ev = (struct tar_event){.kind = TAR_DATA, .p = *p, .n = part};
	advance(r, p, n, part);
	r->left -= part;
	return 1;
}

static void skip(struct tar_reader *r, uint64_t *left, const unsigned char **p, size_t *n)
{
	size_t part = (size_t)MIN(*left, *n);

	advance(r, p, n, part);
	*left -= part;
}

/* One move within the current state: 1 with an event, 0 to go on. */
static int step(struct tar_reader *r, const unsigned char **p, size_t *n,
	struct tar_event *ev, struct o2r_err *err)
{
	const unsigned char *block;

	switch (r->state) {
	case TAR_AT_HEADER:
		block = take_block(r, p, n);
		return block ? read_header(r, block, ev, err) : 0;
	case TAR_IN_EXTENSION:
		return extension_bytes(r, p, n, err);
	case TAR_IN_OLD_MAP:
		block = take_block(r, p, n);
		return block ? old_map_block(r, block, err) : 0;
	case TAR_IN_TEXT_MAP:
		block = take_block(r, p, n);
		return block ? text_map_block(r, block, ev, err) : 0;
	case TAR_IN_DATA:
		if (r->member.map != TAR_MAP_NONE)
			return map_done(r, ev, err);
		return data_bytes(r, p, n, ev);
	case TAR_IN_BODY:
		skip(r, &r->left, p, n);
		if (!r->left)
			r->state = TAR_IN_PADDING;
		return 0;
	case TAR_IN_PADDING:
		skip(r, &r->padding, p, n);
		if (!r->padding)
			r->state = TAR_AT_HEADER;
		return 0;
	default:
		advance(r, p, n, *n);
		return 0;
	}
}

int tar_reader_step(struct tar_reader *r, const unsigned char **p, size_t *n,
	struct tar_event *ev, struct o2r_err *err)
{
	for (;;) {
		enum tar_state state = r->state;
		int ret = step(r, p, n, ev, err);

		if (ret)
			return ret;
		/* a state can have something to tell or to change without input */
		if (!*n && r->state == state)
			return 0;
	}
}

int tar_reader_end(const struct tar_reader *r, struct o2r_err *err)
{
	unsigned long long at = r->pos;

	if (r->in_member)
		return err_corrupt(err,
			"the archive is cut off at %llu, behind the extension header at "
			"%llu",
			at, (unsigned long long)r->header_off);
	switch (r->state) {
	case TAR_AT_END:
	case TAR_IN_PADDING:
		return 0;
	case TAR_AT_HEADER:
		if (!r->fill)
			return 0;
		return err_corrupt(
			err, "the archive is cut off at %llu, in a header", at);
	case TAR_IN_EXTENSION:
		return err_corrupt(err,
			"the archive is cut off at %llu, in an extension header", at);
	default:
		return err_corrupt(err,
			"the archive is cut off at %llu, %llu bytes before the end of "
			"the "
			"entry's data",
			at, (unsigned long long)r->left);
	}
}
