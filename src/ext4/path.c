#include <string.h>

#include "ext4/plan.h"

/* A name of the inode; non-directories are sought in all directories: slow, but only
 * messages need it. */
static const struct tree_dirent *name_of(
	const struct tree *t, uint32_t ino, uint32_t *parent)
{
	bool dir = S_ISDIR(tree_get(t, ino)->mode);
	uint32_t first = dir ? tree_get(t, ino)->parent : TREE_ROOT;
	uint32_t last = dir ? first : t->inode_count;

	for (uint32_t d = first; d <= last; d++) {
		const struct tree_inode *n = tree_get(t, d);

		if (!S_ISDIR(n->mode))
			continue;
		for (uint32_t i = 0; i < n->u.dir.count; i++) {
			const struct tree_dirent *e = &t->dirents[n->u.dir.first + i];

			if (e->ino == ino) {
				*parent = d;
				return e;
			}
		}
	}
	return NULL;
}

struct quoted plan_path(const struct tree *t, uint32_t ino)
{
	/* Built from its end; a path that does not fit keeps its last parts. */
	char path[4096];
	size_t at = sizeof(path);

	while (ino != TREE_ROOT) {
		uint32_t parent;
		const struct tree_dirent *e = name_of(t, ino, &parent);

		if (!e || dirent_len(e) + 1 > at)
			break;
		at -= dirent_len(e);
		memcpy(path + at, dirent_name(e), dirent_len(e));
		path[--at] = '/';
		ino = parent;
	}
	if (at == sizeof(path))
		path[--at] = '/';
	return text_quote(path + at, sizeof(path) - at);
}
