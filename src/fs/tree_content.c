#include "fs/tree_content.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "base/sha256.h"
#include "fs/data.h"

enum {
	BLOCK = 4096,
	HEAD = 64, /* what SHA-256 works in: keeps the blocks aligned to it */
	NO_ITEM = UINT32_MAX,
};

/*
 * The files come one behind the other, their bytes in order. What is hashed is each block
 * that is not all zeros, behind its number: so holes cost nothing, however large.
 */
struct hashing {
	struct content_digest *out;
	uint32_t item; /* the file that is being hashed */
	struct sha256 sha;
	uint64_t block; /* the one in buf */
	bool dirty;     /* something is in it */
	unsigned char buf[BLOCK];
};

static void hash_block(struct hashing *h, uint64_t number, const unsigned char *p)
{
	unsigned char head[HEAD] = {0};

	if (p[0] == 0 && memcmp(p, p + 1, BLOCK - 1) == 0)
		return;
	put_le64(head, number);
	sha256_update(&h->sha, head, sizeof(head));
	sha256_update(&h->sha, p, BLOCK);
}

static void end_block(struct hashing *h)
{
	if (!h->dirty)
		return;
	hash_block(h, h->block, h->buf);
	memset(h->buf, 0, sizeof(h->buf));
	h->dirty = false;
}

static void end_item(struct hashing *h)
{
	if (h->item == NO_ITEM)
		return;
	end_block(h);
	sha256_final(&h->sha, h->out[h->item].hash);
	h->item = NO_ITEM;
}

static void add(struct hashing *h, const struct data_piece *v)
{
	const unsigned char *p = v->p;
	uint64_t off = v->file_off;

	for (size_t left = v->len, n; left; left -= n, p += n, off += n) {
		uint64_t block = off / BLOCK, at = off % BLOCK;

		n = MIN(left, (size_t)(BLOCK - at));
		if (block != h->block)
			end_block(h);
		h->block = block;
		if (n == BLOCK) {
			hash_block(h, block, p);
			continue;
		}
		memcpy(h->buf + at, p, n);
		h->dirty = true;
	}
}

static int hash_pieces(
	void *arg, const struct data_piece *v, size_t n, struct o2r_err *err)
{
	struct hashing *h = arg;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		if (v[i].item != h->item) {
			end_item(h);
			h->item = v[i].item;
			sha256_init(&h->sha);
		}
		add(h, &v[i]);
	}
	return 0;
}

int tree_content(const struct diff_side *s, const uint32_t *inos, uint32_t count,
	const struct ctx *ctx, struct content_digest *out, struct o2r_err *err)
{
	AUTO_FREE struct hashing *h = calloc(1, sizeof(*h));
	struct data_sink sink = {
		.pieces = hash_pieces, .arg = h, .ordered = true, .stage = "compare"};

	if (!h)
		return err_nomem(err);
	h->out = out;
	h->item = NO_ITEM;
	for (uint32_t i = 0; i < count; i++)
		out[i].ino = inos[i];

	int r = data_read(s->tree, s->streams, inos, count, ctx, &sink, err);

	end_item(h);
	return r < 0 ? err_wrap(err, "%s", s->name) : 0;
}
