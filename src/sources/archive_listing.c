#include "sources/archive_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "base/pack.h"

enum {
	LISTING_KIND = 'A' | 'R' << 8 | 'C' << 16 | 'H' << 24,
	LISTING_VERSION = 1,
	SECTION_MEMBERS = 1,
	SECTION_DATA = 2,

	/* one member: kind (1), zero (1), bytes of name (2), of target (4), of the file
	 * (8), SHA-256 (32, zeros unless it is in the store); then name and target */
	HEAD = 48,
	AT_NAME = 2,
	AT_TARGET = 4,
	AT_SIZE = 8,
	AT_DIGEST = 16,
	SHA256_SIZE = HEAD - AT_DIGEST,
};

/* As they stand in files. */
enum { KIND_MEMORY = 1, KIND_STORED, KIND_HARD_LINK, KIND_SYMLINK };

static struct pack_id listing_id(const struct digest *key)
{
	return (struct pack_id){
		.kind = LISTING_KIND, .version = LISTING_VERSION, .key = *key};
}

/* 0: of a kind that is not kept. */
static unsigned char kind_in_file(const struct member *m)
{
	switch (m->kind) {
	case MEMBER_MEMORY:
		return KIND_MEMORY;
	case MEMBER_STORED:
		return m->digest.algo == DIGEST_SHA256 ? KIND_STORED : 0;
	case MEMBER_HARD_LINK:
		return KIND_HARD_LINK;
	case MEMBER_SYMLINK:
		return KIND_SYMLINK;
	case MEMBER_RANGE:
	case MEMBER_SPILL:
		break;
	}
	return 0;
}

static int encode_member(const struct member *m, struct buf *members, struct buf *data)
{
	unsigned char head[HEAD] = {kind_in_file(m)};
	size_t name = strlen(m->name), target = m->target ? strlen(m->target) : 0;
	int r;

	if (!head[0])
		return -ENOTSUP;
	if (target > LISTING_MEMBERS_MAX)
		return -EFBIG;
	put_le16(head + AT_NAME, (uint16_t)name);
	put_le32(head + AT_TARGET, (uint32_t)target);
	put_le64(head + AT_SIZE, m->size);
	if (m->kind == MEMBER_STORED)
		memcpy(head + AT_DIGEST, m->digest.bytes, SHA256_SIZE);
	r = buf_append(members, head, HEAD);
	if (r == 0)
		r = buf_append(members, m->name, name);
	if (r == 0 && target)
		r = buf_append(members, m->target, target);
	if (r == 0 && m->kind == MEMBER_MEMORY)
		r = buf_append(data, m->data, (size_t)m->size);
	return r;
}

int archive_listing_write(const struct archive_file *a, const struct digest *key, int fd,
	struct o2r_err *err)
{
	AUTO_BUF struct buf members = {.max = LISTING_MEMBERS_MAX};
	AUTO_BUF struct buf data = {.max = LISTING_DATA_MAX};
	struct pack_id id = listing_id(key);
	struct pack_writer w;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->count; i++)
		r = encode_member(&a->members[i], &members, &data);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : r;
	r = pack_begin(&w, fd, &id, err);
	if (r == 0)
		r = pack_section(&w, SECTION_MEMBERS, members.data, members.len, err);
	if (r == 0)
		r = pack_section(&w, SECTION_DATA, data.data, data.len, err);
	return r < 0 ? r : pack_end(&w, err);
}

struct parse {
	struct archive_file *file;
	const unsigned char *p, *end;         /* members */
	const unsigned char *data, *data_end; /* small files */
	uint64_t max;                         /* bytes of large files that may follow */
};

static int bad(struct o2r_err *err)
{
	return err_corrupt(err, "the list of what an archive holds is damaged");
}

/* A string of the section: NUL-terminated, malloc'd; NULL without memory. */
static char *take_string(struct parse *p, size_t n)
{
	char *s = strndup((const char *)p->p, n);

	p->p += n;
	return s;
}

