/*
 * Merge cases as data: layers are lists of items, the expected tree is text.
 *
 *	{"rule 6: a whiteout hides the lower name",
 *	 {{F("a", 1), F("b", 2)}, {W("a")}},
 *	 "b f2\n"},
 *
 * A line of the expected tree is "PATH KIND" in byte order of the paths: fN a file of N
 * bytes (the size tells files apart), d, lTARGET, cMAJ:MIN, bMAJ:MIN, p, s; then "
 *=FIRST" when the inode has an earlier name, and with `full` " MODE UID:GID MTIME.NSEC
 *XATTRS".
 */
#ifndef O2R_TESTS_MERGE_CASE_H
#define O2R_TESTS_MERGE_CASE_H

#include <stdint.h>

#include "fs/layer.h"

enum {
	CASE_LAYERS = 4,
	CASE_ITEMS = 12,
};

struct item {
	const char *path; /* NULL ends the list */
	const char *link;
	const char *xattr; /* "name=value", one is enough */
	uint64_t size;
	int64_t mtime;
	uint32_t nsec, uid, gid, major, minor;
	uint16_t mode; /* 0: 0755 for directories, 0644 otherwise */
	enum entry_kind kind;
};

#define F(p, n, ...)                                                                     \
	{                                                                                \
		.path = p, .kind = ENTRY_FILE, .size = n, ##__VA_ARGS__                  \
	}
#define D(p, ...)                                                                        \
	{                                                                                \
		.path = p, .kind = ENTRY_DIR, ##__VA_ARGS__                              \
	}
#define L(p, t, ...)                                                                     \
	{                                                                                \
		.path = p, .kind = ENTRY_SYMLINK, .link = t, ##__VA_ARGS__               \
	}
#define H(p, t, ...)                                                                     \
	{                                                                                \
		.path = p, .kind = ENTRY_HARDLINK, .link = t, ##__VA_ARGS__              \
	}
#define C(p, ma, mi)                                                                     \
	{                                                                                \
		.path = p, .kind = ENTRY_CHR, .major = ma, .minor = mi                   \
	}
#define P(p)                                                                             \
	{                                                                                \
		.path = p, .kind = ENTRY_FIFO                                            \
	}

struct merge_case {
	const char *name; /* begins with the rule */
	struct item layers[CASE_LAYERS][CASE_ITEMS];
	const char *tree;    /* expected, or NULL when `error` is */
	const char *error;   /* part of the expected message */
	const char *warning; /* part of an expected warning, NULL: none may come */
	int full;
	int show_layers; /* the lines end with " @N", N: the layer of the path, from 0 */
};

/* Run the cases; the number that failed is returned, each is reported. */
unsigned merge_cases_run(const struct merge_case *cases, unsigned count);

#endif
