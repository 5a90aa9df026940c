/*
 * Checkpoints of one stream: where decoding can start, with the decoder's saved state,
 * compressed. They are kept in memory as long as the budget lasts, then in an unlinked
 * file; those of an earlier run are in its pack, each with its SHA-256, which is checked
 * before the state is unpacked. Adding is for one thread; afterwards any number may find
 * and load.
 */
#ifndef O2R_BLOB_CHECKPOINTS_H
#define O2R_BLOB_CHECKPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	CHECKPOINTS_MAX = 1 << 25, /* 1 TiB of decoded bytes in spans of 64 KiB, twice */
	CHECKPOINT_RAW_MAX = 1 << 20, /* bytes of a state */
};

struct checkpoint {
	uint64_t out_off; /* decoded offset at which it stands */
	uint64_t in_off;  /* the next byte of the blob */
	union {
		unsigned char *memory;
		uint64_t file_off;
	} at;
	uint32_t packed; /* stored bytes; 0: no state */
	uint32_t raw;    /* bytes of the state */
	bool spilled;    /* at.file_off of fd counts */
};

struct checkpoints {
	struct checkpoint *v;
	size_t n, cap;
	_Atomic uint64_t *budget;    /* bytes that may still be taken, shared */
	_Atomic uint64_t own_budget; /* where no shared one is given */
	uint64_t memory, spilled;    /* bytes */
	int fd;                      /* the spill file or the pack, -1: none yet */
	unsigned char (*sha256)[32]; /* of each packed state, NULL: not from a pack */
	/* A state could not be used. Readers, for whom all else is constant, note it. */
	_Atomic bool *damaged;
	void *zstd;            /* compression context, while adding */
	unsigned char *packed; /* scratch, while adding */
	size_t packed_cap;
};

/* budget may be NULL: then each stream has its own. */
void checkpoints_init(struct checkpoints *c, _Atomic uint64_t *budget);
void checkpoints_finish(struct checkpoints *c);

/* Offsets never go down. raw bytes of state are copied. */
int checkpoints_add(struct checkpoints *c, uint64_t out_off, uint64_t in_off,
	const unsigned char *state, size_t raw, struct o2r_err *err) O2R_MUST_CHECK;
/* No more will be added: frees what only adding needs. */
void checkpoints_seal(struct checkpoints *c);

/* The last one at or before out_off; NULL: only the start. */
const struct checkpoint *checkpoints_find(const struct checkpoints *c, uint64_t out_off);

/* Fetch a state with the caller's context (ZSTD_DCtx) and scratch space; both out buffers
 * have room for checkpoints_room bytes. */
size_t checkpoints_room(const struct checkpoints *c);
int checkpoints_load(const struct checkpoints *c, const struct checkpoint *p, void *zstd,
	unsigned char *scratch, unsigned char *state, struct o2r_err *err) O2R_MUST_CHECK;

/* The most bytes that a state of `raw` bytes is compressed to. */
size_t checkpoints_packed_max(size_t raw);
/* The compressed state of p, which has one: *out points to it, perhaps in the scratch
 * space. What comes from a pack has been checked. */
int checkpoints_packed(const struct checkpoints *c, const struct checkpoint *p,
	unsigned char *scratch, const unsigned char **out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
