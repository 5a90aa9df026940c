/* Lists that stores keep as JSON: of images, of layers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/containers_files.h"
#include "sources/json.h"

static int each_object(const struct buf *text, const struct ctx *ctx, stored_item_fn *fn,
	void *arg, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref list, item = {0};
	int r = json_doc_parse(text->data, text->len, ctx->limits.json_depth, &doc, err);

	if (r == 0)
		r = json_root_array(doc, &list, err);
	while (r == 0 && json_next(&list, &item)) {
		r = json_item_object(&item, err);
		if (r == 0)
			r = fn(arg, &item, err);
	}
	return r;
}

int stores_list(const struct stores *s, unsigned at, const char *file, stored_item_fn *fn,
	void *arg, struct o2r_err *err)
{
	const struct store_place *p = &s->list[at];
	AUTO_BUF struct buf text = {0};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s-%s", p->driver, file);
	r = file_read(p->fd, path, STORED_LIST_MAX, &text, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = each_object(&text, s->ctx, fn, arg, err);
	return r < 0 ? err_wrap(
			       err, "%s/%s", text_quote(p->root, strlen(p->root)).s, path)
		     : 0;
}
