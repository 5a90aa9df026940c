/*
 * Content digests as OCI descriptors write them (image-spec descriptor.md, "Digests"):
 * "sha256:" + 64 or "sha512:" + 128 lower-case hex digits. Anything else is refused, so a
 * parsed digest is safe to use in paths and URLs.
 */
#ifndef O2R_BASE_DIGEST_H
#define O2R_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"

enum digest_algo {
	DIGEST_NONE, /* no digest known */
	DIGEST_SHA256,
	DIGEST_SHA512,
};

struct digest {
	enum digest_algo algo;
	unsigned char bytes[64]; /* the first 32 or 64 */
};

struct digest_text {
	char s[8 + 128]; /* "algo:hex", "none" */
};

/* Parse exactly n bytes. An unknown algorithm, wrong length or character: class CORRUPT.
 */
int digest_parse(
	const char *s, size_t n, struct digest *out, struct o2r_err *err) O2R_MUST_CHECK;
struct digest_text digest_format(const struct digest *d);
const char *digest_algo_name(enum digest_algo algo); /* "sha256" */
size_t digest_size(enum digest_algo algo);           /* 32, 64, 0 */
bool digest_equal(const struct digest *a, const struct digest *b);

/* Digest of bytes in memory. */
int digest_of(enum digest_algo algo, const void *p, size_t n, struct digest *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* A running digest of either algorithm. Owned by one thread. */
struct digester {
	enum digest_algo algo; /* DIGEST_NONE: updates are ignored */
	struct sha256 sha256;
	void *sha512; /* the library's context, NULL for SHA-256 */
};

int digester_init(
	struct digester *d, enum digest_algo algo, struct o2r_err *err) O2R_MUST_CHECK;
int digester_update(
	struct digester *d, const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;
/* Feed two at once: interleaved when both are SHA-256. */
int digester_update2(struct digester *a, const void *pa, size_t na, struct digester *b,
	const void *pb, size_t nb, struct o2r_err *err) O2R_MUST_CHECK;
int digester_final(
	struct digester *d, struct digest *out, struct o2r_err *err) O2R_MUST_CHECK;
void digester_finish(struct digester *d);

#endif
