#include "sources/store_ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"

enum {
	VERSION = 1,
	NONE = RANGES_MAX,
};

static const char magic[8] = "o2r part";

static bool is_free(const struct range *s)
{
	return s->first >= s->end;
}

/* The slot whose range ends (begins) at `at`, or NONE. */
static unsigned find_end(const struct ranges *r, uint64_t at)
{
	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (!is_free(&r->slot[i]) && r->slot[i].end == at)
			return i;
	return NONE;
}

static unsigned find_first(const struct ranges *r, uint64_t at)
{
	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (!is_free(&r->slot[i]) && r->slot[i].first == at)
			return i;
	return NONE;
}

static unsigned find_free(const struct ranges *r)
{
	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (is_free(&r->slot[i]))
			return i;
	return NONE;
}

int ranges_add(struct ranges *r, uint64_t first, uint64_t end, unsigned changed[2])
{
	unsigned before = find_end(r, first), after = find_first(r, end);

	if (before != NONE && after != NONE) {
		/* the one that stays is written first: between the two writes they
		 * overlap, and nothing is lost */
		r->slot[before].end = r->slot[after].end;
		r->slot[after] = (struct range){0};
		changed[0] = before;
		changed[1] = after;
		return 2;
	}
	if (before != NONE) {
		r->slot[before].end = end;
		changed[0] = before;
		return 1;
	}
	if (after != NONE) {
		r->slot[after].first = first;
		changed[0] = after;
		return 1;
	}
	changed[0] = find_free(r);
	if (changed[0] == NONE)
		return -ENOBUFS;
	r->slot[changed[0]] = (struct range){first, end};
	return 1;
}

/* The range that holds the byte, or NULL. */
static const struct range *covering(const struct ranges *r, uint64_t at)
{
	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (r->slot[i].first <= at && at < r->slot[i].end)
			return &r->slot[i];
	return NULL;
}

bool ranges_missing(const struct ranges *r, uint64_t from, struct range *out)
{
	const struct range *c;

	while ((c = covering(r, from)))
		from = c->end;
	if (from >= r->size)
		return false;
	*out = (struct range){from, r->size};
	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (!is_free(&r->slot[i]) && r->slot[i].first > from)
			out->end = MIN(out->end, r->slot[i].first);
	return true;
}

uint64_t ranges_front(const struct ranges *r)
{
	const struct range *c = covering(r, 0);

	return c ? c->end : 0;
}

uint64_t ranges_bytes(const struct ranges *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < RANGES_MAX; i++)
		if (!is_free(&r->slot[i]))
			n += r->slot[i].end - r->slot[i].first;
	return n;
}

unsigned ranges_room(const struct ranges *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RANGES_MAX; i++)
		n += is_free(&r->slot[i]);
	return n;
}

void ranges_write_header(const struct ranges *r, const struct digest *blob,
	unsigned char out[RANGES_HEADER])
{
	memset(out, 0, RANGES_HEADER);
	memcpy(out, magic, sizeof(magic));
	put_le32(out + 8, VERSION);
	put_le32(out + 12, (uint32_t)blob->algo);
	put_le64(out + 16, r->size);
	memcpy(out + 24, blob->bytes, digest_size(blob->algo));
	put_le32(out + RANGES_HEADER - 4, crc32c(~0u, out, RANGES_HEADER - 4));
}

/* A free one is all zeros. */
void ranges_write_slot(const struct ranges *r, unsigned i, unsigned char out[RANGES_SLOT])
{
	memset(out, 0, RANGES_SLOT);
	if (is_free(&r->slot[i]))
		return;
	put_le64(out, r->slot[i].first);
	put_le64(out + 8, r->slot[i].end);
	put_le32(out + 16, crc32c(~0u, out, 16));
}

/* A slot as far as it can be used; free when it cannot. */
static struct range read_slot(const unsigned char *p, uint64_t have)
{
	struct range s = {get_le64(p), MIN(get_le64(p + 8), have)};
	bool good = get_le32(p + 16) == crc32c(~0u, p, 16) && get_le32(p + 20) == 0;

	return good && !is_free(&s) ? s : (struct range){0};
}

static int by_first(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Join what overlaps or touches; free ones stand first in the order. */
static void join(struct ranges *r)
{
	struct range sorted[RANGES_MAX];
	unsigned n = 0;

	memcpy(sorted, r->slot, sizeof(sorted));
	qsort(sorted, RANGES_MAX, sizeof(sorted[0]), by_first);
	memset(r->slot, 0, sizeof(r->slot));
	for (unsigned i = 0; i < RANGES_MAX; i++) {
		if (is_free(&sorted[i]))
			continue;
		if (n && sorted[i].first <= r->slot[n - 1].end)
			r->slot[n - 1].end = MAX(r->slot[n - 1].end, sorted[i].end);
		else
			r->slot[n++] = sorted[i];
	}
}

int ranges_parse(struct ranges *r, const void *p, size_t n, const struct digest *blob,
	uint64_t size, uint64_t have)
{
	unsigned char header[RANGES_HEADER];
	const unsigned char *slots = (const unsigned char *)p + RANGES_HEADER;

	*r = (struct ranges){.size = size};
	ranges_write_header(r, blob, header);
	/* there is one header that is right */
	if (n != RANGES_FILE || memcmp(p, header, RANGES_HEADER) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < RANGES_MAX; i++)
		r->slot[i] = read_slot(slots + i * RANGES_SLOT, MIN(size, have));
	join(r);
	return 0;
}
