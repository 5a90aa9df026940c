#include "fs/layer.h"

#include <stdlib.h>

void layer_finish(struct layer *l)
{
	free(l->entries);
	arena_finish(&l->arena);
	*l = (struct layer){0};
}
