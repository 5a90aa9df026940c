#include "sources/select.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/choices.h"
#include "sources/ref.h"

/* How well an entry's names suit the tag asked for: 0 is best, -1 not at all. */
static int name_rank(const struct descriptor *d, const char *tag)
{
	const char *colon = d->image_name ? strrchr(d->image_name, ':') : NULL;

	if (d->ref_name && strcmp(d->ref_name, tag) == 0)
		return 0;
	if (d->image_name && strcmp(d->image_name, tag) == 0)
		return 1;
	if (d->image_name && ref_same_image(d->image_name, tag))
		return 2;
	/* a ref.name is mostly a tag, but may be a whole reference too */
	if (d->ref_name && strpbrk(d->ref_name, "/:") && ref_same_image(d->ref_name, tag))
		return 2;
	if ((d->image_name && ref_same_local(tag, d->image_name)) ||
		(d->ref_name && ref_same_local(tag, d->ref_name)))
		return 3;
	return colon && strcmp(colon + 1, tag) == 0 ? 4 : -1;
}

static int best_name_rank(const struct document *index, const char *tag)
{
	int best = -1;

	for (unsigned i = 0; i < index->count; i++) {
		int rank = name_rank(&index->entries[i], tag);

		if (rank >= 0 && (best < 0 || rank < best))
			best = rank;
	}
	return best;
}

static int no_such_tag(const struct layout *l, const struct document *index,
	const char *tag, struct o2r_err *err)
{
	struct choices list = {0};

	for (unsigned i = 0; i < index->count; i++)
		choices_add_entry(&list, &index->entries[i], i);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "%s has no image \"%s\", only %s",
		l->name, text_quote(tag, strlen(tag)).s, choices_text(&list));
}

static int by_tag(struct search *s, const struct document *index, const char *tag,
	struct o2r_err *err)
{
	int rank = best_name_rank(index, tag), r = 0;

	if (rank < 0)
		return no_such_tag(s->layout, index, tag, err);
	for (unsigned i = 0; r == 0 && i < index->count; i++)
		if (name_rank(&index->entries[i], tag) == rank)
			r = search_entry(s, &index->entries[i], i, err);
	return r;
}

static int by_index(
	struct search *s, const struct document *index, long at, struct o2r_err *err)
{
	if (at >= (long)index->count)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s has no entry @%ld: its index.json has %u, counted from @0",
			s->layout->name, at, index->count);
	if (descriptor_is_attestation(&index->entries[at]))
		return err_set(err, ERR_FAIL, EOPNOTSUPP,
			"entry @%ld of %s is an attestation, not an image", at,
			s->layout->name);
	return search_entry(s, &index->entries[at], (unsigned)at, err);
}

static int by_platform_only(
	struct search *s, const struct document *index, struct o2r_err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < index->count; i++)
		r = search_entry(s, &index->entries[i], i, err);
	return r;
}

static int nothing_found(const struct search *s, struct o2r_err *err)
{
	const char *type = s->odd_type;

	if (!type)
		return err_set(
			err, ERR_NOT_FOUND, ENOENT, "%s holds no image", s->layout->name);
	if (media_kind_of(type) == MEDIA_SCHEMA1)
		return err_set(err, ERR_FAIL, EOPNOTSUPP,
			"%s holds a Docker schema 1 manifest, which is not supported: "
			"convert "
			"it, for example by `skopeo copy --format oci`",
			s->layout->name);
	return err_set(err, ERR_FAIL, EOPNOTSUPP,
		"%s holds no container image there, but an artifact of the type \"%s\"",
		s->layout->name, text_quote(type, strlen(type)).s);
}

static int no_platform(const struct search *s, struct o2r_err *err)
{
	struct choices list = {0};

	for (size_t i = 0; i < s->count; i++)
		choices_add(&list, platform_format(&s->found[i].platform).s);
	return err_set(err, ERR_PLATFORM, ENOENT,
		"%s has no image for %s, only for %s: choose with --platform",
		s->layout->name, platform_format(s->platform).s, choices_text(&list));
}

static int ambiguous(const struct search *s, const struct document *index, int rank,
	struct o2r_err *err)
{
	struct choices list = {0};

	for (size_t i = 0; i < s->count; i++) {
		const struct candidate *c = &s->found[i];

		if (c->best && c->rank == rank)
			choices_add_entry(&list, &index->entries[c->entry], c->entry);
	}
	return err_set(err, ERR_USAGE, EINVAL,
		"%s has several images for %s: %s; choose with %s", s->layout->name,
		platform_format(s->platform).s, choices_text(&list),
		s->layout->choose ? s->layout->choose : "oci:DIR:TAG or oci:DIR:@N");
}

/* The best rank there is: -1 when no platform is known at all, -2 when none matches. */
static int best_rank(const struct search *s)
{
	bool known = false;
	int best = -1;

	for (size_t i = 0; i < s->count; i++) {
		const struct candidate *c = &s->found[i];

		known |= c->known;
		if (c->rank >= 0 && (best < 0 || c->rank < best))
			best = c->rank;
	}
	return best < 0 && known ? -2 : best;
}

static int choose(struct search *s, const struct document *index, struct selected *out,
	struct o2r_err *err)
{
	int rank = best_rank(s);
	struct candidate *chosen = NULL;

	if (!s->count)
		return nothing_found(s, err);
	if (rank == -2)
		return no_platform(s, err);
	for (size_t i = 0; i < s->count; i++) {
		struct candidate *c = &s->found[i];

		if (!c->best || c->rank != rank)
			continue;
		/* several tags of one image are no choice */
		if (chosen && !digest_equal(&chosen->image.descriptor.digest,
				      &c->image.descriptor.digest))
			return ambiguous(s, index, rank, err);
		if (!chosen)
			chosen = c;
	}
	if (!chosen)
		return nothing_found(s, err);
	*out = chosen->image;
	out->descriptor.has_platform = chosen->known;
	out->descriptor.platform = chosen->platform;
	chosen->image = (struct selected){0};
	return 0;
}

int select_manifest(const struct layout *l, const struct document *index,
	const struct wanted *want, struct selected *out, struct o2r_err *err)
{
	CLEANUP(search_finish)
	struct search s = {.layout = l, .platform = &want->platform};
	int r;

	if (want->tag)
		r = by_tag(&s, index, want->tag, err);
	else if (want->index >= 0)
		r = by_index(&s, index, want->index, err);
	else
		r = by_platform_only(&s, index, err);
	return r < 0 ? r : choose(&s, index, out, err);
}
