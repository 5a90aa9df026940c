#include "blob/checkpoints.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/vec.h"

enum {
	LEVEL = 1, /* measured: docs/decoding.md */
	BUDGET = 16 << 20,
};

void checkpoints_init(struct checkpoints *c, _Atomic uint64_t *budget)
{
	*c = (struct checkpoints){.fd = -1};
	atomic_init(&c->own_budget, BUDGET);
	c->budget = budget ? budget : &c->own_budget;
}

void checkpoints_seal(struct checkpoints *c)
{
	ZSTD_freeCCtx(c->zstd);
	c->zstd = NULL;
	free(c->packed);
	c->packed = NULL;
}

void checkpoints_finish(struct checkpoints *c)
{
	checkpoints_seal(c);
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].spilled)
			free(c->v[i].at.memory);
	free(c->v);
	c->v = NULL;
	c->n = 0;
	free(c->sha256);
	c->sha256 = NULL;
	free(c->damaged);
	c->damaged = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static bool take_budget(struct checkpoints *c, uint64_t n)
{
	uint64_t left = atomic_load_explicit(c->budget, memory_order_relaxed);

	do {
		if (left < n)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		c->budget, &left, left - n, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static int store(struct checkpoints *c, struct checkpoint *p, struct o2r_err *err)
{
	if (!p->packed)
		return 0;
	if (take_budget(c, p->packed)) {
		p->at.memory = malloc(p->packed);
		if (!p->at.memory)
			return err_nomem(err);
		memcpy(p->at.memory, c->packed, p->packed);
		c->memory += p->packed;
		return 0;
	}
	if (c->fd < 0) {
		int fd = file_anonymous(err);

		if (fd < 0)
			return fd;
		c->fd = fd;
	}

	int r = pwrite_full(c->fd, c->packed, p->packed, c->spilled);

	if (r < 0)
		return err_errno(err, -r, "cannot write to a temporary file");
	p->spilled = true;
	p->at.file_off = c->spilled;
	c->spilled += p->packed;
	return 0;
}

size_t checkpoints_packed_max(size_t raw)
{
	return ZSTD_compressBound(raw);
}

static int pack(struct checkpoints *c, const unsigned char *state, size_t raw,
	uint32_t *packed, struct o2r_err *err)
{
	size_t room = ZSTD_compressBound(raw);

	if (!c->zstd)
		c->zstd = ZSTD_createCCtx();
	if (room > c->packed_cap) {
		free(c->packed);
		c->packed = malloc(room);
		c->packed_cap = c->packed ? room : 0;
	}
	if (!c->zstd || !c->packed)
		return err_nomem(err);

	size_t n = ZSTD_compressCCtx(c->zstd, c->packed, room, state, raw, LEVEL);

	if (ZSTD_isError(n))
		return err_set(err, ERR_FAIL, EIO, "cannot compress a checkpoint: %s",
			ZSTD_getErrorName(n));
	*packed = (uint32_t)n;
	return 0;
}

int checkpoints_add(struct checkpoints *c, uint64_t out_off, uint64_t in_off,
	const unsigned char *state, size_t raw, struct o2r_err *err)
{
	struct checkpoint p = {
		.out_off = out_off, .in_off = in_off, .raw = (uint32_t)raw};
	int r = VEC_RESERVE(c->v, c->n, c->cap, 1, CHECKPOINTS_MAX);

	if (r < 0)
		return err_nomem(err);
	if (raw) {
		r = pack(c, state, raw, &p.packed, err);
		if (r == 0)
			r = store(c, &p, err);
		if (r < 0)
			return r;
	}
	c->v[c->n++] = p;
	return 0;
}

const struct checkpoint *checkpoints_find(const struct checkpoints *c, uint64_t out_off)
{
	size_t lo = 0, hi = c->n; /* those below lo are at or before out_off */

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->v[mid].out_off <= out_off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &c->v[lo - 1] : NULL;
}

size_t checkpoints_room(const struct checkpoints *c)
{
	size_t most = 0;

	for (size_t i = 0; i < c->n; i++)
		most = MAX(most, MAX(c->v[i].packed, c->v[i].raw));
	return most;
}

static int check_kept(const struct checkpoints *c, const struct checkpoint *p,
	const unsigned char *packed, struct o2r_err *err)
{
	unsigned char is[32];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, packed, p->packed);
	sha256_final(&s, is);
	if (memcmp(is, c->sha256[p - c->v], sizeof(is)) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT, EIO,
		"the kept index is damaged: a checkpoint does not match its digest");
}

int checkpoints_packed(const struct checkpoints *c, const struct checkpoint *p,
	unsigned char *scratch, const unsigned char **out, struct o2r_err *err)
{
	int r;

	if (!p->spilled) {
		*out = p->at.memory;
		return 0;
	}
	r = pread_full(c->fd, scratch, p->packed, p->at.file_off);
	if (r < 0)
		return err_errno(err, r == -ENODATA ? EIO : -r, "cannot read %s",
			c->sha256 ? "the kept index" : "a temporary file");
	*out = scratch;
	return c->sha256 ? check_kept(c, p, scratch, err) : 0;
}

int checkpoints_load(const struct checkpoints *c, const struct checkpoint *p, void *zstd,
	unsigned char *scratch, unsigned char *state, struct o2r_err *err)
{
	const unsigned char *packed = NULL;

	if (!p->packed)
		return 0;

	int r = checkpoints_packed(c, p, scratch, &packed, err);

	if (r < 0)
		return r;

	size_t n = ZSTD_decompressDCtx(zstd, state, p->raw, packed, p->packed);

	if (ZSTD_isError(n) || n != p->raw)
		return err_set(err, ERR_FAIL, EIO, "a checkpoint is damaged");
	return 0;
}
