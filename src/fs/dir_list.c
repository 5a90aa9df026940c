#include "fs/dir_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum {
	TEXT_MAX = 1 << 30, /* bytes of all names */
};

void dir_list_finish(struct dir_list *l)
{
	free(l->names);
	free(l->text);
	*l = (struct dir_list){0};
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *d, uint64_t max, struct buf *text, size_t *count)
{
	struct dirent *e;

	*count = 0;
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (++*count > max ||
			buf_append(text, e->d_name, strlen(e->d_name) + 1) < 0)
			return *count > max ? -E2BIG : -ENOMEM;
	}
	return -errno;
}

int dir_list_read(int fd, uint64_t max, struct dir_list *out)
{
	AUTO_BUF struct buf text = {.max = TEXT_MAX};
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	size_t count;
	int r;

	if (!d) {
		r = -errno;
		if (own >= 0)
			close(own);
		return r;
	}
	r = read_names(d, max, &text, &count);
	closedir(d);
	if (r < 0)
		return r;
	out->names = malloc((count + 1) * sizeof(*out->names));
	if (!out->names)
		return -ENOMEM;
	out->count = count;
	out->text = STEAL(text.data);
	for (size_t i = 0, at = 0; i < count; i++) {
		out->names[i] = out->text + at;
		at += strlen(out->text + at) + 1;
	}
	qsort(out->names, count, sizeof(*out->names), compare);
	return 0;
}
