/* Small things in the cache folder: documents, what names meant; all kinds in lists. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "sources/name_note.h"
#include "sources/store.h"
#include "unit.h"

#define NGINX "docker.io/library/nginx:latest"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

static char scratch[] = "/tmp/o2r-test-store-name.XXXXXX";

static struct digest digest(const char *content)
{
	struct digest d = {0};

	CHECK_EQ(digest_of(DIGEST_SHA256, content, strlen(content), &d, NULL), 0);
	return d;
}

/* DIR/FOLDER/sha256/HEX with a suffix. */
static char *path_of(const struct store *s, const char *folder, const struct digest *d,
	const char *suffix)
{
	static char p[4][300];
	static unsigned n;
	char *out = p[n++ % 4];

	snprintf(out, sizeof(p[0]), "%s/%s/sha256/%s%s", store_dir(s), folder,
		digest_format(d).s + 7, suffix);
	return out;
}

static struct store *open_new(const char *name)
{
	struct store *s = NULL;
	struct o2r_err err = {0};
	char dir[100];

	snprintf(dir, sizeof(dir), "%s/%s", scratch, name);
	CHECK_EQ(store_open(dir, true, &s, &err), 0);
	if (!s) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return s;
}

static void test_put(void)
{
	struct store *s = open_new("put");
	struct digest d = digest("{}");
	char buf[3] = "";
	struct stat a, b;

	CHECK_EQ(store_put(s, STORE_BLOB, &d, "{}", 2, NULL), 0);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &a), 0);
	/* kept is kept */
	CHECK_EQ(store_put(s, STORE_BLOB, &d, "{}", 2, NULL), 0);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);

	AUTO_FD int fd = store_get(s, STORE_BLOB, &d, NULL);

	CHECK_EQ(pread_full(fd, buf, 2, 0), 0);
	CHECK_STR(buf, "{}");
	/* one of another length is replaced */
	CHECK_EQ(truncate(path_of(s, "blobs", &d, ""), 1), 0);
	CHECK_EQ(store_put(s, STORE_BLOB, &d, "{}", 2, NULL), 0);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &b), 0);
	CHECK_EQ(b.st_size, 2);
	store_close(s);
}

/* A blob's own times stay as they are when it is used: they tell which file was seen. */
static void test_use_of_blobs(void)
{
	struct store *s = open_new("use");
	struct digest d = digest("blob");
	struct stat before, after, used;

	CHECK_EQ(store_put(s, STORE_BLOB, &d, "blob", 4, NULL), 0);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &before), 0);
	store_note_seen(s, &d, &before, NULL);
	CHECK(store_seen(s, &d, &before));
	CHECK(stat(path_of(s, "blobs", &d, ".used"), &used) < 0);

	int fd = store_get(s, STORE_BLOB, &d, NULL);

	CHECK(fd >= 0 && fstat(fd, &after) == 0);
	CHECK(store_seen(s, &d, &after));
	CHECK_EQ(stat(path_of(s, "blobs", &d, ".used"), &used), 0);
	close(fd);
	store_drop(s, STORE_BLOB, &d);
	CHECK(stat(path_of(s, "blobs", &d, ".used"), &used) < 0);
	store_close(s);
}

static void test_names(void)
{
	struct store *s = open_new("names");
	struct digest a = digest("a"), b = digest("b"), is = {0};
	AUTO_FREE char *type = NULL;
	char *none = NULL;

	CHECK_EQ(store_find_name(s, NGINX, &is, &type, NULL), -ENOENT);
	CHECK_EQ(store_note_name(s, NGINX, &a, INDEX_TYPE, NULL), 0);
	CHECK_EQ(store_find_name(s, NGINX, &is, &type, NULL), 0);
	CHECK(digest_equal(&is, &a));
	CHECK_STR(type, INDEX_TYPE);
	/* it means something else by now; a type that is no word is none */
	CHECK_EQ(store_note_name(s, NGINX, &b, "text/html; charset", NULL), 0);
	CHECK_EQ(store_find_name(s, NGINX, &is, &none, NULL), 0);
	CHECK(digest_equal(&is, &b) && !none);
	CHECK_EQ(store_find_name(s, NGINX "2", &is, &none, NULL), -ENOENT);
	CHECK_EQ(store_note_name(s, "two words", &b, NULL, NULL), -EINVAL);
	CHECK_EQ(store_note_name(s, "", &b, NULL, NULL), -EINVAL);
	store_close(s);
}

