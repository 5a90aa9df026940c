/*
 * Any bytes as an archive for --layer, and as a file for --add. What is converted must be
 * a layer that our reader takes, with the entries and the bytes that libarchive finds in
 * the archive; what is not must say why. No descriptor and no file is left. In front of
 * what begins as an ISO 9660 does, its 32 KiB of nothing are put.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "fs/tar_index.h"
#include "layer_invariants.h"
#include "sources/archive_charset.h"
#include "sources/archive_tar_out.h"

enum {
	MAX_BYTES = 256 << 10,
	MAX_ENTRIES = 200,
	ISO_FRONT = 32 << 10,
	ISO_LEAST = 48 << 10, /* with less nobody takes it for one */
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* in memory, where there is such a place */
static char folder[] = "/dev/shm/o2r-fuzz-convert.XXXXXX";

static void leave(void)
{
	rmdir(folder);
}

/* For the name of a cpio libarchive asks for as much memory as a header says, up to 4
 * GiB, and touches no more of it than there is. */
static void allow_large_blocks(int *argc, char ***argv)
{
	static char limit[] = "-malloc_limit_mb=4100";
	char **all = calloc((size_t)*argc + 2, sizeof(*all));

	REQUIRE(all);
	memcpy(all, *argv, (size_t)*argc * sizeof(*all));
	all[(*argc)++] = limit;
	*argv = all;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	allow_large_blocks(argc, argv);
	if (!mkdtemp(folder)) {
		strcpy(folder, "/tmp/o2r-fuzz-convert.XXXXXX");
		REQUIRE(mkdtemp(folder));
	}
	REQUIRE(setenv("TMPDIR", folder, 1) == 0 && atexit(leave) == 0);
	return 0;
}

static void require_error(int r, const struct o2r_err *err)
{
	REQUIRE(r < 0 && err->code == r && err->cls != ERR_NONE && err->text[0]);
	for (const char *p = err->text; *p; p++)
		REQUIRE((unsigned char)*p >= ' ' && *p != 0x7f);
}

static int next_descriptor(void)
{
	int fd = dup(STDIN_FILENO);

	REQUIRE(fd >= 0 && close(fd) == 0);
	return fd;
}

static void require_empty_folder(void)
{
	DIR *dir = opendir(folder);
	int names = 0;

	REQUIRE(dir);
	while (readdir(dir))
		names++;
	closedir(dir);
	REQUIRE(names == 2);
}

static int make_file(const uint8_t *data, size_t size)
{
	bool iso = size > 6 && memcmp(data, "\1CD001", 6) == 0;
	size_t front = iso ? ISO_FRONT : 0, all = front + size;
	int fd = memfd_create("archive", MFD_CLOEXEC);

	REQUIRE(fd >= 0 && pwrite_full(fd, data, size, front) == 0);
	if (iso && all < ISO_LEAST)
		all = ISO_LEAST;
	REQUIRE(ftruncate(fd, (off_t)all) == 0);
	return fd;
}

/* ---- what libarchive finds */

struct found {
	uint64_t hash, entries;
	int format; /* ARCHIVE_FORMAT_BASE_MASK of the archive */
	bool whole;
};

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;

	while (n--)
		h = (h ^ *c++) * 0x100000001b3;
	return h;
}

static uint64_t mix_text(uint64_t h, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	while (n > 1 && text[n - 1] == '/')
		n--;
	return mix(mix(h, text ? text : "", n), text ? "+" : "-", 1);
}

static uint64_t mix_content(uint64_t h, struct archive *a, bool *whole)
{
	static char buf[64 << 10];
	la_ssize_t n;

	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0)
		h = mix(h, buf, (size_t)n);
	*whole = *whole && n == 0;
	return h;
}

static void find_entry(struct archive *a, struct archive_entry *e, struct found *f)
{
	bool link = archive_entry_hardlink(e) != NULL;
	int type = link ? 0 : (int)archive_entry_filetype(e);
	int64_t mtime = archive_entry_mtime(e);
	uint64_t h = f->hash;

	h = mix_text(h, archive_entry_pathname(e));
	h = mix_text(h, archive_entry_hardlink(e));
	h = link ? h : mix_text(h, archive_entry_symlink(e));
	h = mix(mix(h, &type, sizeof(type)), &mtime, sizeof(mtime));
	f->hash = type == AE_IFREG ? mix_content(h, a, &f->whole) : h;
	f->entries++;
}

static struct found find(int fd)
{
	UTF8_NAMES(charset);
	struct found f = {.hash = 0xcbf29ce484222325, .whole = true};
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int r;

