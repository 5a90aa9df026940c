/*
 * Small files of the cache folder: which ranges of a blob are there, and what a name
 * meant. The first byte is the mode:
 *
 *   r  the file of ranges as it is, behind two bytes: how much of the blob there is
 *   s  slots of such a file, 17 bytes each: number, first, end; their sums are made
 *   n  the note of a name as it is
 *   l  lines of a note, whose sum is made
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/le.h"
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
	return 0;
}
