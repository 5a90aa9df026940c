#include "blob/decoder.h"

#include <errno.h>

int decoder_create(enum codec codec, const struct decoder_options *options,
	struct decoder **out, struct o2r_err *err)
{
	switch (codec) {
	case CODEC_GZIP:
		return gzip_decoder_create(options, out, err);
	case CODEC_ZSTD:
		return zstd_decoder_create(options, out, err);
	case CODEC_PLAIN:
		break;
	}
	return err_set(err, ERR_FAIL, EINVAL, "there is no decoder for a %s blob",
		codec_name(codec));
}

void decoder_destroy(struct decoder *d)
{
	if (d)
		d->ops->destroy(d);
}

int decoder_run(struct decoder *d, struct decoder_io *io, struct o2r_err *err)
{
	static const unsigned char nothing[1];
	size_t in_left = io->in_left;

	if (!io->in)
		io->in = nothing; /* pointers move, also by 0 */

	int r = d->ops->run(d, io, err);

	d->in_pos += in_left - io->in_left;
	if (r == -EBADMSG)
		err_wrap(err, "byte %llu of the blob", (unsigned long long)d->in_pos);
	return r;
}

int decoder_end(struct decoder *d, struct o2r_err *err)
{
	int r = d->ops->end(d, err);

	if (r < 0)
		err_wrap(err, "byte %llu of the blob", (unsigned long long)d->in_pos);
	return r;
}

bool decoder_can_save(const struct decoder *d)
{
	return d->ops->can_save(d);
}

size_t decoder_save(struct decoder *d, unsigned char *out)
{
	return d->ops->save(d, out);
}

int decoder_restore(struct decoder *d, const unsigned char *p, size_t n, uint64_t in_pos,
	struct o2r_err *err)
{
	d->in_pos = in_pos;
	if (d->ops->restore(d, p, n) < 0)
		return err_set(err, ERR_FAIL, EIO,
			"the saved decoder state for byte %llu of the blob is unusable",
			(unsigned long long)in_pos);
	return 0;
}

size_t decoder_memory(const struct decoder *d)
{
	return d->ops->memory ? d->ops->memory(d) : 0;
}
