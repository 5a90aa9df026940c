/* Which files on disk were verified to be a blob: a pack of a few identities. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_identity.h"
#include "base/pack.h"
#include "sources/store_impl.h"

enum {
	SEEN_KIND = 'S' | 'E' << 8 | 'E' << 16 | 'N' << 24,
	SEEN_VERSION = 1,
	SEEN_SECTION = 1,
	SEEN_MAX = 16,                  /* the newest stay */
	SEEN_SIZE = FILE_IDENTITY_SIZE, /* of one, in the section */
};

struct seen {
	unsigned char list[SEEN_MAX][SEEN_SIZE]; /* oldest first */
	unsigned count;
};

static struct pack_id seen_id(const struct digest *blob)
{
	return (struct pack_id){.kind = SEEN_KIND, .version = SEEN_VERSION, .key = *blob};
}

static void read_section(struct pack_reader *r, struct seen *seen)
{
	AUTO_BUF struct buf b = {0};

	if (pack_read(r, SEEN_SECTION, sizeof(seen->list), &b, NULL) < 0 ||
		b.len % SEEN_SIZE)
		return;
	seen->count = (unsigned)(b.len / SEEN_SIZE);
	if (b.len)
		memcpy(seen->list, b.data, b.len);
}

/* What does not read well is as good as nothing. */
static void read_seen(struct store *s, const struct digest *blob, struct seen *seen)
{
	struct store_name name = store_name(blob, ".seen");
	struct pack_id id = seen_id(blob);
	struct pack_reader r;

	seen->count = 0;

	AUTO_FD int folder = store_folder(s, STORE_INDEX, blob->algo, false, NULL);

	if (folder < 0)
		return;

	AUTO_FD int fd =
		openat(folder, name.s, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && pack_open(&r, fd, &id, NULL) == 0)
		read_section(&r, seen);
}

static int find(const struct seen *seen, const unsigned char p[SEEN_SIZE])
{
	for (unsigned i = 0; i < seen->count; i++)
		if (memcmp(seen->list[i], p, SEEN_SIZE) == 0)
			return (int)i;
	return -1;
}

bool store_seen(struct store *s, const struct digest *blob, const struct stat *st)
{
	unsigned char p[SEEN_SIZE];
	struct seen seen;

	file_identity_encode(st, p);
	read_seen(s, blob, &seen);
	return find(&seen, p) >= 0;
}

static void add(struct seen *seen, const unsigned char p[SEEN_SIZE])
{
	if (seen->count == SEEN_MAX) {
		seen->count--;
		memmove(seen->list[0], seen->list[1], (size_t)seen->count * SEEN_SIZE);
	}
	memcpy(seen->list[seen->count++], p, SEEN_SIZE);
}

/* Not written: the file is verified again another time. */
static void write_seen(
	struct store *s, const struct digest *blob, const struct seen *seen)
{
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	struct pack_id id = seen_id(blob);
	struct pack_writer w;
	int r = store_make_temporary(s, &t, NULL);

	if (r == 0)
		r = pack_begin(&w, t.fd, &id, NULL);
	if (r == 0)
		r = pack_section(&w, SEEN_SECTION, seen->list,
			(size_t)seen->count * SEEN_SIZE, NULL);
	if (r == 0)
		r = pack_end(&w, NULL);
	if (r == 0)
		r = store_rename(s, &t, STORE_INDEX, blob, ".seen", NULL);
	(void)r;
}

void store_note_seen(struct store *s, const struct digest *blob, const struct stat *st,
	const struct timespec *began)
{
	unsigned char p[SEEN_SIZE];
	struct seen seen;

	if (began && file_identity_is_racy(st, began))
		return;
	file_identity_encode(st, p);
	/* whoever writes at the same time may win: then that file is verified once more
	 */
	read_seen(s, blob, &seen);
	if (find(&seen, p) >= 0)
		return;
	add(&seen, p);
	write_seen(s, blob, &seen);
}
