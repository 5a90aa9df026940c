/* What a store is made of, for store*.c. */
#ifndef O2R_SOURCES_STORE_IMPL_H
#define O2R_SOURCES_STORE_IMPL_H

#include <fcntl.h>

#include "sources/store.h"

struct store {
	char *dir; /* absolute */
	int fd;
};

struct store_name {
	char s[160]; /* a digest in hex, and a suffix */
};

/* Name of a file in its folder; suffix "" or that of a companion. */
struct store_name store_name(const struct digest *d, const char *suffix);

/* Suffix of the file beside one of this kind that goes with it; NULL: there is none. */
const char *store_companion(enum store_kind kind);

/* The folder of a kind (of tmp/ for STORE_UNFINISHED, whatever the algorithm), opened
 * without following links. Not there and not `make`: -ENOENT. */
int store_folder(struct store *s, enum store_kind kind, enum digest_algo algo, bool make,
	struct o2r_err *err) O2R_MUST_CHECK;

/* A file of ours: regular, ours, for nobody else to write. */
bool store_is_ours(const struct stat *st);

/* Lock without waiting: F_RDLCK, F_WRLCK. False: somebody else has it. Where the
 * filesystem knows no locks, all goes. */
bool store_lock(int fd, short type);
bool store_is_locked(int fd); /* by somebody else */

/* Whether the name in the folder still is the open file. */
bool store_is_named(int folder, const char *name, int fd);

/* An empty file in tmp/, write-locked. */
int store_make_temporary(
	struct store *s, struct tmpfile *t, struct o2r_err *err) O2R_MUST_CHECK;
/* Rename it; fd stays open. */
int store_rename(struct store *s, struct tmpfile *t, enum store_kind kind,
	const struct digest *d, const char *suffix, struct o2r_err *err) O2R_MUST_CHECK;

#endif
