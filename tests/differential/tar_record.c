#include "tar_record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/vec.h"
#include "fs/posix_acl.h"

const char *const record_field_names[FIELD_COUNT] = {
	"path",
	"kind",
	"mode",
	"uid",
	"gid",
	"mtime",
	"size",
	"link",
	"device",
	"xattrs",
	"acl",
	"content",
};

void reading_drop(struct reading *r)
{
	r->count--;
	for (int f = 0; f < FIELD_COUNT; f++)
		free(r->records[r->count].field[f]);
}

void reading_free(struct reading *r)
{
	while (r->count)
		reading_drop(r);
	free(r->records);
}

void record_set(struct record *rec, enum record_field field, const char *fmt, ...)
{
	va_list ap;

	free(rec->field[field]);
	va_start(ap, fmt);
	if (vasprintf(&rec->field[field], fmt, ap) < 0)
		abort();
	va_end(ap);
}

void record_add_bytes(
	struct record *rec, enum record_field field, const void *p, size_t n)
{
	const unsigned char *c = p;
	size_t len = strlen(rec->field[field]);
	char *s = realloc(rec->field[field], len + 3 * n + 1);

	if (!s)
		abort();
	rec->field[field] = s;
	s += len;
	for (size_t i = 0; i < n; i++)
		s += sprintf(s,
			c[i] > ' ' && c[i] < 0x7f && c[i] != '%' ? "%c" : "%%%02x", c[i]);
	*s = '\0';
}

struct record *reading_add(struct reading *r)
{
	if (VEC_RESERVE(r->records, r->count, r->cap, 1, SIZE_MAX / 1024) < 0)
		abort();

	struct record *rec = &r->records[r->count++];

	*rec = (struct record){0};
	for (int f = 0; f < FIELD_COUNT; f++)
		record_set(rec, f, "%s", "");
	return rec;
}

uint64_t content_sum(uint64_t sum, uint64_t file_off, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++) {
		uint64_t h = (file_off + i + 1) * 0x9e3779b97f4a7c15 * c[i];

		sum += h ^ h >> 29;
	}
	return sum;
}

void record_add_acl(struct record *rec, char which, const unsigned char *acl, size_t n)
{
	for (size_t at = POSIX_ACL_HEADER; at + POSIX_ACL_ENTRY <= n;
		at += POSIX_ACL_ENTRY) {
		const unsigned char *e = acl + at;
		unsigned tag = get_le16(e);
		char text[64];

		if (which == 'a' && tag != 2 && tag != 8)
			continue;
		snprintf(text, sizeof(text), "%c:%u:%u:%u,", which, tag, get_le16(e + 2),
			tag == 2 || tag == 8 ? get_le32(e + 4) : 0);
		record_add_bytes(rec, FIELD_ACL, text, strlen(text));
	}
}
