#include "sources/choices.h"

#include <stdio.h>
#include <string.h>

void choices_add(struct choices *c, const char *item)
{
	struct quoted quoted = text_quote(item, strlen(item));

	for (unsigned i = 0; i < c->count; i++)
		if (strcmp(c->shown[i].s, quoted.s) == 0)
			return;
	if (c->count == CHOICES_SHOWN)
		c->more++;
	else
		c->shown[c->count++] = quoted;
}

void choices_add_entry(struct choices *c, const struct descriptor *d, unsigned at)
{
	const char *name = d->ref_name ? d->ref_name : d->image_name;
	char item[sizeof(c->shown[0].s)];

	if (name)
		snprintf(item, sizeof(item), "%.120s (@%u)", name, at);
	else
		snprintf(item, sizeof(item), "@%u", at);
	choices_add(c, item);
}

const char *choices_text(struct choices *c)
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < c->count; i++) {
		size_t left = sizeof(c->text) - at;
		size_t need = strlen(c->shown[i].s) + sizeof(",  and 4294967295 more");

		if (need > left)
			break;
		at += (size_t)snprintf(
			c->text + at, left, "%s%s", i ? ", " : "", c->shown[i].s);
	}

	unsigned more = c->more + (c->count - i);

	if (more)
		snprintf(c->text + at, sizeof(c->text) - at, " and %u more", more);
	return c->count ? c->text : "nothing";
}
