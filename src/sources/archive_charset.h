/*
 * Names in archives: libarchive turns those that are kept as Unicode (zip, 7z, pax) into
 * the charset of the thread's locale, and loses them where that has no such characters.
 * Between begin and finish the thread has a locale that has all.
 */
#ifndef O2R_SOURCES_ARCHIVE_CHARSET_H
#define O2R_SOURCES_ARCHIVE_CHARSET_H

#include <locale.h>

struct archive_charset {
	locale_t utf8, before;
};

/* Without such a locale on this system nothing changes. */
struct archive_charset archive_charset_begin(void);
void archive_charset_finish(struct archive_charset *c);
#define UTF8_NAMES(var)                                                                  \
	CLEANUP(archive_charset_finish)                                                  \
	struct archive_charset var __attribute__((unused)) = archive_charset_begin()

#endif
