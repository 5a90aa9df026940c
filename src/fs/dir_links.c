#include "fs/dir_links.h"

#include <stdlib.h>

#include "base/hash.h"

enum {
	FIRST_SIZE = 256,
};

void dir_links_finish(struct dir_links *l)
{
	free(l->slots);
	*l = (struct dir_links){0};
}

static struct dir_link *slot_of(const struct dir_links *l, uint64_t dev, uint64_t ino)
{
	size_t i = (size_t)hash_mix(
		ino ^ 0x9e3779b97f4a7c15ULL, dev ^ 0xd1b54a32d192ed03ULL);

	for (;; i++) {
		struct dir_link *s = &l->slots[i & (l->size - 1)];

		if (!s->path || (s->dev == dev && s->ino == ino))
			return s;
	}
}

static int grow(struct dir_links *l, struct o2r_err *err)
{
	struct dir_links more = {
		.size = l->size ? l->size * 2 : FIRST_SIZE, .count = l->count};

	more.slots = calloc(more.size, sizeof(*more.slots));
	if (!more.slots)
		return err_nomem(err);
	for (size_t i = 0; i < l->size; i++)
		if (l->slots[i].path)
			*slot_of(&more, l->slots[i].dev, l->slots[i].ino) = l->slots[i];
	free(l->slots);
	*l = more;
	return 0;
}

int dir_links_find(struct dir_links *l, uint64_t dev, uint64_t ino, const char *path,
	uint32_t path_len, const struct dir_link **out, struct o2r_err *err)
{
	struct dir_link *s;
	int r = l->count * 2 >= l->size ? grow(l, err) : 0;

	if (r < 0)
		return r;
	s = slot_of(l, dev, ino);
	*out = s;
	if (s->path)
		return 0;
	*s = (struct dir_link){
		.dev = dev, .ino = ino, .path = path, .path_len = path_len};
	l->count++;
	return 1;
}
