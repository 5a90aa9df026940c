/*
 * registries.conf: what containers-registries.conf(5) says about where images are,
 * version 2, and of version 1 the lists of insecure and blocked registries. Search
 * registries and short names are for who does not say which registry is meant; here that
 * is docker.io.
 *
 * Read-only once read, and of one pull.
 */
#ifndef O2R_SOURCES_REGISTRY_REGISTRIES_CONF_H
#define O2R_SOURCES_REGISTRY_REGISTRIES_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "sources/name.h"

enum {
	REGISTRIES_ENTRIES_MAX = 5000,
	REGISTRIES_MIRRORS_MAX = 64, /* of one entry */
};

struct registries_mirror {
	const char *location;
	bool insecure;
	bool tags, digests; /* the references that it is for */
	unsigned line;
};

/* One [[registry]]. */
struct registries_entry {
	const char *prefix;   /* "example.com/foo", "*.example.com" */
	const char *location; /* NULL: names stay as they are (only with a "*.") */
	bool insecure, blocked;
	struct registries_mirror *mirrors;
	size_t mirror_count;
	const char *file; /* where it stands */
	unsigned line;
};

struct registries_conf {
	struct arena arena; /* all strings and mirrors */
	struct registries_entry *entries;
	size_t count, cap;
};

/* Read the files that apply to this user (registries_files.c). None at all is fine. */
int registries_conf_read(struct registries_conf *conf, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Add what one file says: an entry takes the place of one with its prefix. drop_in: of
 * registries.conf.d, which must be version 2. CORRUPT: "FILE: line 3: ...". What it does
 * not know is warned about. */
int registries_conf_add(struct registries_conf *conf, const char *file, const char *text,
	size_t n, bool drop_in, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;
void registries_conf_finish(struct registries_conf *conf);

/* The entry with the longest prefix that the name begins with; NULL: none. */
const struct registries_entry *registries_conf_match(
	const struct registries_conf *conf, const struct name *name);

/*
 * Where the name is when `location` stands for the entry's prefix. out is
 * zero-initialised. CORRUPT when that is no name of a repository: names the file and
 * `line`.
 */
int registries_conf_rewrite(const struct registries_entry *entry, const char *location,
	unsigned line, const struct name *name, struct name *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
