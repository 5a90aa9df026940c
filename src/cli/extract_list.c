#include "cli/extract_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"

static int nomem(struct o2r_error *error)
{
	*error = (struct o2r_error){
		.code = -ENOMEM, .error_class = O2R_CLASS_FAIL, .text = "out of memory"};
	return -ENOMEM;
}

static int add(struct item_list *l, struct o2r_image *image, const struct item *from,
	struct o2r_error *error)
{
	struct item i = *from;
	struct stat st;
	int r = o2r_stat(image, i.ino, &st, error);

	if (r < 0)
		return r;
	if (VEC_RESERVE(l->v, l->count, l->cap, 1, ITEM_NONE - 1) < 0)
		return nomem(error);
	i.mode = st.st_mode;
	i.linked = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
	l->v[l->count++] = i;
	return 0;
}

static int add_children(struct item_list *l, struct o2r_image *image, uint32_t dir,
	struct o2r_error *error)
{
	for (uint64_t n = 0;; n++) {
		struct item i = {.parent = dir};
		size_t len;
		int r = o2r_readdir(
			image, l->v[dir].ino, n, &i.name, &len, &i.ino, error);

		if (r <= 0)
			return r;
		i.len = (uint32_t)len;
		r = add(l, image, &i, error);
		if (r < 0)
			return r;
	}
}

int item_list_fill(struct item_list *l, struct o2r_image *image, uint64_t ino,
	const struct extract_to *to, struct o2r_error *error)
{
	const struct item top = {.name = to->name,
		.len = to->name ? (uint32_t)strlen(to->name) : 0,
		.ino = ino,
		.parent = ITEM_NONE};
	int r = add(l, image, &top, error);

	for (uint32_t i = 0; r == 0 && i < l->count; i++)
		if (S_ISDIR(l->v[i].mode))
			r = add_children(l, image, i, error);
	return r;
}

void item_list_finish(struct item_list *l)
{
	free(l->v);
	*l = (struct item_list){0};
}

struct item_name item_name(const struct item *i)
{
	struct item_name n;
	size_t len = i->len < sizeof(n.s) ? i->len : sizeof(n.s) - 1;

	memcpy(n.s, i->name, len);
	n.s[len] = '\0';
	return n;
}

struct item_path item_path(
	const struct item_list *l, const struct extract_to *to, uint32_t item)
{
	struct item_path p;
	size_t at = sizeof(p.s) - 1;
	struct quoted part;

	p.s[at] = '\0';
	for (;; item = l->v[item].parent) {
		bool top = item == ITEM_NONE || !l->v[item].len;

		part = top ? text_quote(to->path, strlen(to->path))
			   : text_quote(l->v[item].name, l->v[item].len);
		size_t n = strlen(part.s);

		if (p.s[at])
			p.s[--at] = '/';
		/* room for the slash of the next one, or for the dots */
		if (n + 4 > at) {
			at -= 3;
			memcpy(p.s + at, "...", 3);
			break;
		}
		at -= n;
		memcpy(p.s + at, part.s, n);
		if (top)
			break;
	}
	memmove(p.s, p.s + at, sizeof(p.s) - at);
	return p;
}

/* The way down to `dir`, the first step last. */
static int list_way(const struct item_list *l, uint32_t dir, uint32_t **way,
	size_t *count, struct o2r_err *err)
{
	size_t cap = 0;

	for (; dir != ITEM_NONE && l->v[dir].len; dir = l->v[dir].parent) {
		if (VEC_RESERVE(*way, *count, cap, 1, SIZE_MAX) < 0)
			return err_nomem(err);
		(*way)[(*count)++] = dir;
	}
	return 0;
}

void opened_finish(struct opened *o)
{
	if (o->fd >= 0)
		close(o->fd);
	*o = (struct opened)OPENED_INIT;
}

int opened_get(struct opened *o, const struct item_list *l, const struct extract_to *to,
	uint32_t dir, struct o2r_err *err)
{
	AUTO_FREE uint32_t *way = NULL;
	AUTO_FD int fd = -1;
	size_t count = 0;

	if (o->valid && o->dir == dir)
		return 0;
	opened_finish(o);
	if (list_way(l, dir, &way, &count, err) < 0)
		return -ENOMEM;
	fd = fcntl(to->dir, F_DUPFD_CLOEXEC, 3);
	while (fd >= 0 && count) {
		const struct item *i = &l->v[way[--count]];
		int next = openat(fd, item_name(i).s,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int why = errno;

		close(fd);
		fd = next;
		errno = why;
	}
	if (fd < 0)
		return err_errno(err, errno, "cannot open the directory %s",
			item_path(l, to, dir).s);
	*o = (struct opened){.fd = steal_fd(&fd), .dir = dir, .valid = true};
	return 0;
}
