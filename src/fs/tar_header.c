#include "fs/tar_header.h"

#include <string.h>

#include "fs/tar_number.h"

bool tar_block_is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* Eight bytes at a time: four sums of 16 bits, which 128 additions cannot overflow. */
static uint32_t sum_unsigned(const unsigned char *block)
{
	const uint64_t mask = 0x00ff00ff00ff00ff;
	uint64_t sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i += 8) {
		uint64_t v;

		memcpy(&v, block + i, 8);
		sum += (v & mask) + (v >> 8 & mask);
	}
	sum = (sum & 0x0000ffff0000ffff) + (sum >> 16 & 0x0000ffff0000ffff);
	return (uint32_t)(sum + (sum >> 32));
}

bool tar_checksum_ok(const unsigned char *block)
{
	int64_t want, sum = sum_unsigned(block) + 8 * ' ', high = 0;

	if (!tar_number(block + TAR_AT_CHKSUM, 8, &want))
		return false;
	for (size_t i = 0; i < 8; i++)
		sum -= block[TAR_AT_CHKSUM + i];
	if (sum == want)
		return true;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (i < TAR_AT_CHKSUM || i >= TAR_AT_CHKSUM + 8)
			high += block[i] >> 7;
	return sum - 256 * high == want;
}

static enum tar_format format_of(const unsigned char *block)
{
	const unsigned char *magic = block + TAR_AT_MAGIC;

	if (memcmp(magic, "ustar  ", 8) == 0)
		return TAR_GNU;
	if (memcmp(magic, "ustar", 5) != 0)
		return TAR_V7;
	return memcmp(block + TAR_AT_STAR_MAGIC, "tar", 4) == 0 ? TAR_STAR : TAR_USTAR;
}

static bool is_ascii(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] & 0x80)
			return false;
	return true;
}

/* Writers built with Go before 1.8 (old Docker among them) gave GNU headers a prefix
 * where the times belong; Go's reader, so every engine, takes it when they are no times.
 */
static bool gnu_has_prefix(const unsigned char *block)
{
	const unsigned char *p = block + TAR_AT_PREFIX;
	int64_t t;

	if (tar_number(block + TAR_AT_GNU_ATIME, 12, &t) &&
		tar_number(block + TAR_AT_GNU_CTIME, 12, &t))
		return false;
	return is_ascii(p, strnlen((const char *)p, 155));
}

static size_t prefix_room(const struct tar_header *h)
{
	switch (h->format) {
	case TAR_USTAR:
		return 155;
	case TAR_STAR:
		return 131;
	case TAR_GNU:
		return gnu_has_prefix(h->block) ? 155 : 0;
	default:
		return 0;
	}
}

static void set_names(struct tar_header *h)
{
	const char *prefix = (const char *)h->block + TAR_AT_PREFIX;
	size_t room = *prefix ? prefix_room(h) : 0, n = strnlen(prefix, room);

	h->name = (const char *)h->block + TAR_AT_NAME;
	h->name_len = strnlen(h->name, 100);
	h->link = (const char *)h->block + TAR_AT_LINK;
	h->link_len = strnlen(h->link, 100);
	if (!n)
		return;
	memcpy(h->joined, prefix, n);
	h->joined[n] = '/';
	memcpy(h->joined + n + 1, h->name, h->name_len);
	h->name = h->joined;
	h->name_len += n + 1;
}

int tar_header_parse(
	const unsigned char *block, struct tar_header *h, struct o2r_err *err)
{
	int64_t size;

	h->block = block;
	h->format = format_of(block);
	h->type = block[TAR_AT_TYPE];
	set_names(h);
	if (!tar_number(block + TAR_AT_SIZE, 12, &size))
		return err_corrupt(err, "the size is not a number");
	if (size < 0)
		return err_corrupt(err, "the size is negative (%lld)", (long long)size);
	h->size = (uint64_t)size;
	return 0;
}
