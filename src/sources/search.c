#include "sources/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "sources/config.h"

static int visit(struct search *s, const struct descriptor *d, unsigned depth,
	struct o2r_err *err);

void selected_finish(struct selected *s)
{
	free(s->media_type);
	free(s->data);
	*s = (struct selected){0};
}

void search_finish(struct search *s)
{
	for (size_t i = 0; i < s->count; i++)
		selected_finish(&s->found[i].image);
	free(s->found);
	free(s->visited);
	free(s->odd_type);
	*s = (struct search){0};
}

static int copy_selected(
	const struct descriptor *d, struct selected *out, struct o2r_err *err)
{
	CLEANUP(selected_finish) struct selected s = {.descriptor = *d};

	if (d->media_type)
		s.media_type = strdup(d->media_type);
	if (d->data)
		s.data = strdup(d->data);
	if ((d->media_type && !s.media_type) || (d->data && !s.data))
		return err_nomem(err);
	s.descriptor.media_type = s.media_type;
	s.descriptor.data = s.data;
	s.descriptor.artifact_type = s.descriptor.reference_type = NULL;
	s.descriptor.ref_name = s.descriptor.image_name = NULL;
	s.descriptor.urls = NULL;
	*out = s;
	s = (struct selected){0};
	return 0;
}

static int note_odd(struct search *s, const char *type, struct o2r_err *err)
{
	if (s->odd_type)
		return 0;
	s->odd_type = strdup(type);
	return s->odd_type ? 0 : err_nomem(err);
}

static int add_candidate(struct search *s, const struct descriptor *d, bool known,
	const struct platform *platform, struct o2r_err *err)
{
	struct candidate c = {.entry = s->entry, .known = known, .rank = -1};
	int r = VEC_RESERVE(s->found, s->count, s->cap, 1, SEARCH_IMAGES_MAX);

	if (r == -E2BIG)
		return err_corrupt(err, "more than %d images to choose from: name a tag",
			SEARCH_IMAGES_MAX);
	if (r < 0)
		return err_nomem(err);
	if (known) {
		c.platform = *platform;
		c.rank = platform_rank(s->platform, platform);
	}
	r = copy_selected(d, &c.image, err);
	if (r == 0)
		s->found[s->count++] = c;
	return r;
}

/* An error that might have been none, so that *err is left alone when all ends well. */
static int pass_on(const struct o2r_err *why, struct o2r_err *err)
{
	if (err)
		*err = *why;
	return why->code;
}

/*
 * The platform of a manifest whose descriptor tells none, from its config: 1, or 0 when
 * that tells none either or is missing (a sparse copy: an error only when it is chosen).
 */
static int look_inside(struct search *s, const struct document *manifest,
	struct platform *out, struct o2r_err *err)
{
	const struct layout *l = s->layout;
	AUTO_BUF struct buf text = {0};
	struct o2r_err why = {0};
	int r = layout_config(l, &manifest->config, &text, &why);

	if (r < 0)
		return r == -ENOENT ? 0 : pass_on(&why, err);
	r = config_platform(text.data, text.len, l->ctx, out, err);
	if (r < 0)
		return err_wrap(
			err, "config %s", digest_format(&manifest->config.digest).s);
	return r;
}

static int visit_manifest(struct search *s, const struct descriptor *d,
	const struct document *manifest, struct o2r_err *err)
{
	struct platform platform = {0};
	int known;

	if (media_kind_of(manifest->config.media_type) != MEDIA_CONFIG)
		return note_odd(s, manifest->config.media_type, err);
	known = look_inside(s, manifest, &platform, err);
	if (known < 0)
		return known;
	if (known && platform_is_unknown(&platform))
		return 0;
	return add_candidate(s, d, known, &platform, err);
}

/* Each index once, or a few small files could have us visit billions. 1: not yet seen. */
static int mark_visited(
	struct search *s, const struct digest *digest, struct o2r_err *err)
{
	for (size_t i = 0; i < s->visited_count; i++)
		if (digest_equal(&s->visited[i], digest))
			return 0;
	if (++s->indexes > SEARCH_INDEXES_MAX)
		return err_corrupt(err,
			"more than %d nested indexes to look at: name a tag",
			SEARCH_INDEXES_MAX);
	if (VEC_RESERVE(s->visited, s->visited_count, s->visited_cap, 1,
		    SEARCH_INDEXES_MAX) < 0)
		return err_nomem(err);
	s->visited[s->visited_count++] = *digest;
	return 1;
}

static int visit_index(struct search *s, const struct descriptor *d,
	const struct document *index, unsigned depth, struct o2r_err *err)
{
	int r = mark_visited(s, &d->digest, err);

	if (r <= 0)
		return r;
	if (depth > SEARCH_DEPTH_MAX)
		return err_corrupt(err, "%s: indexes are nested deeper than %d",
			digest_format(&d->digest).s, SEARCH_DEPTH_MAX);
	r = 0;
	for (unsigned i = 0; r == 0 && i < index->count; i++)
		r = visit(s, &index->entries[i], depth, err);
	return r;
}

/* The descriptor does not say enough: an index, or no platform, or no type. */
static int visit_content(
	struct search *s, const struct descriptor *d, unsigned depth, struct o2r_err *err)
{
	CLEANUP(document_finish) struct document doc = {0};
	struct o2r_err why = {0};
	int r = layout_document(s->layout, d, &doc, NULL, &why);

	if (r == -ENOENT && media_kind_of(d->media_type) != MEDIA_INDEX)
		return add_candidate(s, d, false, NULL, err);
	if (r < 0)
		return pass_on(&why, err);
	return doc.kind == MEDIA_INDEX ? visit_index(s, d, &doc, depth + 1, err)
				       : visit_manifest(s, d, &doc, err);
}

static int visit(
	struct search *s, const struct descriptor *d, unsigned depth, struct o2r_err *err)
{
	int r = ctx_check(s->layout->ctx, err);

	if (r < 0 || descriptor_is_attestation(d))
		return r;
	if (d->artifact_type && *d->artifact_type)
		return note_odd(s, d->artifact_type, err);
	if (!d->media_type || !*d->media_type)
		return visit_content(s, d, depth, err);
	switch (media_kind_of(d->media_type)) {
	case MEDIA_MANIFEST:
		if (d->has_platform)
			return add_candidate(s, d, true, &d->platform, err);
		return visit_content(s, d, depth, err);
	case MEDIA_INDEX:
		return visit_content(s, d, depth, err);
	default:
		return note_odd(s, d->media_type, err);
	}
}

static void mark_best(struct search *s, size_t from)
{
	struct candidate *best = NULL;

	for (size_t i = from; i < s->count; i++) {
		struct candidate *c = &s->found[i];

		if (!best || (c->rank >= 0 && (best->rank < 0 || c->rank < best->rank)))
			best = c;
	}
	if (best)
		best->best = true;
}

int search_entry(
	struct search *s, const struct descriptor *d, unsigned entry, struct o2r_err *err)
{
	size_t from = s->count;
	int r;

	s->entry = entry;
	s->visited_count = 0;
	r = visit(s, d, 0, err);
	if (r < 0)
		return err_wrap(err, "%s", s->layout->name);
	mark_best(s, from);
	return 0;
}
