/* A tar through libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/tar_name.h"
#include "tar_record.h"

static void add_path(struct record *rec, enum record_field field, const char *path)
{
	size_t n = strlen(path);
	AUTO_FREE char *out = malloc(n + 1);

	if (!out)
		abort();
	if (tar_name(path, n, out, &n, NULL) < 0)
		record_set(rec, field, "part too long");
	else
		record_add_bytes(rec, field, out, n);
}

static char kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return 'h';
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return 'f';
	case AE_IFDIR:
		return 'd';
	case AE_IFLNK:
		return 'l';
	case AE_IFCHR:
		return 'c';
	case AE_IFBLK:
		return 'b';
	case AE_IFIFO:
		return 'p';
	default:
		return '?';
	}
}

struct attribute {
	const char *name;
	const void *value;
	size_t size;
	int order;
};

static int compare(const void *a, const void *b)
{
	const struct attribute *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->order - y->order;
}

static int is_kept(const char *name, char kind)
{
	if (strncmp(name, "user.overlay.", 13) == 0 ||
		strcmp(name, "security.selinux") == 0)
		return 0;
	if (strncmp(name, "user.", 5) == 0)
		return name[5] && strchr("fdh", kind);
	return strncmp(name, "security.", 9) == 0 && name[9];
}

/* As our reader: none for symlinks, default ones for directories only. True when it is an
 * ACL, kept or not. */
static bool add_raw_acl(struct record *rec, const struct attribute *x, char kind)
{
	if (strcmp(x->name, "system.posix_acl_access") == 0) {
		if (kind != 'l')
			record_add_acl(rec, 'a', x->value, x->size);
		return true;
	}
	if (strcmp(x->name, "system.posix_acl_default") == 0) {
		if (kind == 'd')
			record_add_acl(rec, 'd', x->value, x->size);
		return true;
	}
	return false;
}

/* libarchive tells every record; the last one of a name counts. */
static void add_xattrs(struct record *rec, struct archive_entry *e, char kind)
{
	struct attribute list[256];
	int count = 0;

	archive_entry_xattr_reset(e);
	while (count < 256 &&
		archive_entry_xattr_next(e, &list[count].name, &list[count].value,
			&list[count].size) == ARCHIVE_OK) {
		list[count].order = -count; /* the last one comes first */
		count++;
	}
	qsort(list, (size_t)count, sizeof(list[0]), compare);
	for (int i = 0; i < count; i++) {
		if (i && strcmp(list[i].name, list[i - 1].name) == 0)
			continue;
		if (add_raw_acl(rec, &list[i], kind) || !is_kept(list[i].name, kind))
			continue;
		record_add_bytes(rec, FIELD_XATTRS, list[i].name, strlen(list[i].name));
		record_add_bytes(rec, FIELD_XATTRS, "=", 1);
		record_add_bytes(rec, FIELD_XATTRS, list[i].value, list[i].size);
		record_add_bytes(rec, FIELD_XATTRS, " ", 1);
	}
}

static int tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return 1;
	case ARCHIVE_ENTRY_ACL_USER:
		return 2;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return 4;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return 8;
	case ARCHIVE_ENTRY_ACL_MASK:
		return 16;
	default:
		return 32;
	}
}

struct acl_entry {
	int tag, perm, id;
};

static int compare_acl(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	return x->tag != y->tag ? x->tag - y->tag : (x->id > y->id) - (x->id < y->id);
}