/* Each byte of it changed, each length: as good as none, and gone. */
static void test_damaged_name(void)
{
	struct store *s = open_new("damaged");
	struct digest d = digest("a"), key = digest(NGINX), is = {0};
	AUTO_BUF struct buf text = {0};
	char *type = NULL, *name = path_of(s, "names", &key, "");

	CHECK_EQ(store_note_name(s, NGINX, &d, INDEX_TYPE, NULL), 0);
	CHECK_EQ(file_read(AT_FDCWD, name, NAME_NOTE_MAX, &text, NULL), 0);
	for (size_t i = 0; i <= 2 * text.len; i++) {
		AUTO_FD int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		size_t n = i <= text.len ? text.len : i - text.len - 1;

		if (i < text.len)
			text.data[i] ^= 1;
		CHECK_EQ(write_full(fd, text.data, n), 0);
		if (i < text.len)
			text.data[i] ^= 1;
		CHECK_EQ(store_find_name(s, NGINX, &is, &type, NULL),
			i == text.len ? 0 : -ENOENT);
		CHECK_EQ(access(name, F_OK) == 0, i == text.len);
		free(STEAL(type));
	}
	/* whole, but of another name */
	CHECK_EQ(store_note_name(s, "example.com/a:b", &d, NULL, NULL), 0);
	key = digest("example.com/a:b");
	CHECK_EQ(rename(path_of(s, "names", &key, ""), name), 0);
	CHECK_EQ(store_find_name(s, NGINX, &is, &type, NULL), -ENOENT);
	store_close(s);
}

struct heard {
	unsigned of_kind[STORE_UNFINISHED + 1];
	int64_t used[STORE_UNFINISHED + 1];
	bool in_use[STORE_UNFINISHED + 1];
};

static int hear(void *arg, const struct store_item *item)
{
	struct heard *h = arg;

	h->of_kind[item->kind]++;
	h->used[item->kind] = item->used;
	h->in_use[item->kind] = item->in_use;
	return 0;
}

static void make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0);
	close(fd);
}

static void test_all_kinds(void)
{
	static const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	static const struct timespec later[2] = {{.tv_sec = 5000}, {.tv_sec = 5000}};
	static const char *const companions[] = {"blobs", "partial"};
	struct store *s = open_new("kinds");
	struct digest d = digest("d"), gone = digest("gone");
	struct heard h = {0};

	for (int kind = 0; kind < STORE_UNFINISHED; kind++)
		CHECK_EQ(store_put(s, (enum store_kind)kind, &d, "d", 1, NULL), 0);
	make(path_of(s, "blobs", &d, ".used"));
	make(path_of(s, "partial", &d, ".ranges"));
	make(path_of(s, "blobs", &gone, ".used"));
	make(path_of(s, "partial", &gone, ".ranges"));
	make(path_of(s, "index", &gone, ".seen"));
	CHECK_EQ(utimensat(AT_FDCWD, path_of(s, "blobs", &d, ""), long_ago, 0), 0);
	CHECK_EQ(utimensat(AT_FDCWD, path_of(s, "blobs", &d, ".used"), later, 0), 0);

	int fd = store_get(s, STORE_PARTIAL, &d, NULL);

	CHECK_EQ(store_list(s, hear, &h, NULL), 0);
	for (int kind = 0; kind < STORE_UNFINISHED; kind++) {
		CHECK_EQ(h.of_kind[kind], 1);
		CHECK_EQ(h.in_use[kind], kind == STORE_PARTIAL);
	}
	CHECK_EQ(h.used[STORE_BLOB], 5000);
	/* what is in use stays, with what goes with it */
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK_EQ(access(path_of(s, "partial", &d, ".ranges"), F_OK), 0);
	CHECK_EQ(access(path_of(s, "partial", &gone, ".ranges"), F_OK), -1);
	CHECK_EQ(access(path_of(s, "index", &gone, ".seen"), F_OK), -1);
	close(fd);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(companions); i++) {
		char dir[200];

		snprintf(dir, sizeof(dir), "%s/%s/sha256", store_dir(s), companions[i]);
		CHECK_EQ(rmdir(dir), 0);
	}
	store_close(s);
}

/* What was seen of a kept blob is not swept for want of an index. */
static void test_seen_without_index(void)
{
	struct store *s = open_new("no-index");
	struct digest d = digest("blob");
	struct stat st;

	CHECK_EQ(store_put(s, STORE_BLOB, &d, "blob", 4, NULL), 0);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &st), 0);
	store_note_seen(s, &d, &st, NULL);
	CHECK_EQ(store_prune(s, 1 << 20, NULL, NULL, NULL), 0);
	CHECK(store_seen(s, &d, &st));
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(!store_seen(s, &d, &st));
	store_close(s);
}

int main(void)
{
	char cmd[100];

	if (!mkdtemp(scratch))
		return 1;
	test_put();
	test_use_of_blobs();
	test_names();
	test_damaged_name();
	test_all_kinds();
	test_seen_without_index();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch);
	CHECK_EQ(system(cmd), 0);
	TEST_END;
}
