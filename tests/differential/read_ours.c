/* A tar through our reader and index. */
#include <stdio.h>
#include <string.h>

#include "fs/tar_index.h"
#include "tar_record.h"

static void add_xattrs(struct record *rec, const struct xattr_set *set)
{
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct xattr *x = &set->list[i];

		if (strcmp(x->name, "system.posix_acl_access") == 0) {
			record_add_acl(rec, 'a', x->value, x->value_len);
		} else if (strcmp(x->name, "system.posix_acl_default") == 0) {
			record_add_acl(rec, 'd', x->value, x->value_len);
		} else {
			record_add_bytes(rec, FIELD_XATTRS, x->name, x->name_len);
			record_add_bytes(rec, FIELD_XATTRS, "=", 1);
			record_add_bytes(rec, FIELD_XATTRS, x->value, x->value_len);
			record_add_bytes(rec, FIELD_XATTRS, " ", 1);
		}
	}
}

static uint64_t sum_file(const struct entry *e, const char *tar)
{
	uint64_t sum = 0;

	if (!e->map)
		return content_sum(0, 0, tar + e->data_off, e->size);
	for (uint32_t i = 0; i < e->map->count; i++) {
		const struct data_run *r = &e->map->runs[i];

		sum = content_sum(sum, r->file_off, tar + r->src_off, r->len);
	}
	return sum;
}

static void add_entry(
	struct reading *out, const struct entry *e, const char *tar, int has_data)
{
	struct record *rec = reading_add(out);

	record_add_bytes(rec, FIELD_PATH, e->path, e->path_len);
	record_set(rec, FIELD_KIND, "%c", "fdlhcbps"[e->kind]);
	record_set(rec, FIELD_MODE, "%04o", e->mode);
	record_set(rec, FIELD_UID, "%u", e->uid);
	record_set(rec, FIELD_GID, "%u", e->gid);
	record_set(rec, FIELD_MTIME, "%lld.%09u", (long long)e->mtime, e->mtime_nsec);
	if (e->link)
		record_add_bytes(rec, FIELD_LINK, e->link, e->link_len);
	if (e->kind == ENTRY_CHR || e->kind == ENTRY_BLK)
		record_set(rec, FIELD_DEVICE, "%u,%u", e->major, e->minor);
	add_xattrs(rec, e->xattrs);
	if (e->kind != ENTRY_FILE)
		return;
	record_set(rec, FIELD_SIZE, "%llu", (unsigned long long)e->size);
	if (has_data)
		record_set(rec, FIELD_CONTENT, "%016llx",
			(unsigned long long)sum_file(e, tar));
}

void read_ours(const void *tar, size_t n, struct reading *out)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct layer layer = {0};
	struct o2r_err err = {0};
	struct tar_index *t = NULL;
	int r = tar_index_create(&layer, NULL, &ctx, &t, &err);

	if (r == 0)
		r = tar_index_data(t, tar, n, &err);
	if (r == 0)
		r = tar_index_end(t, &err);
	out->failed = r < 0;
	snprintf(out->text, sizeof(out->text), "%s", err.text);
	/* what failed may have been the data of the last entry */
	for (size_t i = 0; i < layer.count; i++)
		add_entry(out, &layer.entries[i], tar, r == 0 || i + 1 < layer.count);
	tar_index_destroy(t);
	layer_finish(&layer);
}
