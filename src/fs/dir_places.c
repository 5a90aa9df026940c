#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/vec.h"
#include "fs/dir_overlay_impl.h"

void dir_places_close(struct dir_places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].fd >= 0)
			close(p->list[i].fd);
		p->list[i].fd = -1;
	}
}

void dir_places_finish(struct dir_places *p)
{
	dir_places_close(p);
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i].path);
	free(p->list);
	*p = (struct dir_places){0};
}

int dir_places_add(struct dir_places *p, size_t layer, const char *path,
	const struct dir_marks *marks, struct o2r_err *err)
{
	struct dir_place *at;

	if (VEC_RESERVE(p->list, p->count, p->cap, 1, SIZE_MAX / sizeof(*p->list)) < 0)
		return err_nomem(err);
	at = &p->list[p->count];
	*at = (struct dir_place){
		.layer = layer, .path = strdup(path), .marks = *marks, .fd = -1};
	if (!at->path)
		return err_nomem(err);
	p->count++;
	return 0;
}

int dir_place_open(const struct overlay *o, struct dir_place *p, struct o2r_err *err)
{
	const struct dir_layer *in = o->stack[p->layer];
	int fd = p->fd >= 0 ? p->fd
			    : open_beneath(in->fd, p->path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return dir_wrap(in, p->path, dir_failed(-fd, "cannot open it", err), err);
	p->fd = fd;
	return 0;
}
