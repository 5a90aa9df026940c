#include "sources/registry/client_impl.h"

#include <errno.h>

#include "base/checked.h"

static unsigned long long ull(uint64_t v)
{
	return v;
}

/* 206: exactly what was asked for. */
static int check_range(
	const struct transfer *t, const struct http_reply *r, struct o2r_err *err)
{
	struct digest_text d = digest_format(t->b->digest);

	if (!t->ranged)
		return err_corrupt(err,
			"%s: a part of blob %s came (206), and all of it was asked "
			"for" CLIENT_WRONG,
			t->label, d.s);
	if (!r->has_range)
		return err_corrupt(err,
			"%s: a part of blob %s came without a Content-Range that can be "
			"understood" CLIENT_WRONG,
			t->label, d.s);
	if (r->range_first != t->next || r->range_last != t->b->end - 1 ||
		(r->range_total != t->b->size && r->range_total != UINT64_MAX))
		return err_corrupt(err,
			"%s: bytes %llu to %llu of %llu of blob %s came, and %llu to "
			"%llu of "
			"%llu were asked for" CLIENT_WRONG,
			t->label, ull(r->range_first), ull(r->range_last),
			ull(r->range_total), d.s, ull(t->next), ull(t->b->end - 1),
			ull(t->b->size));
	return 0;
}

int transfer_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct transfer *t = arg;
	bool part = r->status == 206;
	int ret = part ? check_range(t, r, err) : 0;

	if (ret < 0)
		return ret;
	t->at = part ? t->next : 0;
	t->reply_end = part ? t->b->end : t->b->size;
	t->enough = false;
	if (r->has_length && r->length != t->reply_end - t->at)
		return err_corrupt(err,
			"%s: blob %s comes with %llu bytes instead of %llu" CLIENT_WRONG,
			t->label, digest_format(t->b->digest).s, ull(r->length),
			ull(t->reply_end - t->at));
	if (t->begun || !t->b->begin)
		return 0;
	t->begun = true;
	ret = t->b->begin(t->b->arg, part, err);
	t->caller_failed = ret < 0;
	return ret;
}

int transfer_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct transfer *t = arg;
	const char *bytes = p;
	uint64_t end = t->at + n, from = MAX(t->at, t->next), to = MIN(end, t->b->end);

	if (n > t->reply_end - t->at)
		return err_corrupt(err,
			"%s: more bytes came of blob %s than the %llu that there "
			"are" CLIENT_WRONG,
			t->label, digest_format(t->b->digest).s, ull(t->reply_end));
	if (from < to) {
		int r = t->b->data(
			t->b->arg, bytes + (from - t->at), (size_t)(to - from), err);

		if (r < 0) {
			t->caller_failed = true;
			return r;
		}
		t->next = to;
	}
	t->at = end;
	/* the rest of a whole blob is not read for a part of it */
	t->enough = t->next == t->b->end && t->reply_end > t->b->end;
	return t->enough ? -ECANCELED : 0;
}

int transfer_result(const struct transfer *t, int r, struct o2r_err *err)
{
	if (t->enough && r == -ECANCELED)
		return 0;
	if (r < 0 || t->next == t->b->end)
		return r;
	/* without a length nobody else notices; what came is good */
	return err_set(err, ERR_FAIL, ECONNRESET,
		"%s: blob %s ended after %llu of %llu bytes" CLIENT_WRONG, t->label,
		digest_format(t->b->digest).s, ull(t->at), ull(t->reply_end));
}
