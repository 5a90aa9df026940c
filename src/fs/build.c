#include "fs/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/vec.h"

enum {
	SLOTS_MIN = 1024,
	ROOTS_MAX = 1 << 17, /* nodes without a name: the merged root, one a layer */
};

static int too_many(const struct build *b, int r, struct o2r_err *err)
{
	if (r == -ENOMEM)
		return err_nomem(err);
	return err_corrupt(err,
		"the image has more than %llu names (raise it with --limit entries=N)",
		(unsigned long long)b->max);
}

int build_init(struct build *b, uint64_t max, struct o2r_err *err)
{
	*b = (struct build){.max = MIN(max, UINT32_MAX - ROOTS_MAX)};
	/* names are chosen by the image's author: an unknown seed keeps chains short */
	if (getrandom(&b->hash_seed, sizeof(b->hash_seed), 0) != sizeof(b->hash_seed))
		return err_errno(err, errno, "cannot get random bytes");
	b->xattrs.hash_seed = b->hash_seed;
	b->slots = calloc(SLOTS_MIN, sizeof(*b->slots));
	if (!b->slots)
		return err_nomem(err);
	b->slot_count = SLOTS_MIN;
	b->node_count = b->name_count = b->map_count = 1;
	return build_node(b, S_IFDIR | 0755, &b->root, err);
}

void build_finish(struct build *b)
{
	free(b->nodes);
	free(b->names);
	free(b->slots);
	free(b->maps);
	xattr_pool_finish(&b->xattrs);
	arena_finish(&b->arena);
	*b = (struct build){0};
}

int build_node(struct build *b, uint16_t mode, uint32_t *node, struct o2r_err *err)
{
	/* each has a name, and those are counted, or is a root */
	if (VEC_RESERVE(b->nodes, b->node_count, b->node_cap, 1, UINT32_MAX) < 0)
		return err_nomem(err);
	b->nodes[b->node_count] = (struct node){.mode = mode, .layer = b->layer};
	*node = (uint32_t)b->node_count++;
	return 0;
}

static uint64_t hash_name(
	const struct build *b, uint32_t dir, const char *name, size_t len)
{
	return hash_mix(hash_keyed(b->hash_seed ^ dir, name, len), b->hash_seed | 1);
}

