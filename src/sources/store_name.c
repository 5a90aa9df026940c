/* Small things that are kept whole: documents, and what names meant. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/name_note.h"
#include "sources/store_impl.h"

/* Is it kept already? Its use is noted. */
static bool is_kept(
	struct store *s, enum store_kind kind, const struct digest *d, size_t n)
{
	AUTO_FD int fd = store_get(s, kind, d, NULL);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == n;
}

static int put(struct store *s, enum store_kind kind, const struct digest *d,
	const void *p, size_t n, struct o2r_err *err)
{
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	int r = store_begin(s, &t, err);

	if (r < 0)
		return r;
	r = write_full(t.fd, p, n);
	if (r < 0)
		return err_errno(err, -r, "cannot write to the cache folder %s",
			text_quote(s->dir, strlen(s->dir)).s);
	return store_publish(s, &t, kind, d, err);
}

int store_put(struct store *s, enum store_kind kind, const struct digest *d,
	const void *p, size_t n, struct o2r_err *err)
{
	return is_kept(s, kind, d, n) ? 0 : put(s, kind, d, p, n, err);
}

/* Names are files called by their SHA-256: whatever is in them, it is no path. */
static int key_of(const char *name, struct digest *key, struct o2r_err *err)
{
	return digest_of(DIGEST_SHA256, name, strlen(name), key, err);
}

int store_note_name(struct store *s, const char *name, const struct digest *d,
	const char *media_type, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {.max = NAME_NOTE_MAX};
	struct digest key;
	int r = key_of(name, &key, err);

	if (r == 0)
		r = name_note_encode(name, d, media_type, &text, err);
	return r < 0 ? r : put(s, STORE_NAME, &key, text.data, text.len, err);
}

static int read_note(int fd, char text[NAME_NOTE_MAX], size_t *n)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > NAME_NOTE_MAX)
		return -EFBIG;
	*n = (size_t)st.st_size;
	return pread_full(fd, text, *n, 0);
}

int store_find_name(struct store *s, const char *name, struct digest *d,
	char **media_type, struct o2r_err *err)
{
	char text[NAME_NOTE_MAX];
	struct digest key;
	size_t n = 0;
	int r = key_of(name, &key, err);

	if (r < 0)
		return r;

	AUTO_FD int fd = store_get(s, STORE_NAME, &key, err);

	if (fd < 0)
		return fd;
	r = read_note(fd, text, &n);
	if (r == 0)
		r = name_note_parse(text, n, name, d, media_type, NULL);
	if (r == 0 || r == -ENOMEM)
		return r < 0 ? err_nomem(err) : 0;
	/* as good as none, and no longer in the way of a good one */
	store_drop(s, STORE_NAME, &key);
	return -ENOENT;
}
