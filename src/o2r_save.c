/* An image as a layout of its own; which tag a reference names. */
#include <string.h>

#include "base/cleanup.h"
#include "handle.h"
#include "sources/layout_write.h"
#include "sources/ref.h"

/* *tag: the last part of a name, or what names an image in a layout. NULL: none. */
static int tag_of(const char *reference, char **tag, struct o2r_err *err)
{
	CLEANUP(ref_finish) struct ref ref = {0};
	CLEANUP(name_finish) struct name name = {0};
	const char *found;

	*tag = NULL;
	/* a path may be anything, and names no tag */
	if (!reference || ref_parse(reference, &ref, NULL) < 0)
		return 0;
	found = ref.kind != REF_REGISTRY              ? ref.tag
		: ref.name.digest.algo == DIGEST_NONE ? ref.name.tag
						      : NULL;
	/* an archive of Docker has whole names */
	if (found && ref.kind == REF_DOCKER_ARCHIVE && strchr(found, '/') &&
		name_parse(found, &name, NULL) == 0)
		found = name.tag;
	*tag = found ? strdup(found) : NULL;
	return found && !*tag ? err_nomem(err) : 0;
}

int o2r_find_tag(struct o2r_image *image, struct o2r_err *err)
{
	int r = tag_of(image->image->reference, &image->tag, err);

	/* of a view: the reference that it was made with */
	return r == 0 && !image->tag ? tag_of(image->image->absolute, &image->tag, err)
				     : r;
}

const char *o2r_image_tag(const struct o2r_image *image)
{
	return image->tag;
}

static int save(
	struct o2r_image *image, const char *dir, const char *name, struct o2r_err *err)
{
	int r = name ? layout_check_ref_name(name, err) : 0;

	return r < 0 ? r : layout_write(image->image, dir, name, &image->ctx, err);
}

int o2r_image_save(struct o2r_image *image, const char *dir, const char *name,
	struct o2r_error *error)
{
	struct o2r_err err = {0};

	return save(image, dir, name, &err) < 0 ? o2r_fail(error, &err) : 0;
}
