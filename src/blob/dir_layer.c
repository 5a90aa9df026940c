#include "blob/dir_layer.h"

#include <stdlib.h>
#include <unistd.h>

bool id_map_meant(const struct id_map *m, uint32_t seen, uint32_t *meant)
{
	if (!m->count) {
		*meant = seen;
		return true;
	}
	for (size_t i = 0; i < m->count; i++) {
		const struct id_range *r = &m->ranges[i];

		if (seen >= r->seen && seen - r->seen < r->count) {
			*meant = r->meant + (seen - r->seen);
			return true;
		}
	}
	return false;
}

void dir_layer_finish(struct dir_layer *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->rules.uids.ranges);
	free(l->rules.gids.ranges);
	*l = (struct dir_layer){.fd = -1};
}
