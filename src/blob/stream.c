#include <stdatomic.h>
#include <stdlib.h>

#include "base/checked.h"
#include "blob/files.h"
#include "blob/stream_impl.h"

void stream_destroy(struct stream *s)
{
	if (!s)
		return;
	checkpoints_finish(&s->checkpoints);
	free(s->crcs);
	free(s);
}

int stream_of(const struct blob *blob, const struct digest *id, struct stream **out,
	struct o2r_err *err)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err);
	*s = (struct stream){.blob = blob,
		.codec = CODEC_PLAIN,
		.unchecked = true,
		.span = STREAM_SPAN,
		.size = blob->size,
		.diff_id = *id};
	checkpoints_init(&s->checkpoints, NULL);
	*out = s;
	return 0;
}

bool stream_is_files(const struct stream *s)
{
	return s->unchecked && files_is(s->blob);
}

int stream_locate(const struct stream *s, uint64_t off, int *fd, uint64_t *fd_off,
	uint64_t *len, struct o2r_err *err)
{
	return files_locate(s->blob, off, fd, fd_off, len, err);
}

int stream_locate_check(const struct stream *s, uint64_t off, int fd, struct o2r_err *err)
{
	return files_check(s->blob, off, fd, err);
}

void stream_locate_wrap(const struct stream *s, uint64_t off, struct o2r_err *err)
{
	files_wrap(s->blob, off, err);
}

uint64_t stream_size(const struct stream *s)
{
	return s->size;
}

uint64_t stream_span(const struct stream *s)
{
	return s->span;
}

enum codec stream_codec(const struct stream *s)
{
	return s->codec;
}

const struct digest *stream_blob_digest(const struct stream *s)
{
	return &s->blob_digest;
}

const struct digest *stream_diff_id(const struct stream *s)
{
	return &s->diff_id;
}

uint64_t stream_index_memory(const struct stream *s)
{
	return s->checkpoints.memory + s->checkpoints.cap * sizeof(*s->checkpoints.v) +
	       s->cap_crcs * sizeof(*s->crcs);
}

uint64_t stream_index_spilled(const struct stream *s)
{
	return s->checkpoints.spilled;
}

bool stream_index_damaged(const struct stream *s)
{
	return s->checkpoints.damaged && atomic_load(s->checkpoints.damaged);
}

int stream_is_seekable(const struct stream *s)
{
	const struct checkpoints *c = &s->checkpoints;
	uint64_t last = 0, gap = 0;

	if (s->codec == CODEC_PLAIN)
		return 1;
	for (size_t i = 0; i < c->n; i++) {
		gap = MAX(gap, c->v[i].out_off - last);
		last = c->v[i].out_off;
	}
	gap = MAX(gap, s->size - last);
	/* blocks and frames end where they like: a few spans are near enough */
	return gap <= 8 * s->span;
}
