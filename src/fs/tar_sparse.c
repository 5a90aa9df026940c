#include "fs/tar_sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/vec.h"
#include "fs/tar_number.h"

void tar_sparse_reset(struct tar_sparse *s, uint64_t real_size)
{
	*s = (struct tar_sparse){.runs = s->runs, .cap = s->cap, .real_size = real_size};
}

void tar_sparse_free(struct tar_sparse *s)
{
	free(s->runs);
	*s = (struct tar_sparse){0};
}

static int push(struct tar_sparse *s, uint64_t off, uint64_t len, struct o2r_err *err)
{
	struct data_run *last = s->count ? &s->runs[s->count - 1] : NULL;

	if (last && last->file_off + last->len == off) {
		last->len += len;
		return 0;
	}

	int r = VEC_RESERVE(s->runs, s->count, s->cap, 1, TAR_SPARSE_RUNS_MAX);

	if (r < 0)
		return r == -ENOMEM
			       ? err_nomem(err)
			       : err_corrupt(err, "more than %d parts in a sparse file",
					 TAR_SPARSE_RUNS_MAX);
	s->runs[s->count++] = (struct data_run){off, len, s->stored};
	return 0;
}

static int add(struct tar_sparse *s, uint64_t off, uint64_t len, struct o2r_err *err)
{
	uint64_t end;

	if (!add_u64(off, len, &end) || off < s->end || end > s->real_size)
		return err_corrupt(err,
			"sparse map: the part of %llu bytes at %llu is out of order or "
			"outside the file of %llu bytes",
			(unsigned long long)len, (unsigned long long)off,
			(unsigned long long)s->real_size);

	int r = len ? push(s, off, len, err) : 0;

	s->end = end;
	s->stored += len;
	return r;
}

int tar_sparse_fields(
	struct tar_sparse *s, const unsigned char *p, size_t count, struct o2r_err *err)
{
	for (; count && p[0]; count--, p += 24) {
		int64_t off, len;

		if (!tar_number(p, 12, &off) || !tar_number(p + 12, 12, &len) ||
			off < 0 || len < 0)
			return err_corrupt(err, "sparse map: not a number");

		int r = add(s, (uint64_t)off, (uint64_t)len, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The next number of a comma-separated list. */
static bool list_number(const char **p, size_t *n, uint64_t *out)
{
	const char *comma = memchr(*p, ',', *n);
	size_t len = comma ? (size_t)(comma - *p) : *n;

	if (!pax_u64(*p, len, out))
		return false;
	len += comma != NULL;
	*p += len;
	*n -= len;
	return true;
}

static int map_list(
	struct tar_sparse *s, struct pax_str map, uint64_t *pairs, struct o2r_err *err)
{
	while (map.n) {
		uint64_t off, len;

		if (!list_number(&map.p, &map.n, &off) || !map.n ||
			!list_number(&map.p, &map.n, &len))
			return err_corrupt(
				err, "sparse map: not a list of pairs of numbers");

		int r = add(s, off, len, err);

		if (r < 0)
			return r;
		++*pairs;
	}
	return 0;
}

static int map_pairs(struct tar_sparse *s, const struct tar_pax *pax, uint64_t *pairs,
	struct o2r_err *err)
{
	if (pax->pair_count & 1)
		return err_corrupt(err, "sparse map: an offset without a length");
	for (size_t i = 0; i < pax->pair_count; i += 2) {
		int r = add(s, pax->pairs[i], pax->pairs[i + 1], err);

		if (r < 0)
			return r;
	}
	*pairs = pax->pair_count / 2;
	return 0;
}

int tar_sparse_records(
	struct tar_sparse *s, const struct tar_pax *pax, struct o2r_err *err)
{
	uint64_t pairs = 0;
	int r = pax->sparse_map.p ? map_list(s, pax->sparse_map, &pairs, err)
				  : map_pairs(s, pax, &pairs, err);

	if (r < 0)
		return r;
	if (pax_has(pax, PAX_SPARSE_NUMBLOCKS) &&
		pax->number[PAX_SPARSE_NUMBLOCKS] != (int64_t)pairs)
		return err_corrupt(err, "sparse map: %llu parts, %lld announced",
			(unsigned long long)pairs,
			(long long)pax->number[PAX_SPARSE_NUMBLOCKS]);
	return 0;
}

/* A number of the text is complete: 1 when it was the last. */
static int text_number(struct tar_sparse *s, struct o2r_err *err)
{
	int r = 0;

	if (!s->counted) {
		s->counted = true;
		if (s->number > TAR_SPARSE_RUNS_MAX)
			return err_corrupt(err, "more than %d parts in a sparse file",
				TAR_SPARSE_RUNS_MAX);
		s->left = s->number;
	} else if (!s->half) {
		s->half = true;
		s->offset = s->number;
	} else {
		s->half = false;
		s->left--;
		r = add(s, s->offset, s->number, err);
	}
	s->number = 0;
	s->digits = false;
	return r < 0 ? r : !s->left;
}

int tar_sparse_text(
	struct tar_sparse *s, const unsigned char *p, size_t n, struct o2r_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (p[i] == '\n' && s->digits)
			r = text_number(s, err);
		else if (p[i] < '0' || p[i] > '9' ||
			 !mul_u64(s->number, 10, &s->number) ||
			 !add_u64(s->number, p[i] - '0', &s->number))
			return err_corrupt(err, "sparse map: not a number");
		else
			s->digits = true;
		if (r)
			return r;
	}
	return 0;
}

int tar_sparse_finish(
	struct tar_sparse *s, uint64_t data_off, uint64_t stored, struct o2r_err *err)
{
	if (s->stored != stored)
		return err_corrupt(err,
			"sparse map: it describes %llu bytes of data, the entry has %llu",
			(unsigned long long)s->stored, (unsigned long long)stored);
	for (size_t i = 0; i < s->count; i++)
		s->runs[i].src_off += data_off;
	return 0;
}
