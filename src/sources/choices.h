/* The list of what there is to choose from, in an error: short, without repeats, cut with
 * "and N more". Zero-initialise. */
#ifndef O2R_SOURCES_CHOICES_H
#define O2R_SOURCES_CHOICES_H

#include "base/text.h"
#include "sources/manifest.h"

enum {
	CHOICES_SHOWN = 10,
};

struct choices {
	struct quoted shown[CHOICES_SHOWN];
	unsigned count;
	unsigned more; /* not shown, repeats among them not noticed */
	char text[600];
};

void choices_add(struct choices *c, const char *item);
/* Entry `at` of an index.json by its names: "v1 (@0)". */
void choices_add_entry(struct choices *c, const struct descriptor *d, unsigned at);
/* "a, b and 3 more"; "nothing". Valid as long as *c. */
const char *choices_text(struct choices *c);

#endif
