/* How the bytes of a span get to who wants them: copied, or lent while he uses them. */
#include <string.h>

#include "blob/span_impl.h"

static const unsigned char *bytes_of(const struct span *s, const struct span_want *w)
{
	return s->data + (w->off - s->off);
}

bool span_lend(struct span_cache *c, struct span *s, struct span_want *w)
{
	struct span_fetch *f = w->fetch;

	s->handed_out += (size_t)(w->end - w->off);
	/* a fetch may wait for its next span meanwhile: what is lent is not to be had */
	if (!f->lend || c->lent + s->len > c->memory / 4)
		return false;
	c->lent += s->len;
	span_hold(c, s);
	w->held = s;
	f->where[w - f->wants].iov_base = (void *)bytes_of(s, w);
	return true;
}

void span_hand_out(const struct span *s, const struct span_want *w)
{
	memcpy(w->dst, bytes_of(s, w), (size_t)(w->end - w->off));
}

void span_take_back(struct span_cache *c, const struct span_fetch *f)
{
	if (!f->lend)
		return;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < f->count; i++) {
		struct span *s = f->wants[i].held;

		if (!s)
			continue;
		c->lent -= s->len;
		span_release(c, s);
	}
	pthread_mutex_unlock(&c->lock);
}