/* The lower bits say where to look first. */
static uint32_t slot_hash(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static bool name_is(const struct name *n, uint32_t dir, const char *name, size_t len)
{
	return n->node && n->dir == dir && n->bytes[0] == len &&
	       memcmp(n->bytes + 1, name, len) == 0;
}

uint32_t build_find(const struct build *b, uint32_t dir, const char *name, size_t len)
{
	size_t mask = b->slot_count - 1;
	uint64_t hash = hash_name(b, dir, name, len);
	const struct slot *s;

	for (size_t i = hash & mask; (s = &b->slots[i])->name; i = (i + 1) & mask)
		if (s->hash == slot_hash(hash) &&
			name_is(&b->names[s->name], dir, name, len))
			return s->name;
	return 0;
}

static void slot_put(struct build *b, uint32_t number)
{
	const struct name *n = &b->names[number];
	size_t mask = b->slot_count - 1;
	uint64_t hash = hash_name(b, n->dir, (const char *)n->bytes + 1, n->bytes[0]);
	size_t i = hash & mask;

	/* the slot of a removed name is taken over: one name that comes and goes a
	 * million times stays one slot */
	while (b->slots[i].name &&
		(b->slots[i].hash != slot_hash(hash) || b->names[b->slots[i].name].node))
		i = (i + 1) & mask;
	b->slot_used += !b->slots[i].name;
	b->slots[i] = (struct slot){.name = number, .hash = slot_hash(hash)};
}

/* Growing drops the slots of removed and moved names. */
static int slots_resize(struct build *b, size_t count, struct o2r_err *err)
{
	struct slot *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return err_nomem(err);
	free(b->slots);
	b->slots = slots;
	b->slot_count = count;
	b->slot_used = 0;
	for (size_t i = 1; i < b->name_count; i++)
		if (b->names[i].node && b->names[i].dir)
			slot_put(b, (uint32_t)i);
	return 0;
}

static bool slots_are_full(size_t used, size_t count)
{
	return used * 8 >= count * 5;
}

static int slots_grow(struct build *b, struct o2r_err *err)
{
	return slots_are_full(b->slot_used, b->slot_count)
		       ? slots_resize(b, b->slot_count * 2, err)
		       : 0;
}

int build_expect(struct build *b, size_t names, struct o2r_err *err)
{
	size_t room = MIN(names, b->max - MIN(b->max, b->name_count));
	size_t count = b->slot_count;

	if (VEC_RESERVE(b->names, b->name_count, b->name_cap, room, b->max + 1) < 0 ||
		VEC_RESERVE(b->nodes, b->node_count, b->node_cap, room, UINT32_MAX) < 0)
		return err_nomem(err);
	while (slots_are_full(b->slot_used + room, count))
		count *= 2;
	return count > b->slot_count ? slots_resize(b, count, err) : 0;
}

static void list_append(struct build *b, uint32_t dir, uint32_t number)
{
	struct node *d = &b->nodes[dir];

	b->names[number].next = 0;
	if (d->u.kids.last)
		b->names[d->u.kids.last].next = number;
	else
		d->u.kids.first = number;
	d->u.kids.last = number;
}

static int new_name(struct build *b, const char *name, size_t len, uint32_t *number,
	struct o2r_err *err)
{
	/* number 0 is no name */
	int r = VEC_RESERVE(b->names, b->name_count, b->name_cap, 1, b->max + 1);

	if (r < 0)
		return too_many(b, r, err);

	unsigned char *bytes = arena_alloc(&b->arena, len + 1, 1);

	if (!bytes)
		return err_nomem(err);
	bytes[0] = (unsigned char)len;
	memcpy(bytes + 1, name, len);
	b->names[b->name_count] = (struct name){.bytes = bytes, .layer = b->layer};
	*number = (uint32_t)b->name_count++;
	return 0;
}

int build_add(struct build *b, uint32_t dir, const char *name, size_t len, uint32_t node,
	struct o2r_err *err)
{
	uint32_t number = 0;
	int r = slots_grow(b, err);

	if (r == 0)
		r = new_name(b, name, len, &number, err);
	if (r < 0)
		return r;
	b->names[number].dir = dir;
	b->names[number].node = node;
	if (node_is_dir(&b->nodes[node]))
		b->nodes[node].map = number;
	slot_put(b, number);
	list_append(b, dir, number);
	return 0;
}

int build_add_gone(
	struct build *b, uint32_t dir, const char *name, size_t len, struct o2r_err *err)
{
	uint32_t number = 0;
	int r = new_name(b, name, len, &number, err);

	if (r < 0)
		return r;
	/* no directory and no slot: only reached through the list */
	b->names[number].next = b->nodes[dir].gone;
	b->nodes[dir].gone = number;
	return 0;
}

int build_move(struct build *b, uint32_t name, uint32_t dir, struct o2r_err *err)
{
	int r = slots_grow(b, err);

	if (r < 0)
		return r;
	/* the old slot stays behind; nobody asks for this name in the old directory again
	 */
	b->names[name].dir = dir;
	slot_put(b, name);
	list_append(b, dir, name);
	return 0;
}

int build_map(struct build *b, const struct data_map *map, uint32_t *number,
	struct o2r_err *err)
{
	size_t size = sizeof(*map) + map->count * sizeof(map->runs[0]);
	int r = VEC_RESERVE(b->maps, b->map_count, b->map_cap, 1, b->max + 2);

	if (r < 0)
		return too_many(b, r, err);

	struct data_map *copy = arena_alloc(&b->arena, size, 8);

	if (!copy)
		return err_nomem(err);
	memcpy(copy, map, size);
	b->maps[b->map_count] = copy;
	*number = (uint32_t)b->map_count++;
	return 0;
}

struct build_path build_path(
	const struct build *b, uint32_t dir, const char *name, size_t len)
{
	struct build_path p;
	size_t at = sizeof(p.s) - 1;
	struct quoted q = text_quote(name, len);
	const char *part = q.s;

	/* from the end to the front; messages can do without more than fits */
	p.s[at] = '\0';
	for (int depth = 0; depth < 64; depth++) {
		size_t n = strlen(part);

		if (n + 1 > at)
			break;
		at -= n;
		memcpy(p.s + at, part, n);
		p.s[--at] = '/';

		uint32_t k = b->nodes[dir].map;

		if (!k)
			break;
		q = text_quote(b->names[k].bytes + 1, b->names[k].bytes[0]);
		part = q.s;
		dir = b->names[k].dir;
	}
	memmove(p.s, p.s + at, sizeof(p.s) - at);
	return p;
}
