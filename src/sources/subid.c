#include "sources/subid.h"

#include <stdlib.h>

#include "base/checked.h"

static int fill(
	struct id_map *out, uint32_t meant, const struct subid *from, struct o2r_err *err)
{
	out->ranges = calloc(SUBID_RANGES_MAX + 1, sizeof(*out->ranges));
	if (!out->ranges)
		return err_nomem(err);
	for (size_t i = 0; i < from->count; i++) {
		const struct subid_range *r = &from->list[i];
		/* ids of files end before this, so nothing is lost */
		uint32_t n = MIN(r->count, UINT32_MAX - meant);

		if (!n)
			break;
		out->ranges[out->count++] =
			(struct id_range){.seen = r->first, .meant = meant, .count = n};
		meant += n;
	}
	return 0;
}

int subid_map(const char *file, uint32_t owner, uint32_t owner_id, struct id_map *out,
	struct o2r_err *err)
{
	struct subid ids;
	int r = subid_read(file, owner, &ids, err);

	if (r == 0)
		r = fill(out, 1, &ids, err);
	if (r == 0)
		out->ranges[out->count++] =
			(struct id_range){.seen = owner_id, .meant = 0, .count = 1};
	return r;
}

int subid_map_first(
	const char *file, uint32_t first, struct id_map *out, struct o2r_err *err)
{
	struct subid ids;
	int r = subid_read_first(file, first, &ids, err);

	return r < 0 || !ids.count ? r : fill(out, 0, &ids, err);
}
