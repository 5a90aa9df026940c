/* What is said of a directory layer as a whole: its digest, and whether we see it all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/le.h"
#include "base/sha256.h"
#include "base/text.h"
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

/* Root of the machine, not of a user namespace: others do not see trusted.* at all. */
static bool sees_trusted(void)
{
	AUTO_BUF struct buf map = {0}, status = {0};
	const char *caps;
	unsigned long long bits = 0, first = 0, host = 1, count = 0;

	if (file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL) < 0 ||
		file_read(AT_FDCWD, "/proc/self/status", 65536, &status, NULL) < 0)
		return geteuid() == 0;
	if (sscanf(map.data ? map.data : "", "%llu %llu %llu", &first, &host, &count) !=
		3)
		return false;
	caps = strstr(status.data ? status.data : "", "\nCapEff:");
	if (!caps || sscanf(caps, "\nCapEff: %llx", &bits) != 1)
		return false;
	return first == 0 && host == 0 && count >= 0xffffffffULL && bits >> 21 & 1;
}

int dir_layer_check(const struct dir_layer *d, struct o2r_err *err)
{
	if (!d->rules.trusted || sees_trusted())
		return 0;
	return err_set(err, ERR_ACCESS, EPERM,
		"its marks for deleted files are attributes that root alone can see: run "
		"as root");
}