static void add_acl(struct record *rec, struct archive_entry *e, char which)
{
	int want = which == 'a' ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS
				: ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
	int type, perm, tag, id, count = 0;
	struct acl_entry list[256];
	const char *name;

	archive_entry_acl_reset(e, want);
	while (count < 256 && archive_entry_acl_next(e, want, &type, &perm, &tag, &id,
				      &name) == ARCHIVE_OK) {
		tag = tag_of(tag);
		if (which == 'a' && tag != 2 && tag != 8)
			continue;
		list[count++] =
			(struct acl_entry){tag, perm & 7, tag == 2 || tag == 8 ? id : 0};
	}
	qsort(list, (size_t)count, sizeof(list[0]), compare_acl);
	for (int i = 0; i < count; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%c:%d:%d:%u,", which, list[i].tag,
			list[i].perm, (unsigned)list[i].id);
		record_add_bytes(rec, FIELD_ACL, text, strlen(text));
	}
}

static int sum_data(struct archive *a, uint64_t *sum)
{
	const void *p;
	size_t n;
	la_int64_t off;
	int r;

	while ((r = archive_read_data_block(a, &p, &n, &off)) >= ARCHIVE_WARN &&
		r != ARCHIVE_EOF)
		*sum = content_sum(*sum, (uint64_t)off, p, n);
	return r;
}

static int add_entry(struct reading *out, struct archive *a, struct archive_entry *e)
{
	struct record *rec = reading_add(out);
	const char *path = archive_entry_pathname(e);
	char kind = kind_of(e);
	uint64_t sum = 0;
	int r = ARCHIVE_OK;

	add_path(rec, FIELD_PATH, path ? path : "");
	if (!rec->field[FIELD_PATH][0] && kind != 'd') {
		/* ours ignores what wants to replace the root */
		reading_drop(out);
		return r;
	}
	record_set(rec, FIELD_KIND, "%c", kind);
	record_set(rec, FIELD_MODE, "%04o", (unsigned)archive_entry_perm(e) & 07777);
	record_set(rec, FIELD_UID, "%lld", (long long)archive_entry_uid(e));
	record_set(rec, FIELD_GID, "%lld", (long long)archive_entry_gid(e));
	record_set(rec, FIELD_MTIME, "%lld.%09ld", (long long)archive_entry_mtime(e),
		archive_entry_mtime_nsec(e));
	if (kind == 'h')
		add_path(rec, FIELD_LINK, archive_entry_hardlink(e));
	if (kind == 'l' && archive_entry_symlink(e))
		record_add_bytes(rec, FIELD_LINK, archive_entry_symlink(e),
			strlen(archive_entry_symlink(e)));
	if (kind == 'c' || kind == 'b')
		record_set(rec, FIELD_DEVICE, "%u,%u",
			(unsigned)archive_entry_rdevmajor(e),
			(unsigned)archive_entry_rdevminor(e));
	add_xattrs(rec, e, kind);
	if (kind != 'l' && !strstr(rec->field[FIELD_ACL], "a:"))
		add_acl(rec, e, 'a');
	if (kind == 'd' && !strstr(rec->field[FIELD_ACL], "d:"))
		add_acl(rec, e, 'd');
	if (kind != 'f')
		return r;
	record_set(rec, FIELD_SIZE, "%lld", (long long)archive_entry_size(e));
	r = sum_data(a, &sum);
	if (r == ARCHIVE_EOF)
		record_set(rec, FIELD_CONTENT, "%016llx", (unsigned long long)sum);
	return r == ARCHIVE_EOF ? ARCHIVE_OK : r;
}

void read_theirs(const void *tar, size_t n, struct reading *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int r;

	archive_read_support_format_tar(a);
	/* the value "0" would switch it on */
	archive_read_set_options(a, "tar:!mac-ext");
	r = archive_read_open_memory(a, tar, n);
	while (r != ARCHIVE_EOF) {
		r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_EOF)
			break;
		if (r >= ARCHIVE_WARN) {
			out->has_warning = r == ARCHIVE_WARN;
			r = add_entry(out, a, e);
		}
		if (r < ARCHIVE_WARN) {
			out->failed = 1;
			snprintf(out->text, sizeof(out->text), "%s",
				archive_error_string(a) ? archive_error_string(a) : "?");
			break;
		}
	}
	archive_read_free(a);
}
