/*
 * Tar reader: bytes in, in pieces of any size; members out, with their extension headers
 * put together, their data as it passes, and their sparse maps (docs/tar.md). Nothing is
 * kept but what the current member needs: at most two PAX headers' worth. One thread.
 */
#ifndef O2R_FS_TAR_READER_H
#define O2R_FS_TAR_READER_H

#include "base/buf.h"
#include "base/limits.h"
#include "fs/tar_member.h"
#include "fs/tar_sparse.h"

enum tar_event_kind {
	/* member is set and lives until the next step. When has_data is set, the events
	 * MAP (only for a sparse file, reader.sparse is complete then), DATA and
	 * MEMBER_END follow. */
	TAR_MEMBER,
	TAR_MAP,
	TAR_DATA,
	TAR_MEMBER_END,
	/* the hard link that was the last member has a body, which is skipped */
	TAR_LINK_BODY,
};

struct tar_event {
	enum tar_event_kind kind;
	bool has_data;
	const unsigned char *p; /* TAR_DATA: part of the input */
	size_t n;
};

enum tar_state {
	TAR_AT_HEADER,
	TAR_IN_EXTENSION,
	TAR_IN_OLD_MAP,
	TAR_IN_TEXT_MAP,
	TAR_IN_DATA,
	TAR_IN_BODY, /* skipped, but it must be there */
	TAR_IN_PADDING,
	TAR_AT_END,
};

struct tar_reader {
	const struct limits *limits;
	enum tar_state state;
	uint64_t pos;        /* of the next byte in the stream */
	uint64_t header_off; /* first block of the current member, extensions included */
	uint64_t left;       /* bytes of the extension, data or body still to come */
	uint64_t padding;    /* behind them */
	uint64_t link_body;  /* size of a hard link's body that may follow */
	bool in_member;      /* an extension header waits for its member */
	bool one_zero;       /* the last block was zero */
	unsigned char ext_type;
	size_t fill;
	unsigned char block[TAR_BLOCK];
	struct buf ext, pax_text, long_name, long_link;
	struct tar_header header;
	struct tar_pax pax;
	struct tar_member member;
	struct tar_sparse sparse;
};

void tar_reader_init(struct tar_reader *r, const struct limits *limits);
void tar_reader_finish(struct tar_reader *r);

/*
 * Work on the input *p, *n (both are advanced) until there is something to tell: 1 with
 * an event, 0 when the input is used up. After the end mark everything is swallowed.
 * Errors of a header name its entry; others are about the member last told.
 */
int tar_reader_step(struct tar_reader *r, const unsigned char **p, size_t *n,
	struct tar_event *ev, struct o2r_err *err) O2R_MUST_CHECK;

/* The stream ends here: an error inside a header, between an extension header and its
 * member, or inside data. The end mark itself may be missing, and the last padding. */
int tar_reader_end(const struct tar_reader *r, struct o2r_err *err) O2R_MUST_CHECK;

#endif
