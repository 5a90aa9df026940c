/*
 * Members of the document that a view's state is (o2r_state.h), one at a time. What is
 * read has been checked; *out is the caller's, and stays as it was without a member that
 * may be missing. Errors are of class CORRUPT and name the member.
 */
#ifndef O2R_STATE_PARTS_H
#define O2R_STATE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/json_write.h"
#include "sources/image.h"
#include "sources/json.h"

/* A path; NULL is null. */
void state_put_bytes(struct json *j, const char *name, const char *bytes);

/* An absolute path. */
int state_take_path(const struct json_ref *root, const char *name, bool needed,
	char **out, struct o2r_err *err) O2R_MUST_CHECK;
/* A reference that means the same in any directory: as image.h has it. */
int state_take_reference(const struct json_ref *root, const char *name, bool needed,
	char **out, struct o2r_err *err) O2R_MUST_CHECK;
int state_take_number(const struct json_ref *root, const char *name, uint64_t min,
	uint64_t max, uint64_t *out, struct o2r_err *err) O2R_MUST_CHECK;
int state_take_digest(const struct json_ref *root, const char *name, struct digest *out,
	struct o2r_err *err) O2R_MUST_CHECK;

enum {
	STATE_EXTRAS_MAX = 4096,
};

/* What was laid on top: the member "extras". */
void state_put_extras(struct json *j, const struct image_extra *extras, size_t count);
/* *count grows with each that is to be freed by state_extras_finish. */
int state_take_extras(const struct json_ref *root, struct image_extra **extras,
	size_t *count, struct o2r_err *err) O2R_MUST_CHECK;
int state_copy_extras(const struct image_extra *from, size_t n,
	struct image_extra **extras, size_t *count, struct o2r_err *err) O2R_MUST_CHECK;
void state_extras_finish(struct image_extra *extras, size_t count);

#endif
