/*
 * Small files of the cache folder: which ranges of a blob are there, what a name meant,
 * what an archive held. The first byte is the mode:
 *
 *   r  the file of ranges as it is, behind two bytes: how much of the blob there is
 *   s  slots of such a file, 17 bytes each: number, first, end; their sums are made
 *   n  the note of a name as it is
 *   l  lines of a note, whose sum is made
 *   a  the sections of an archive's listing, behind two bytes: how long the second is
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "base/pack.h"
#include "sources/archive_listing.h"
#include "sources/name_note.h"
#include "sources/store_ranges.h"

enum {
	SIZE = 60000,
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct digest of(const void *p, size_t n)
{
	struct digest d;

	must(digest_of(DIGEST_SHA256, p, n, &d, NULL) == 0);
	return d;
}

static void encode(
	const struct ranges *r, const struct digest *d, unsigned char all[RANGES_FILE])
{
	ranges_write_header(r, d, all);
	for (unsigned i = 0; i < RANGES_MAX; i++)
		ranges_write_slot(r, i, all + RANGES_HEADER + (size_t)i * RANGES_SLOT);
}

/* Ranges and gaps take turns, and are all of it. */
static void check_gaps(const struct ranges *r)
{
	uint64_t at = 0, missing = 0;
	struct range gap;

	while (ranges_missing(r, at, &gap)) {
		must(gap.first >= at && gap.first < gap.end && gap.end <= r->size);
		must(at || gap.first == ranges_front(r));
		must(!at || gap.first > at);
		missing += gap.end - gap.first;
		at = gap.end;
	}
	must(missing + ranges_bytes(r) == r->size);
}

/* Fetch what is missing, in steps. */
static void fill(struct ranges *r)
{
	unsigned changed[2];
	struct range gap;

	for (uint64_t at = 0; ranges_missing(r, at, &gap); at = gap.end) {
		int n;

		gap.end = MIN(gap.end, gap.first + 1000);
		n = ranges_add(r, gap.first, gap.end, changed);
		must(n > 0 || !ranges_room(r));
		if (n > 0)
			at = gap.first;
	}
	must(ranges_front(r) == r->size);
}

static void try_ranges(const unsigned char *p, size_t n, uint64_t have)
{
	unsigned char again[RANGES_FILE];
	struct digest d = of("blob", 4);
	struct ranges r, same;

	if (ranges_parse(&r, p, n, &d, SIZE, have) < 0) {
		must(ranges_bytes(&r) == 0 && ranges_room(&r) == RANGES_MAX);
		return;
	}
	must(ranges_bytes(&r) <= have);
	check_gaps(&r);
	encode(&r, &d, again);
	must(ranges_parse(&same, again, sizeof(again), &d, SIZE, have) == 0);
	must(memcmp(&r, &same, sizeof(r)) == 0);
	fill(&r);
}

static void try_slots(const unsigned char *p, size_t n)
{
	unsigned char all[RANGES_FILE] = {0};
	struct ranges none = {.size = SIZE};
	struct digest d = of("blob", 4);

	encode(&none, &d, all);
	for (; n >= 17; p += 17, n -= 17) {
		unsigned char *slot =
			all + RANGES_HEADER + (size_t)(p[0] % RANGES_MAX) * RANGES_SLOT;

		memcpy(slot, p + 1, 16);
		put_le32(slot + 16, crc32c(~0u, slot, 16));
	}
	try_ranges(all, sizeof(all), SIZE - 100);
}

static void try_note(const char *p, size_t n)
{
	static const char name[] = "docker.io/library/nginx:latest";
	AUTO_BUF struct buf again = {.max = NAME_NOTE_MAX};
	AUTO_FREE char *type = NULL;
	struct o2r_err err = {0};
	struct digest d;

	if (name_note_parse(p, n, name, &d, &type, &err) < 0) {
		must(!type && err.text[0] && !strchr(err.text, '\n'));
		return;
	}
	must(name_note_encode(name, &d, type, &again, &err) == 0);
	must(again.len == n && memcmp(again.data, p, n) == 0);
}

static void try_lines(const char *p, size_t n)
{
	AUTO_BUF struct buf text = {0};
	struct digest sum = of(p, n);

	must(buf_append(&text, p, n) == 0);
	must(buf_printf(&text, "%s\n", digest_format(&sum).s) == 0);
	try_note(text.data, text.len);
}

/* A file of ours, as packs must be. */
static int new_file(void)
{
	int fd = memfd_create("pack", MFD_CLOEXEC);

	must(fd >= 0 && fchmod(fd, 0600) == 0);
	return fd;
}

static void close_archive(struct archive_file **a)
{
	archive_close(*a);
}

static struct archive_file *new_archive(void)
{
	struct archive_file *a = archive_create(open("/dev/null", O_RDONLY), NULL);

	must(a);
	return a;
}

/* What was read is what another listing of it reads. */
static void check_listing(const struct archive_file *a, const struct digest *key)
{
	CLEANUP(close_archive) struct archive_file *same = new_archive();
	AUTO_FD int fd = new_file();

	for (size_t i = 0; i < a->count; i++) {
		const struct member *m = &a->members[i];

		must(archive_name_counts(m->name));
		must(i == 0 || strcmp(a->members[i - 1].name, m->name) < 0);
		(void)archive_has(a, m->name);
	}
	must(archive_listing_write(a, key, fd, NULL) == 0);
	must(archive_listing_read(same, key, fd, UINT64_MAX, NULL) == 0);
	must(same->count == a->count && same->small <= a->small);
	for (size_t i = 0; i < a->count; i++) {
		const struct member *m = &a->members[i], *n = &same->members[i];

		must(strcmp(m->name, n->name) == 0 && m->kind == n->kind);
		must(m->size == n->size && !m->target == !n->target);
		must(!m->target || strcmp(m->target, n->target) == 0);
		must(m->kind != MEMBER_MEMORY || !m->size ||
			memcmp(m->data, n->data, m->size) == 0);
		must(m->kind != MEMBER_STORED || digest_equal(&m->digest, &n->digest));
	}
}

static void try_listing(const unsigned char *p, size_t n, size_t data)
{
	CLEANUP(close_archive) struct archive_file *a = new_archive();
	struct digest key = of("key", 3);
	struct pack_id id = {
		.kind = 'A' | 'R' << 8 | 'C' << 16 | 'H' << 24, .version = 1, .key = key};
	AUTO_FD int fd = new_file();
	struct o2r_err err = {0};
	struct pack_writer w;

	data = MIN(data, n);
	must(pack_begin(&w, fd, &id, NULL) == 0);
	must(pack_section(&w, 1, p, n - data, NULL) == 0);
	must(pack_section(&w, 2, p + n - data, data, NULL) == 0);
	must(pack_end(&w, NULL) == 0);
	if (archive_listing_read(a, &key, fd, 1 << 30, &err) == 0)
		check_listing(a, &key);
	else
		must(err.text[0] && !strchr(err.text, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data + 1;
	size_t n = size - 1;

	if (!size)
		return 0;
	if (data[0] == 'r' && n >= 2)
		try_ranges(p + 2, n - 2, get_le16(p));
	else if (data[0] == 's')
		try_slots(p, n);
	else if (data[0] == 'n')
		try_note((const char *)p, n);
	else if (data[0] == 'l')
		try_lines((const char *)p, n);
	else if (data[0] == 'a' && n >= 2)
		try_listing(p + 2, n - 2, get_le16(p));
	return 0;
}
