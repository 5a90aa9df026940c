/*
 * Archive: a tar file that holds an image (oci-archive, docker-archive), read by
 * libarchive, whatever it is compressed with. Its regular files become blobs by name.
 *
 * A plain archive in a regular file is never copied: blobs are ranges of it. A compressed
 * one, or one that comes through a pipe, is decoded once: small files into memory, large
 * ones into the content store under their SHA-256, or, without a store that can be
 * written to, into one unlinked file in $TMPDIR or /var/tmp.
 *
 * Names are cut to what they mean ("./a//b" is "a/b"); absolute ones and those with ".."
 * are not looked at. Hard and symbolic links lead to the file that they name, within the
 * archive. Of a name that stands there twice the last one counts, as when unpacking.
 * Read-only after archive_open.
 */
#ifndef O2R_SOURCES_ARCHIVE_H
#define O2R_SOURCES_ARCHIVE_H

#include <stdbool.h>

#include "base/ctx.h"
#include "base/err.h"
#include "blob/blob.h"
#include "sources/store.h"

enum {
	ARCHIVE_ENTRIES_MAX = 200000,
	ARCHIVE_NAME_MAX = 4096,
	ARCHIVE_SMALL = 1 << 20,        /* bytes of a file that is held in memory */
	ARCHIVE_SMALL_TOTAL = 64 << 20, /* of all of them */
	ARCHIVE_LINKS_MAX = 40,         /* one after the other */
};

struct archive_file;

/*
 * fd: of a regular file or a pipe, owned by the archive from now on, also on failure;
 * name for messages. store may be NULL, and outlives the archive. CORRUPT: no tar
 * archive, damaged, cut short (even if everything that is wanted may be there).
 */
int archive_open(int fd, const char *name, struct store *store, const struct ctx *ctx,
	struct archive_file **out, struct o2r_err *err) O2R_MUST_CHECK;
void archive_close(struct archive_file *a);

/* A regular file by its name; the blob stays good without the archive. -ENOENT (err is
 * not filled) when there is none; CORRUPT for links that lead nowhere, out of the
 * archive, or in a circle. */
int archive_blob(const struct archive_file *a, const char *path, struct blob *out,
	struct o2r_err *err) O2R_MUST_CHECK;
bool archive_has(const struct archive_file *a, const char *path);

#endif
