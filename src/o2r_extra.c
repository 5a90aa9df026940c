/* Options of what is laid on top of an image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "o2r_options.h"

enum {
	EXTRAS_MAX = 4096,
};

static int add(struct o2r_options *o, const struct image_extra *e)
{
	struct image_extra copy = *e;

	if (VEC_RESERVE(o->extras, o->extra_count, o->extra_cap, 1, EXTRAS_MAX) < 0)
		return -ENOMEM;
	copy.path = strdup(e->path);
	copy.dest = e->dest ? strdup(e->dest) : NULL;
	if (!copy.path || (e->dest && !copy.dest)) {
		free((char *)copy.path);
		free((char *)copy.dest);
		return -ENOMEM;
	}
	o->extras[o->extra_count++] = copy;
	return 0;
}

int o2r_options_add_layer(struct o2r_options *o, const char *path)
{
	return add(o, &(struct image_extra){.kind = EXTRA_LAYER, .path = path});
}

/* A file's path: absolute, and something behind its last slash. */
static bool is_dest(const char *dest)
{
	size_t n = strlen(dest);

	return dest[0] == '/' && n > 1 && dest[n - 1] != '/';
}

int o2r_options_add_file(struct o2r_options *o, const char *path, const char *dest,
	long mode, uint32_t uid, uint32_t gid)
{
	if (!is_dest(dest) || mode < -1 || mode > 07777)
		return -EINVAL;
	return add(o, &(struct image_extra){.kind = EXTRA_FILE,
			      .path = path,
			      .dest = dest,
			      .mode = mode,
			      .uid = uid,
			      .gid = gid});
}

void options_finish_extras(struct o2r_options *o)
{
	for (size_t i = 0; i < o->extra_count; i++) {
		free((char *)o->extras[i].path);
		free((char *)o->extras[i].dest);
	}
	free(o->extras);
	o->extras = NULL;
	o->extra_count = o->extra_cap = 0;
}

int options_copy_extras(const struct o2r_options *from, struct o2r_options *to)
{
	int r = 0;

	to->extras = NULL;
	to->extra_count = to->extra_cap = 0;
	for (size_t i = 0; r == 0 && i < from->extra_count; i++)
		r = add(to, &from->extras[i]);
	return r;
}
