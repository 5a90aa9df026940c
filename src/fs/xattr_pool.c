#include "fs/xattr_pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/vec.h"
#include "fs/posix_acl.h"

enum {
	SETS_MAX = 16 << 20,
};

void xattr_pool_finish(struct xattr_pool *p)
{
	free(p->sets);
	free(p->slots);
	arena_finish(&p->arena);
	*p = (struct xattr_pool){0};
}

static uint64_t hash_set(const struct xattr_pool *p, const struct xattr_set *s)
{
	uint64_t h = p->hash_seed;

	for (uint32_t i = 0; i < s->count; i++) {
		h = hash_keyed(h, s->list[i].name, s->list[i].name_len);
		h = hash_keyed(h, s->list[i].value, s->list[i].value_len);
	}
	return hash_mix(h, p->hash_seed | 1);
}

static bool same_set(const struct xattr_set *a, const struct xattr_set *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct xattr *x = &a->list[i], *y = &b->list[i];

		if (x->name_len != y->name_len || x->value_len != y->value_len ||
			memcmp(x->name, y->name, x->name_len) != 0 ||
			memcmp(x->value, y->value, x->value_len) != 0)
			return false;
	}
	return true;
}

static size_t slot_of(const struct xattr_pool *p, const struct xattr_set *s)
{
	size_t mask = p->slot_count - 1, i = hash_set(p, s) & mask;

	while (p->slots[i] && !same_set(p->sets[p->slots[i]], s))
		i = (i + 1) & mask;
	return i;
}

static int grow_slots(struct xattr_pool *p, struct o2r_err *err)
{
	if (p->count * 2 < p->slot_count)
		return 0;

	size_t count = p->slot_count ? p->slot_count * 2 : 64;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return err_nomem(err);
	free(p->slots);
	p->slots = slots;
	p->slot_count = count;
	for (size_t i = 1; i < p->count; i++)
		slots[slot_of(p, p->sets[i])] = (uint32_t)i;
	return 0;
}

static const struct xattr_set *copy_set(struct arena *a, const struct xattr_set *s)
{
	size_t size = sizeof(*s) + s->count * sizeof(s->list[0]);
	struct xattr_set *c = arena_alloc(a, size, 8);

	if (!c)
		return NULL;
	c->count = s->count;
	for (uint32_t i = 0; i < s->count; i++) {
		c->list[i] = s->list[i];
		c->list[i].name = arena_dup(a, s->list[i].name, s->list[i].name_len);
		c->list[i].value = (unsigned char *)arena_dup(
			a, s->list[i].value, s->list[i].value_len);
		if (!c->list[i].name || !c->list[i].value)
			return NULL;
	}
	return c;
}

int xattr_pool_add(struct xattr_pool *p, const struct xattr_set *set, uint32_t *number,
	struct o2r_err *err)
{
	if (!set || !set->count) {
		*number = 0;
		return 0;
	}
	if (!p->count)
		p->count = 1;

	int r = VEC_RESERVE(p->sets, p->count, p->cap, 1, SETS_MAX);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err)
				    : err_corrupt(err, "more than %d distinct xattr sets",
					      (int)SETS_MAX);
	r = grow_slots(p, err);
	if (r < 0)
		return r;

	size_t slot = slot_of(p, set);

	if (!p->slots[slot]) {
		const struct xattr_set *copy = copy_set(&p->arena, set);

		if (!copy)
			return err_nomem(err);
		p->sets[p->count] = copy;
		p->slots[slot] = (uint32_t)p->count++;
	}
	*number = p->slots[slot];
	return 0;
}

/* All stand in one array: who comes later there wins over others of its name. */
static int by_name(const void *pa, const void *pb)
{
	const struct xattr *a = *(const struct xattr *const *)pa;
	const struct xattr *b = *(const struct xattr *const *)pb;
	int c = strcmp(a->name, b->name);

	return c ? c : a < b ? -1 : a > b;
}

int xattr_pool_join(struct xattr_pool *p, uint32_t number, const struct xattr *more,
	size_t count, uint32_t *joined, struct o2r_err *err)
{
	const struct xattr_set *old = number ? p->sets[number] : NULL;
	size_t n = old ? old->count : 0, all = n + count;

	if (!count) {
		*joined = number;
		return 0;
	}

	AUTO_FREE struct xattr *list = malloc(all * sizeof(*list));
	AUTO_FREE const struct xattr **sorted = malloc(all * sizeof(*sorted));
	AUTO_FREE struct xattr_set *set =
		malloc(sizeof(*set) + all * sizeof(set->list[0]));

	if (!list || !sorted || !set)
		return err_nomem(err);
	if (n)
		memcpy(list, old->list, n * sizeof(*list));
	memcpy(list + n, more, count * sizeof(*list));
	for (size_t i = 0; i < all; i++)
		sorted[i] = &list[i];
	qsort(sorted, all, sizeof(*sorted), by_name);
	set->count = 0;
	for (size_t i = 0; i < all; i++) {
		bool last =
			i + 1 == all || strcmp(sorted[i]->name, sorted[i + 1]->name) != 0;

		if (last && sorted[i]->value)
			set->list[set->count++] = *sorted[i];
	}
	return xattr_pool_add(p, set, joined, err);
}

int xattr_pool_chmod(struct xattr_pool *p, uint32_t number, unsigned mode,
	uint32_t *changed, struct o2r_err *err)
{
	const struct xattr_set *old = number ? p->sets[number] : NULL;
	uint32_t at = 0;

	*changed = number;
	while (old && at < old->count &&
		strcmp(old->list[at].name, "system.posix_acl_access") != 0)
		at++;
	if (!old || at == old->count)
		return 0;

	size_t size = sizeof(*old) + old->count * sizeof(old->list[0]);
	AUTO_FREE struct xattr_set *set = malloc(size);
	AUTO_FREE unsigned char *acl = malloc(old->list[at].value_len + 1);

	if (!set || !acl)
		return err_nomem(err);
	memcpy(set, old, size);
	memcpy(acl, old->list[at].value, old->list[at].value_len);
	posix_acl_chmod(acl, old->list[at].value_len, mode);
	set->list[at].value = acl;
	return xattr_pool_add(p, set, changed, err);
}
