/*
 * Platforms: names normalised as containerd does it, and which of an image's platforms
 * suits the one wanted. A better one is never replaced by a lesser kind of processor in
 * silence: amd64 does not fall back to 386, nor arm64 to 32-bit arm.
 */
#ifndef O2R_SOURCES_PLATFORM_H
#define O2R_SOURCES_PLATFORM_H

#include <stdbool.h>

#include "base/err.h"
#include "sources/image.h"

struct platform_text {
	char s[3 * 32];
};

/* "os/arch[/variant]" as a user writes it; class USAGE. */
int platform_parse(
	const char *text, struct platform *out, struct o2r_err *err) O2R_MUST_CHECK;

/*
 * From the fields of a document, each of which may be NULL or empty. 1; 0 when os or arch
 * is not told (*out is then all empty); class CORRUPT for what is no name.
 */
int platform_make(const char *os, const char *arch, const char *variant,
	struct platform *out, struct o2r_err *err) O2R_MUST_CHECK;

/* The machine that we run on, with the level of its processor ("linux/amd64/v3"). */
int platform_host(struct platform *out, struct o2r_err *err) O2R_MUST_CHECK;

/* How well `have` suits: 0 best, larger is worse, -1 not at all. */
int platform_rank(const struct platform *want, const struct platform *have);

/* "unknown/unknown" marks what is not an image (attestations). */
bool platform_is_unknown(const struct platform *p);

/* "unknown" for one without an os. */
struct platform_text platform_format(const struct platform *p);

#endif
