/* What is said of a directory layer as a whole: its digest, and whether we see it all. */
#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "base/sha256.h"
#include "base/userns.h"
#include "fs/dir_index_impl.h"

static void add_u64(struct sha256 *h, uint64_t v)
{
	unsigned char b[8];

	put_le64(b, v);
	sha256_update(h, b, sizeof(b));
}

static void add_bytes(struct sha256 *h, const void *p, uint64_t n)
{
	add_u64(h, n);
	if (n)
		sha256_update(h, p, (size_t)n);
}

static void add_entry(struct sha256 *h, const struct entry *e)
{
	add_bytes(h, e->path, e->path_len);
	add_bytes(h, e->link, e->link_len);
	add_u64(h, e->size);
	add_u64(h, (uint64_t)e->mtime);
	add_u64(h, e->mtime_nsec);
	add_u64(h, (uint64_t)e->uid << 32 | e->gid);
	add_u64(h, (uint64_t)e->major << 32 | e->minor);
	add_u64(h, (uint64_t)e->mode << 8 | e->kind);
	add_u64(h, e->xattrs ? e->xattrs->count : 0);
	for (uint32_t i = 0; e->xattrs && i < e->xattrs->count; i++) {
		add_bytes(h, e->xattrs->list[i].name, e->xattrs->list[i].name_len);
		add_bytes(h, e->xattrs->list[i].value, e->xattrs->list[i].value_len);
	}
}

int dir_identity(const struct layer *l, struct digest *out)
{
	static const char what[] = "o2r directory layer 1\n";
	struct sha256 h;

	*out = (struct digest){.algo = DIGEST_SHA256};
	sha256_init(&h);
	sha256_update(&h, what, sizeof(what) - 1);
	for (size_t i = 0; i < l->count; i++)
		add_entry(&h, &l->entries[i]);
	sha256_final(&h, out->bytes);
	return 0;
}

int dir_layer_check(const struct dir_layer *d, struct o2r_err *err)
{
	if (!d->rules.trusted || userns_sees_trusted())
		return 0;
	return err_set(err, ERR_ACCESS, EPERM,
		"its marks for deleted files are attributes that root alone can see: run "
		"as root");
}
