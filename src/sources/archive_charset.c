#include "sources/archive_charset.h"

struct archive_charset archive_charset_begin(void)
{
	struct archive_charset c = {
		.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};

	if (c.utf8)
		c.before = uselocale(c.utf8);
	return c;
}

void archive_charset_finish(struct archive_charset *c)
{
	if (!c->utf8)
		return;
	uselocale(c->before);
	freelocale(c->utf8);
	c->utf8 = (locale_t)0;
}
