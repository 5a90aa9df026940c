/*
 * Directory index: fills a struct layer from a directory, as the tar index does from an
 * archive: the entries that a tar of the layer would have (whiteouts as devices 0:0), the
 * names of each directory in byte order, then those of its subdirectories. Data stays
 * where it is (blob/files.h). docs/directories.md has the rules of each kind of store.
 */
#ifndef O2R_FS_DIR_INDEX_H
#define O2R_FS_DIR_INDEX_H

#include "base/ctx.h"
#include "base/digest.h"
#include "blob/dir_layer.h"
#include "blob/files.h"
#include "fs/layer.h"

/*
 * One directory. entry.data_off and data maps point into *files, which the caller makes a
 * blob of. Holes are found (SEEK_DATA); hard links by device and inode. *identity is the
 * SHA-256 of all that is in the entries (no content of files).
 *
 * -EXDEV (class FAIL): it can only be understood together with what is below it
 * (redirect, metacopy). ACCESS: something cannot be read by this user, or marks cannot be
 * seen (trusted.* xattrs): says what to do; never a tree that silently lacks something.
 * FAIL: it changes while it is read.
 */
int dir_index(const struct dir_layer *d, const struct ctx *ctx, struct layer *layer,
	struct files **files, struct digest *identity,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * Several directories as overlayfs shows them together (stack[0] is the top), redirects
 * and metacopies resolved: one layer, whose root is opaque, without other whiteouts.
 */
int dir_overlay(const struct dir_layer *const *stack, size_t count, const struct ctx *ctx,
	struct layer *layer, struct files **files, struct digest *identity,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
