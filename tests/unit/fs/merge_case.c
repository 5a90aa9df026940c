#include "merge_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "fs/merge.h"

struct log {
	char text[4096];
};

static void take_log(void *arg, enum log_level level, const char *msg)
{
	struct log *l = arg;
	size_t n = strlen(l->text);

	if (level == LOG_WARN)
		snprintf(l->text + n, sizeof(l->text) - n, "%s\n", msg);
}

static const struct xattr_set *make_set(struct arena *a, const char *text)
{
	const char *eq = text ? strchr(text, '=') : NULL;

	if (!eq)
		return NULL;

	struct xattr_set *s = arena_alloc(a, sizeof(*s) + sizeof(s->list[0]), 8);

	s->count = 1;
	s->list[0] = (struct xattr){
		.name = arena_dup(a, text, (size_t)(eq - text)),
		.name_len = (uint32_t)(eq - text),
		.value = (const unsigned char *)eq + 1,
		.value_len = (uint32_t)strlen(eq + 1),
	};
	return s;
}

static void make_layer(struct layer *l, const struct item *items)
{
	for (unsigned i = 0; i < CASE_ITEMS && items[i].path; i++) {
		const struct item *t = &items[i];

		if (VEC_RESERVE(l->entries, l->count, l->cap, 1, 1000) < 0)
			abort();
		l->entries[l->count++] = (struct entry){
			.path = t->path,
			.path_len = (uint32_t)strlen(t->path),
			.link = t->link,
			.link_len = t->link ? (uint32_t)strlen(t->link) : 0,
			.xattrs = make_set(&l->arena, t->xattr),
			.size = t->size,
			.data_off = 512 * (i + 1),
			.mtime = t->mtime,
			.mtime_nsec = t->nsec,
			.uid = t->uid,
			.gid = t->gid,
			.major = t->major,
			.minor = t->minor,
			.mode = t->mode                ? t->mode
				: t->kind == ENTRY_DIR ? 0755
						       : 0644,
			.kind = (uint8_t)t->kind,
		};
	}
}

struct path_of {
	char *path;
	uint32_t ino;
	unsigned layer;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(
		((const struct path_of *)a)->path, ((const struct path_of *)b)->path);
}

/* All paths of the tree, sorted. */
static unsigned list_paths(const struct tree *t, struct path_of *out, unsigned max)
{
	unsigned n = 1;

	out[0] = (struct path_of){strdup(""), TREE_ROOT, tree_get(t, TREE_ROOT)->layer};
	for (unsigned i = 0; i < n; i++) {
		const struct tree_inode *d = tree_get(t, out[i].ino);

		for (uint32_t k = 0; S_ISDIR(d->mode) && k < d->u.dir.count; k++) {
			const struct tree_dirent *e = &t->dirents[d->u.dir.first + k];

			if (n == max || asprintf(&out[n].path, "%s%s%.*s", out[i].path,
						*out[i].path ? "/" : "",
						(int)dirent_len(e), dirent_name(e)) < 0)
				abort();
			out[n].layer = e->layer;
			out[n++].ino = e->ino;
		}
	}
	qsort(out, n, sizeof(*out), by_path);
	return n;
}

static void print_kind(struct buf *b, const struct tree_inode *i)
{
	int r = 0;

	if (S_ISREG(i->mode))
		r = buf_printf(b, "f%llu", (unsigned long long)i->size);
	else if (S_ISDIR(i->mode))
		r = buf_printf(b, "d");
	else if (S_ISLNK(i->mode))
		r = buf_printf(b, "l%s", i->u.target);
	else if (S_ISFIFO(i->mode) || S_ISSOCK(i->mode))
		r = buf_printf(b, S_ISFIFO(i->mode) ? "p" : "s");
	else
		r = buf_printf(b, "%c%u:%u", S_ISCHR(i->mode) ? 'c' : 'b', i->u.dev.major,
			i->u.dev.minor);
	if (r < 0)
		abort();
}

static void print_full(struct buf *b, const struct tree *t, const struct tree_inode *i)
{
	int r = buf_printf(b, " %o %u:%u %lld.%u ", i->mode & 07777, i->uid, i->gid,
		(long long)i->mtime, i->mtime_nsec);
	const struct xattr_set *s = i->xattrs ? t->xattr_sets[i->xattrs] : NULL;

	for (uint32_t k = 0; r == 0 && s && k < s->count; k++)
		r = buf_printf(b, "%s%s=%.*s", k ? "," : "", s->list[k].name,
			(int)s->list[k].value_len, s->list[k].value);
	if (r == 0 && !s)
		r = buf_printf(b, "-");
	if (r < 0)
		abort();
}

static void print_tree(struct buf *b, const struct tree *t, int full, int layers)
{
	struct path_of paths[200];
	unsigned n = list_paths(t, paths, 200);

	for (unsigned i = 0; i < n; i++) {
		const struct tree_inode *node = tree_get(t, paths[i].ino);
		unsigned first = 0;

		while (paths[first].ino != paths[i].ino)
			first++;
		/* the root is there always: shown only where metadata is looked at */
		if (i == 0 && !full && !layers)
			continue;
		if (buf_printf(b, "%s ", i ? paths[i].path : "/") < 0)
			abort();
		print_kind(b, node);
		if (first != i && buf_printf(b, " =%s", paths[first].path) < 0)
			abort();
		if (full)
			print_full(b, t, node);
		if (layers && buf_printf(b, " @%u", paths[i].layer) < 0)
			abort();
		if (buf_append(b, "\n", 1) < 0)
			abort();
	}
	for (unsigned i = 0; i < n; i++)
		free(paths[i].path);
}

static int merge_case(const struct merge_case *c, struct log *log, struct tree **tree,
	struct o2r_err *err)
{
	struct ctx ctx = {.log = take_log,
		.arg = log,
		.level = LOG_WARN,
		.threads = 1,
		.limits = LIMITS_DEFAULT};
	struct merge_time created = {77, 0};
	struct merge *m = NULL;
	int r = merge_create(&ctx, &m, err);

	for (unsigned i = 0; r == 0 && i < CASE_LAYERS && c->layers[i][0].path; i++) {
		struct layer l = {0};

		make_layer(&l, c->layers[i]);
		r = merge_add(m, &l, "layer", err);
		layer_finish(&l);
	}
	if (r == 0)
		r = merge_freeze(m, created, tree, err);
	if (r == 0)
		r = tree_check(*tree, err);
	merge_destroy(m);
	return r;
}

static int judge(const struct merge_case *c, const struct log *log, const char *got,
	const struct o2r_err *err)
{
	if (c->error)
		return strstr(err->text, c->error) != NULL;
	if (c->warning ? !strstr(log->text, c->warning) : log->text[0] != '\0')
		return 0;
	return !err->code && strcmp(got, c->tree) == 0;
}

unsigned merge_cases_run(const struct merge_case *cases, unsigned count)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct merge_case *c = &cases[i];
		struct buf got AUTO_BUF = {0};
		struct o2r_err err = {0};
		struct log log = {{0}};
		struct tree *tree = NULL;

		if (merge_case(c, &log, &tree, &err) == 0)
			print_tree(&got, tree, c->full, c->show_layers);
		tree_destroy(tree);
		if (judge(c, &log, got.data ? got.data : "", &err))
			continue;
		failed++;
		fprintf(stderr,
			"failed: %s\n--- expected\n%s%s--- got\n%s%s\n--- warnings\n%s",
			c->name, c->tree ? c->tree : "error: ", c->error ? c->error : "",
			got.data ? got.data : "", err.text, log.text);
	}
	return failed;
}
