/*
 * Pack: a file of sections, each with its SHA-256, behind a checked header; what o2r
 * keeps in its cache folder between runs. All numbers are little-endian. docs/cache.md
 * has the format.
 *
 * A pack is ours or it is nothing: a reader takes only a regular file that belongs to the
 * effective user and that nobody else may write, of exactly the expected kind, version
 * and key. Whatever does not check is class CORRUPT, and the caller makes the pack anew.
 * Even so, section content is checked by whoever parses it: no count or offset is
 * believed.
 *
 * Files are read, never mapped. A writer or reader belongs to one thread; pread of a raw
 * section by pack_fd is for any number of threads.
 */
#ifndef O2R_BASE_PACK_H
#define O2R_BASE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/sha256.h"
#include "base/err.h"

enum {
	PACK_SECTIONS_MAX = 16,
};

/* What a pack is about; the reader wants the same that the writer gave. */
struct pack_id {
	uint32_t kind;     /* four characters */
	uint32_t version;  /* of the sections' content */
	struct digest key; /* what it describes */
};

struct pack_section {
	uint32_t tag;
	uint64_t off, len;
	unsigned char sha256[32]; /* all zeros: a raw section, checked by its users */
};

struct pack_writer {
	int fd; /* borrowed */
	struct pack_id id;
	uint64_t end;
	struct pack_section sections[PACK_SECTIONS_MAX];
	unsigned count;
	struct sha256 sha256; /* of the open section */
	bool open, raw;
};

/* fd is an empty regular file. */
int pack_begin(struct pack_writer *w, int fd, const struct pack_id *id,
	struct o2r_err *err) O2R_MUST_CHECK;
/* A section is appended to until the next begin or the end. Tags are distinct. A raw one
 * has no digest. */
int pack_section_begin(struct pack_writer *w, uint32_t tag, bool raw,
	struct o2r_err *err) O2R_MUST_CHECK;
int pack_append(struct pack_writer *w, const void *p, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;
/* A whole section at once. */
int pack_section(struct pack_writer *w, uint32_t tag, const void *p, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Write the header: before this the file is no pack. */
int pack_end(struct pack_writer *w, struct o2r_err *err) O2R_MUST_CHECK;

struct pack_reader {
	int fd; /* borrowed */
	struct pack_section sections[PACK_SECTIONS_MAX];
	unsigned count;
};

/* Of another version than wanted: the code is -ESTALE. */
int pack_open(struct pack_reader *r, int fd, const struct pack_id *want,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The length of a section that has a digest; longer than max or not there: CORRUPT. */
int pack_len(const struct pack_reader *r, uint32_t tag, uint64_t max, size_t *len,
	struct o2r_err *err) O2R_MUST_CHECK;

/* n == the section's length. */
struct pack_part {
	uint32_t tag;
	void *p;
	size_t n;
};
/* Sections into the caller's memory, digests checked, two at a time (sha256.h). */
int pack_load(const struct pack_reader *r, const struct pack_part *parts, unsigned count,
	struct o2r_err *err) O2R_MUST_CHECK;
/* One section into a buffer. */
int pack_read(const struct pack_reader *r, uint32_t tag, size_t max, struct buf *out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Where a raw section stands in the file. */
int pack_raw(const struct pack_reader *r, uint32_t tag, uint64_t *off, uint64_t *len,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
