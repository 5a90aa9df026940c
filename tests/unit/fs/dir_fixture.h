/* Layers in temporary directories, and their entries as text; for test_dir_*.c. */
#ifndef O2R_TESTS_DIR_FIXTURE_H
#define O2R_TESTS_DIR_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/le.h"
#include "fs/dir_index.h"
#include "unit.h"

static char work[] = "/tmp/o2r-dir.XXXXXX";
static char warnings[4096];

static void take_log(void *arg, enum log_level level, const char *msg)
{
	(void)arg, (void)level;
	strncat(warnings, msg, sizeof(warnings) - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

static const struct ctx test_ctx = {
	.log = take_log, .level = LOG_WARN, .threads = 1, .limits = LIMITS_DEFAULT};

/* "work/NAME", until the next but seven calls. */
static const char *at(const char *name)
{
	static char paths[8][400];
	static unsigned next;
	char *p = paths[next++ % 8];

	snprintf(p, sizeof(paths[0]), "%s/%s", work, name);
	return p;
}

static inline void make_dir(const char *name)
{
	CHECK_EQ(mkdir(at(name), 0755), 0);
}

static inline void make_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void make_whiteout(const char *name)
{
	CHECK_EQ(mknod(at(name), S_IFCHR, makedev(0, 0)), 0);
}

static inline void mark(const char *name, const char *attr, const char *value)
{
	CHECK_EQ(lsetxattr(at(name), attr, value, strlen(value), 0), 0);
}

static struct dir_layer open_layer(const char *name, struct dir_rules rules)
{
	return (struct dir_layer){
		.fd = open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.path = strdup(name),
		.rules = rules};
}

static void add_line(struct buf *out, const struct entry *e)
{
	static const char kinds[] = "fdlhcbps";

	CHECK_EQ(buf_printf(out, "%c %s", kinds[e->kind], e->path), 0);
	if (e->link)
		CHECK_EQ(buf_printf(out, " -> %s", e->link), 0);
	if (e->kind == ENTRY_CHR || e->kind == ENTRY_BLK)
		CHECK_EQ(buf_printf(out, " %u:%u", e->major, e->minor), 0);
	if (e->kind == ENTRY_FILE && e->size)
		CHECK_EQ(buf_printf(out, " %llu", (unsigned long long)e->size), 0);
	for (uint32_t i = 0; e->map && i < e->map->count; i++)
		CHECK_EQ(buf_printf(out, " %llu+%llu",
				 (unsigned long long)e->map->runs[i].file_off,
				 (unsigned long long)e->map->runs[i].len),
			0);
	for (uint32_t i = 0; e->xattrs && i < e->xattrs->count; i++)
		CHECK_EQ(buf_printf(out, " %s", e->xattrs->list[i].name), 0);
	CHECK_EQ(buf_append(out, "\n", 1), 0);
}

/* The entries, a line each; an error as "CLASS: text". */
static inline char *told(
	int r, struct layer *layer, struct files *files, struct o2r_err *err)
{
	struct buf out = {0};

	if (r < 0)
		CHECK_EQ(buf_printf(&out, "%d: %s", err->cls, err->text), 0);
	for (size_t i = 0; r == 0 && i < layer->count; i++)
		add_line(&out, &layer->entries[i]);
	layer_finish(layer);
	if (r == 0)
		files_destroy(files);
	return out.data ? out.data : strdup("");
}

#define CHECK_TOLD(text, want)                                                           \
	do {                                                                             \
		char *told_ = (text);                                                    \
		CHECK_STR(told_, (want));                                                \
		free(told_);                                                             \
	} while (0)

static void remove_work(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", work);
	CHECK_EQ(system(command), 0);
}

#endif
