#include "mutate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tar_header.h"

struct damage {
	unsigned char *p;
	size_t n;
	uint64_t state;
	bool *sums; /* for each block: its checksum was right */
};

static uint32_t draw(struct damage *d, uint32_t below)
{
	d->state = d->state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((d->state >> 33) % below);
}

static bool is_header(const unsigned char *block)
{
	return !tar_block_is_zero(block) && tar_checksum_ok(block);
}

/* A block with a header, or any when there is none after some tries. */
static size_t pick(struct damage *d, bool header)
{
	size_t at = 0;

	for (int i = 0; i < 20; i++) {
		at = draw(d, (uint32_t)(d->n / TAR_BLOCK)) * (size_t)TAR_BLOCK;
		if (!header || is_header(d->p + at))
			break;
	}
	return at;
}

static void change_byte(struct damage *d)
{
	size_t at = pick(d, draw(d, 4) != 0);

	d->p[at + draw(d, TAR_BLOCK)] = (unsigned char)draw(d, 256);
}

static void change_text_byte(struct damage *d)
{
	static const char bytes[] = "0123456789 =-.,:/\n%xgLKS57";
	size_t at = pick(d, false);

	/* into what is text already */
	for (int i = 0; i < 20; i++) {
		unsigned char *c = d->p + at + draw(d, TAR_BLOCK);

		if (*c < ' ')
			continue;
		*c = (unsigned char)bytes[draw(d, sizeof(bytes) - 1)];
		return;
	}
}

static void change_type(struct damage *d)
{
	static const char types[] = "0\0001234567xgLKSXVZ";

	d->p[pick(d, true) + TAR_AT_TYPE] =
		(unsigned char)types[draw(d, sizeof(types) - 1)];
}

static void change_number(struct damage *d)
{
	static const struct {
		size_t at, width;
	} fields[] = {{TAR_AT_MODE, 8}, {TAR_AT_UID, 8}, {TAR_AT_GID, 8},
		{TAR_AT_SIZE, 12}, {TAR_AT_SIZE, 12}, {TAR_AT_MTIME, 12},
		{TAR_AT_MAJOR, 8}, {TAR_AT_MINOR, 8}};
	uint32_t f = draw(d, 8);
	unsigned char *p = d->p + pick(d, true) + fields[f].at;
	char text[16];

	switch (draw(d, 3)) {
	case 0:
		snprintf(text, sizeof(text), "%0*o", (int)fields[f].width - 1,
			draw(d, 4096));
		memcpy(p, text, fields[f].width);
		break;
	case 1:
		memset(p, draw(d, 2) ? 0xff : 0, fields[f].width);
		p[0] |= 0x80;
		p[fields[f].width - 1] = (unsigned char)draw(d, 256);
		break;
	default:
		memset(p, draw(d, 2) ? ' ' : 0, fields[f].width);
	}
}

static void drop_block(struct damage *d)
{
	size_t at = pick(d, false);

	memmove(d->p + at, d->p + at + TAR_BLOCK, d->n - at - TAR_BLOCK);
	memmove(d->sums + at / TAR_BLOCK, d->sums + at / TAR_BLOCK + 1,
		d->n / TAR_BLOCK - at / TAR_BLOCK - 1);
	d->n -= TAR_BLOCK;
}

static void copy_block(struct damage *d)
{
	size_t from = pick(d, draw(d, 2)), to = pick(d, draw(d, 2));

	memmove(d->p + to, d->p + from, TAR_BLOCK);
	d->sums[to / TAR_BLOCK] = d->sums[from / TAR_BLOCK];
}

static void zero_block(struct damage *d)
{
	size_t at = pick(d, false);

	memset(d->p + at, 0, TAR_BLOCK);
	d->sums[at / TAR_BLOCK] = false;
}

static void cut(struct damage *d)
{
	size_t n = draw(d, (uint32_t)d->n) + 1;

	/* a whole block or not */
	d->n = n >= TAR_BLOCK && draw(d, 2) ? n / TAR_BLOCK * TAR_BLOCK : n;
}

static void damage_once(struct damage *d)
{
	if (d->n < 2 * TAR_BLOCK)
		return;
	switch (draw(d, 12)) {
	case 0:
		drop_block(d);
		break;
	case 1:
		copy_block(d);
		break;
	case 2:
		zero_block(d);
		break;
	case 3:
		if (draw(d, 2))
			cut(d);
		break;
	case 4:
	case 5:
		change_type(d);
		break;
	case 6:
	case 7:
	case 8:
		change_number(d);
		break;
	case 9:
		change_byte(d);
		break;
	default:
		change_text_byte(d);
	}
}

static void mend(struct damage *d)
{
	for (size_t at = 0; at + TAR_BLOCK <= d->n; at += TAR_BLOCK) {
		unsigned char *block = d->p + at;
		unsigned sum = 8 * ' ';

		if (!d->sums[at / TAR_BLOCK] || tar_checksum_ok(block))
			continue;
		for (size_t i = 0; i < TAR_BLOCK; i++)
			if (i < TAR_AT_CHKSUM || i >= TAR_AT_CHKSUM + 8)
				sum += block[i];
		snprintf((char *)block + TAR_AT_CHKSUM, 7, "%06o", sum);
		block[TAR_AT_CHKSUM + 7] = ' ';
	}
}

size_t mutate(const unsigned char *tar, size_t n, uint64_t seed, unsigned char *out)
{
	struct damage d = {.p = out, .n = n, .state = seed};

	memcpy(out, tar, n);
	d.sums = calloc(n / TAR_BLOCK + 1, sizeof(*d.sums));
	if (!d.sums)
		abort();
	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK)
		d.sums[at / TAR_BLOCK] = is_header(out + at);
	for (uint32_t i = draw(&d, 3) + 1; i > 0; i--)
		damage_once(&d);
	if (draw(&d, 16))
		mend(&d);
	free(d.sums);
	return d.n;
}
