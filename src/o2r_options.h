/* The options handle, for who copies it into an image. */
#ifndef O2R_OPTIONS_H
#define O2R_OPTIONS_H

#include "handle.h"

enum {
	OPTIONS_THREADS_MAX = 64,
};

/* A deep copy into *to, which is written to only on success. */
int options_copy(const struct o2r_options *from, struct o2r_options *to,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Of the two below, what is laid on top (o2r_extra.c). */
int options_copy_extras(
	const struct o2r_options *from, struct o2r_options *to) O2R_MUST_CHECK;
void options_finish_extras(struct o2r_options *o);
/* Free what it owns, not itself. */
void options_finish(struct o2r_options *o);

#endif
