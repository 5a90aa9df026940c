/* What every layer must keep to that a tar index has filled, whatever the bytes were. */
#ifndef O2R_TESTS_LAYER_INVARIANTS_H
#define O2R_TESTS_LAYER_INVARIANTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/layer.h"
#include "fs/posix_acl.h"

#define REQUIRE(cond)                                                                    \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);       \
			abort();                                                         \
		}                                                                        \
	} while (0)

static void require_path(const char *p, size_t n)
{
	REQUIRE(strlen(p) == n);
	if (!n)
		return;
	for (const char *part = p;; part += strcspn(part, "/") + 1) {
		size_t len = strcspn(part, "/");

		REQUIRE(len >= 1 && len <= 255);
		REQUIRE(!(len == 1 && part[0] == '.'));
		REQUIRE(!(len == 2 && part[0] == '.' && part[1] == '.'));
		if (!part[len])
			break;
	}
}

static uint64_t require_data(const struct entry *e, uint64_t input)
{
	uint64_t file_end = 0, src_end = 0, sum = 0;

	if (e->kind != ENTRY_FILE) {
		REQUIRE(!e->size && !e->map);
		return 0;
	}
	if (!e->map) {
		REQUIRE(e->size <= input && e->data_off <= input - e->size);
		return e->size;
	}
	REQUIRE(e->size);
	for (uint32_t i = 0; i < e->map->count; i++) {
		const struct data_run *r = &e->map->runs[i];

		REQUIRE(r->len && r->len <= input && r->src_off <= input - r->len);
		REQUIRE(r->src_off >= src_end);
		/* neighbours in both file and layer would be one run */
		REQUIRE(i == 0 || r->file_off > file_end);
		REQUIRE(r->file_off <= e->size && r->len <= e->size - r->file_off);
		file_end = r->file_off + r->len;
		src_end = r->src_off + r->len;
		sum += r->len;
	}
	return sum;
}

static void require_xattrs(const struct xattr_set *set)
{
	REQUIRE(!set || set->count);
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct xattr *x = &set->list[i];

		REQUIRE(strlen(x->name) == x->name_len && x->name_len <= 255);
		REQUIRE(i == 0 || strcmp(set->list[i - 1].name, x->name) < 0);
		REQUIRE(strncmp(x->name, "user.overlay.", 13) != 0);
		REQUIRE(strncmp(x->name, "user.", 5) == 0 ||
			strncmp(x->name, "security.", 9) == 0 ||
			strncmp(x->name, "system.posix_acl_", 17) == 0);
		if (x->name[1] == 'y')
			REQUIRE(posix_acl_check(x->value, x->value_len) == 0);
	}
}

static void require_entry(const struct entry *e)
{
	bool is_link = e->kind == ENTRY_SYMLINK || e->kind == ENTRY_HARDLINK;

	REQUIRE(e->kind <= ENTRY_FIFO);
	REQUIRE(e->mode <= 07777 && e->mtime_nsec < 1000000000);
	REQUIRE(e->uid != UINT32_MAX && e->gid != UINT32_MAX);
	REQUIRE(e->major <= 0xfff && e->minor <= 0xfffff);
	require_path(e->path, e->path_len);
	REQUIRE(e->path_len || e->kind == ENTRY_DIR);
	REQUIRE(is_link == (e->link != NULL));
	if (e->kind == ENTRY_HARDLINK)
		require_path(e->link, e->link_len);
	if (e->kind == ENTRY_SYMLINK)
		REQUIRE(e->link_len && strlen(e->link) == e->link_len);
	require_xattrs(e->xattrs);
}

/* input: bytes of the stream. */
static void require_layer(const struct layer *l, uint64_t input)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->count; i++) {
		require_entry(&l->entries[i]);
		sum += require_data(&l->entries[i], input);
	}
	REQUIRE(sum == l->data_bytes);
}

#endif