static int take_data(struct parse *p, struct member *m, struct o2r_err *err)
{
	if (m->size > (uint64_t)(p->data_end - p->data))
		return bad(err);
	m->data = malloc((size_t)m->size + 1);
	if (!m->data)
		return err_nomem(err);
	if (m->size)
		memcpy(m->data, p->data, (size_t)m->size);
	p->data += m->size;
	p->file->small += m->size;
	return 0;
}

/* What its kind says about the rest of the head. */
static int take_content(struct parse *p, const unsigned char *head, size_t target,
	struct member *m, struct o2r_err *err)
{
	bool link = head[0] == KIND_HARD_LINK || head[0] == KIND_SYMLINK;

	if (link != (target > 0))
		return bad(err);
	switch (head[0]) {
	case KIND_MEMORY:
		m->kind = MEMBER_MEMORY;
		return take_data(p, m, err);
	case KIND_STORED:
		m->kind = MEMBER_STORED;
		m->digest.algo = DIGEST_SHA256;
		memcpy(m->digest.bytes, head + AT_DIGEST, SHA256_SIZE);
		/* a run with another limit may have kept it */
		if (m->size > p->max)
			return err_set(
				err, ERR_FAIL, EFBIG, "the archive has too many bytes");
		p->max -= m->size;
		p->file->large += m->size;
		return 0;
	case KIND_HARD_LINK:
	case KIND_SYMLINK:
		m->kind = head[0] == KIND_SYMLINK ? MEMBER_SYMLINK : MEMBER_HARD_LINK;
		return m->size ? bad(err) : 0;
	default:
		return bad(err);
	}
}

static int take_member(struct parse *p, struct o2r_err *err)
{
	const unsigned char *head = p->p;
	struct member m = {0};
	size_t name, target;
	int r;

	if (p->end - p->p < HEAD)
		return bad(err);
	name = get_le16(head + AT_NAME);
	target = get_le32(head + AT_TARGET);
	m.size = get_le64(head + AT_SIZE);
	p->p += HEAD;
	if (head[1] || !name || name > (size_t)(p->end - p->p) ||
		target > (size_t)(p->end - p->p) - name ||
		p->file->count >= ARCHIVE_ENTRIES_MAX)
		return bad(err);

	AUTO_FREE char *its_name = take_string(p, name);
	AUTO_FREE char *its_target = take_string(p, target);

	if (!its_name || !its_target)
		return err_nomem(err);
	if (strlen(its_name) != name || strlen(its_target) != target)
		return bad(err);
	r = take_content(p, head, target, &m, err);
	if (r == 0)
		r = archive_add(p->file, its_name, target ? its_target : NULL, &m, err);
	if (r < 0)
		member_finish(&m);
	return r;
}

int archive_listing_read(struct archive_file *a, const struct digest *key, int fd,
	uint64_t max, struct o2r_err *err)
{
	AUTO_BUF struct buf members = {0};
	AUTO_BUF struct buf data = {0};
	struct pack_id id = listing_id(key);
	struct pack_reader reader;
	int r = pack_open(&reader, fd, &id, err);

	if (r == 0)
		r = pack_read(
			&reader, SECTION_MEMBERS, LISTING_MEMBERS_MAX, &members, err);
	if (r == 0)
		r = pack_read(&reader, SECTION_DATA, LISTING_DATA_MAX, &data, err);
	if (r < 0)
		return r;

	struct parse p = {.file = a, .max = max};

	p.p = (const unsigned char *)members.data;
	p.end = p.p + members.len;
	p.data = (const unsigned char *)data.data;
	p.data_end = p.data + data.len;
	while (r == 0 && p.p < p.end)
		r = take_member(&p, err);
	if (r == 0 && p.data < p.data_end)
		r = bad(err);
	if (r == 0)
		archive_sort(a);
	return r;
}
