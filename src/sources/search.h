/*
 * Search: the images that entries of an index.json lead to, through nested indexes, each
 * with its platform. What is no image (attestations, artifacts, unknown types) is passed
 * over; the first of them is remembered, to be named when nothing else is found.
 */
#ifndef O2R_SOURCES_SEARCH_H
#define O2R_SOURCES_SEARCH_H

#include "sources/layout.h"

enum {
	SEARCH_DEPTH_MAX = 4,      /* indexes below index.json inside each other */
	SEARCH_INDEXES_MAX = 1000, /* nested indexes looked at */
	SEARCH_IMAGES_MAX = 10000, /* images found */
};

/* A descriptor that owns its strings; of the members for entries only the platform. */
struct selected {
	struct descriptor descriptor;
	char *media_type, *data;
};

void selected_finish(struct selected *s);

struct candidate {
	struct selected image;
	unsigned entry; /* of index.json, through which it was found */
	bool known;     /* is the platform told, by the descriptor or by the config? */
	struct platform platform;
	int rank;  /* platform_rank; -1 when it does not match or is not known */
	bool best; /* of those found through its entry; among equals the first */
};

struct search {
	const struct layout *layout;
	const struct platform *platform; /* the one wanted */
	struct candidate *found;
	size_t count, cap;
	struct digest *visited; /* indexes seen below the entry at hand */
	size_t visited_count, visited_cap;
	unsigned indexes; /* looked at in all */
	unsigned entry;   /* of index.json, at hand */
	char *odd_type;   /* of the first that is no image; NULL: none seen */
};

/* Add what one entry of index.json leads to. */
int search_entry(struct search *s, const struct descriptor *d, unsigned entry,
	struct o2r_err *err) O2R_MUST_CHECK;
void search_finish(struct search *s);

#endif
