#include "sources/overlay_lower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

enum {
	LOWER_MAX = 64 << 10, /* bytes of the file */
	TARGET_MAX = 4096,
};

void overlay_stack_finish(struct overlay_stack *s)
{
	for (unsigned i = 0; i < s->count; i++)
		free(s->ids[i]);
	s->count = 0;
}

bool overlay_id_ok(const char *id, size_t n)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (n == 0 || n > OVERLAY_ID_MAX || id[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!memchr(ok, id[i], sizeof(ok) - 1))
			return false;
	return true;
}

int overlay_stack_push(
	struct overlay_stack *s, const char *id, size_t n, struct o2r_err *err)
{
	if (!overlay_id_ok(id, n))
		return err_corrupt(
			err, "\"%s\" is not the name of a layer", text_quote(id, n).s);
	for (unsigned i = 0; i < s->count; i++)
		if (strlen(s->ids[i]) == n && memcmp(s->ids[i], id, n) == 0)
			return err_corrupt(
				err, "layer %s is below itself", text_quote(id, n).s);
	if (s->count == OVERLAY_LAYERS_MAX)
		return err_corrupt(err, "it has more than %d layers", OVERLAY_LAYERS_MAX);
	s->ids[s->count] = strndup(id, n);
	if (!s->ids[s->count])
		return err_nomem(err);
	s->count++;
	return 0;
}

/* "l/SHORT" to the ID that it leads to: exactly "../ID/diff". */
static int follow(struct overlay_stack *s, int driver, const char *link, size_t n,
	struct o2r_err *err)
{
	char name[OVERLAY_ID_MAX + 3], target[TARGET_MAX];
	ssize_t len;

	if (n < 3 || n >= sizeof(name) || memcmp(link, "l/", 2) != 0 ||
		!overlay_id_ok(link + 2, n - 2))
		return err_corrupt(err, "its lower names \"%s\", which is no layer",
			text_quote(link, n).s);
	memcpy(name, link, n);
	name[n] = '\0';
	len = readlinkat(driver, name, target, sizeof(target));
	if (len < 0 && errno == ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"the layer %s below it is missing", name);
	if (len < 0 && errno == EINVAL)
		return err_corrupt(err, "%s is no link to a layer", name);
	if (len < 0)
		return err_errno(err, errno, "cannot read the link %s", name);
	if (len < 9 || memcmp(target, "../", 3) != 0 ||
		memcmp(target + len - 5, "/diff", 5) != 0)
		return err_corrupt(err, "%s leads to \"%s\", which is no layer", name,
			text_quote(target, (size_t)len).s);
	return overlay_stack_push(s, target + 3, (size_t)len - 8, err);
}

int overlay_lower_parse(struct overlay_stack *s, int driver, const char *text, size_t n,
	struct o2r_err *err)
{
	const char *end = text + n;
	int r = 0;

	while (r == 0 && text < end) {
		size_t len = 0;

		while (text + len < end && text[len] != ':' && text[len] != '\n')
			len++;
		if (len)
			r = follow(s, driver, text, len, err);
		text += len + 1;
	}
	return r;
}

int overlay_lower_read(struct overlay_stack *s, int driver, int dir, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	int r = file_read(dir, "lower", LOWER_MAX, &text, err);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : overlay_lower_parse(s, driver, text.data, text.len, err);
}
