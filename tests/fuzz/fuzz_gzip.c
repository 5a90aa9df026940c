/*
 * The two gzip decoders side by side: ISA-L and zlib take the input in different portions
 * and must agree, byte for byte, or differ in one of the ways that docs/decoding.md
 * lists. A state saved on the way must lead to the same end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "blob/decoder.h"
#include "config.h"

enum {
	OUT_MAX = 1 << 20,
};

struct outcome {
	unsigned char *out;
	size_t n;
	int code; /* 0: accepted */
	bool full;
	unsigned char *state; /* saved on the way */
	size_t state_n, state_in, state_out;
	bool saved;
	struct o2r_err err;
};

static void save(struct outcome *o, struct decoder *d)
{
	if (o->saved || !d->in_pos || !decoder_can_save(d))
		return;
	o->state = malloc(d->save_max);
	o->state_n = decoder_save(d, o->state);
	o->state_in = (size_t)d->in_pos;
	o->state_out = o->n;
	o->saved = true;
}

/* Decode from the decoder's place; portions of `step` bytes each way. */
static void run(struct decoder *d, const uint8_t *data, size_t size, size_t step,
	size_t save_at, struct outcome *o)
{
	size_t off = (size_t)d->in_pos;

	while (!o->code) {
		size_t in = MIN(step, size - off), out = MIN(step * 3, OUT_MAX - o->n);
		struct decoder_io io = {.in = data + off,
			.in_left = in,
			.out = o->out + o->n,
			.out_left = out,
			.pause = save_at && !o->saved && o->n >= save_at};

		o->code = decoder_run(d, &io, &o->err);
		off += in - io.in_left;
		o->n += out - io.out_left;
		if (o->code)
			break;
		if (save_at && o->n >= save_at)
			save(o, d);
		o->full = o->n == OUT_MAX;
		if (o->full)
			break;
		if (io.out_left && !io.in_left && off == size) {
			o->code = decoder_end(d, &o->err);
			break;
		}
	}
}

static struct outcome decode(const uint8_t *data, size_t size, bool zlib, bool verify,
	size_t step, size_t save_at)
{
	struct decoder_options options = {
		.zlib = zlib, .verify = verify, .limits = LIMITS_DEFAULT};
	struct outcome o = {.out = malloc(OUT_MAX + 1)};
	struct decoder *d = NULL;

	if (decoder_create(CODEC_GZIP, &options, &d, NULL) < 0)
		abort();
	run(d, data, size, step, save_at, &o);
	if (o.saved) {
		struct outcome again = {.out = malloc(OUT_MAX + 1), .n = o.state_out};

		if (decoder_restore(d, o.state, o.state_n, o.state_in, NULL) < 0)
			abort();
		run(d, data, size, step * 2 + 1, 0, &again);
		if (again.code != o.code || again.full != o.full)
			abort();
		if (!o.code && (again.n != o.n ||
				       memcmp(again.out + o.state_out,
					       o.out + o.state_out, o.n - o.state_out)))
			abort();
		free(again.out);
		/* a state that is cut short is refused */
		if (o.state_n && decoder_restore(d, o.state, o.state_n - 1, 1, NULL) == 0)
			abort();
	}
	free(o.state);
	decoder_destroy(d);
	return o;
}

/* Codes that are incomplete: zlib refuses the block that declares them, ISA-L only the
 * data that would use what is missing. */
static bool listed(const struct outcome *isal, const struct outcome *zlib)
{
	return !isal->code && zlib->code == -EBADMSG &&
	       (strstr(zlib->err.text, "invalid distances set") ||
		       strstr(zlib->err.text, "invalid literal/lengths set") ||
		       strstr(zlib->err.text, "invalid code lengths set"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;

	size_t step = 1 + data[0] * (size_t)data[1], save_at = data[2] * 64;
	bool verify = data[3] & 1;
	struct outcome a = decode(data + 4, size - 4, false, verify, step, save_at);
	struct outcome b =
		decode(data + 4, size - 4, true, verify, 1 + step / 3, save_at);

	if (a.code != b.code || a.full != b.full) {
		if (!listed(&a, &b)) {
			fprintf(stderr, "ISA-L: %d %s\nzlib: %d %s\n", a.code, a.err.text,
				b.code, b.err.text);
			abort();
		}
	} else if (!a.code && (a.n != b.n || memcmp(a.out, b.out, a.n)))
		abort();
	free(a.out);
	free(b.out);
	return 0;
}