	REQUIRE(a && lseek(fd, 0, SEEK_SET) == 0);
	archive_accept_filters(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_cpio(a);
	archive_read_support_format_zip(a);
	archive_read_support_format_7zip(a);
	archive_read_support_format_iso9660(a);
	r = archive_read_open_fd(a, fd, MAX_BYTES);
	while (r == ARCHIVE_OK || r == ARCHIVE_WARN) {
		r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
			find_entry(a, e, &f);
	}
	f.whole = f.whole && r == ARCHIVE_EOF;
	f.format = archive_format(a) & ARCHIVE_FORMAT_BASE_MASK;
	archive_read_free(a);
	return f;
}

/* ---- what our reader finds */

/* What an entry of any archive may have and no layer may. */
static const char *const ODD[] = {
	"a symbolic link without a target",
	" bytes, more than ", /* names and attributes */
	"is out of range",
	" is not in 0 .. ",
};

static void require_odd(const struct o2r_err *err)
{
	bool odd = false;

	for (size_t i = 0; i < ARRAY_LEN(ODD); i++)
		odd = odd || strstr(err->text, ODD[i]);
	if (!odd || strncmp(err->text, "entry ", 6) != 0) {
		fprintf(stderr, "%s\n", err->text);
		abort();
	}
}

/* Its number of entries, 0 when it is refused. */
static uint64_t parse(int fd, const struct ctx *ctx)
{
	struct layer layer = {0};
	struct tar_index *t = NULL;
	struct o2r_err err = {0};
	off_t size = lseek(fd, 0, SEEK_END);
	AUTO_FREE char *bytes = malloc((size_t)size + 1);
	uint64_t count;
	int r;

	REQUIRE(size > 0 && bytes && pread_full(fd, bytes, (size_t)size, 0) == 0);
	REQUIRE(tar_index_create(&layer, "layer", ctx, &t, &err) == 0);
	r = tar_index_data(t, bytes, (size_t)size, &err);
	if (r == 0)
		r = tar_index_end(t, &err);
	if (r < 0)
		require_odd(&err);
	else
		require_layer(&layer, (uint64_t)size);
	count = r < 0 ? 0 : layer.count;
	tar_index_destroy(t);
	layer_finish(&layer);
	return count;
}

static void convert(int fd, const struct ctx *ctx)
{
	struct o2r_err err = {0};
	int out = -1, r;

	REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	r = archive_convert(fd, ctx, &out, &err);
	if (r != 0)
		REQUIRE(out < 0);
	if (r < 0)
		require_error(r, &err);
	if (r == 0) {
		struct ctx roomy = *ctx;
		struct found before = find(fd), after = find(out);

		roomy.limits = (struct limits)LIMITS_DEFAULT;
		parse(out, &roomy);
		REQUIRE(before.whole && after.whole);
		/* links of a cpio come with their content more than once */
		if (before.format != ARCHIVE_FORMAT_CPIO)
			REQUIRE(before.hash == after.hash &&
				before.entries == after.entries);
		close(out);
	}
}

/* As --add has it: the name and the mode are the user's, so any. Where files in memory
 * have attributes, it has one. */
static void add(int fd, const uint8_t *data, size_t size, const struct ctx *ctx)
{
	struct tar_out *w = NULL;
	struct o2r_err err = {0};
	char name[100] = "f";
	int out = -1, r;

	for (size_t i = 0; i < size && i + 2 < sizeof(name); i++)
		name[i + 1] = data[i] ? (char)data[i] : 'x';
	(void)fsetxattr(fd, "user.note", data, MIN(size, (size_t)100), 0);
	REQUIRE(tar_out_begin(&w, &err) == 0);
	r = tar_out_file(w, fd, name, data[0] & 07, data[0], data[0], ctx, &err);
	if (r == 0)
		r = tar_out_end(w, &out, &err);
	tar_out_destroy(w);
	if (r < 0) {
		require_error(r, &err);
		return;
	}
	REQUIRE(parse(out, ctx) == 1);
	close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	int first = next_descriptor(), fd = make_file(data, size);

	ctx.limits.layer_bytes = MAX_BYTES;
	ctx.limits.entries = MAX_ENTRIES;
	convert(fd, &ctx);
	ctx.limits.layer_bytes *= 8;
	if (size)
		add(fd, data, size, &ctx);
	close(fd);
	REQUIRE(next_descriptor() == first);
	require_empty_folder();
	return 0;
}
