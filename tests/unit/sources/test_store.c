/* The cache folder: whose it may be, files by digest, locks, what was seen, pruning. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "sources/store.h"
#include "unit.h"

static char scratch[] = "/tmp/o2r-test-store.XXXXXX";

static char *path(const char *fmt, const char *a)
{
	static char p[8][200];
	static unsigned n;
	char *out = p[n++ % 8];
	char name[100];

	snprintf(name, sizeof(name), "%s", fmt);
	if (a)
		strncat(name, a, sizeof(name) - strlen(name) - 1);
	snprintf(out, sizeof(p[0]), "%s/%s", scratch, name);
	return out;
}

static struct digest digest(const char *content)
{
	struct digest d = {0};

	CHECK_EQ(digest_of(DIGEST_SHA256, content, strlen(content), &d, NULL), 0);
	return d;
}

static struct store *open_new(const char *name)
{
	struct store *s = NULL;
	struct o2r_err err = {0};

	CHECK_EQ(store_open(path(name, NULL), true, &s, &err), 0);
	if (!s) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return s;
}

/* Keep a file; its descriptor. */
static int keep(struct store *s, enum store_kind kind, const char *content)
{
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	struct o2r_err err = {0};
	struct digest d = digest(content);

	CHECK_EQ(store_begin(s, &t, &err), 0);
	CHECK_EQ(write_full(t.fd, content, strlen(content)), 0);
	CHECK_EQ(store_publish(s, &t, kind, &d, &err), 0);
	return steal_fd(&t.fd);
}

static void test_keep_and_get(void)
{
	struct store *s = open_new("keep");
	struct digest d = digest("one"), none = digest("none");
	struct o2r_err err = {0};
	struct stat st;
	char buf[8] = "";
	int made = keep(s, STORE_INDEX, "one");

	CHECK(made >= 0);
	CHECK(store_has(s, STORE_INDEX, &d));
	CHECK(!store_has(s, STORE_BLOB, &d));
	CHECK_EQ(store_get(s, STORE_INDEX, &none, &err), -ENOENT);

	int fd = store_get(s, STORE_INDEX, &d, &err);

	CHECK(fd >= 0);
	CHECK_EQ(pread_full(fd, buf, 3, 0), 0);
	CHECK_STR(buf, "one");
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600);
	close(fd);
	close(made);
	for (int i = 0; i < 2; i++)
		store_drop(s, STORE_INDEX, &d);
	CHECK(!store_has(s, STORE_INDEX, &d));
	CHECK_EQ(store_get(s, STORE_INDEX, &d, &err), -ENOENT);
	store_close(s);
	CHECK(stat(path("keep", NULL), &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(stat(path("keep/CACHEDIR.TAG", NULL), &st) == 0 && st.st_size > 43);
	CHECK_EQ(store_open(path("keep", NULL), false, &s, &err), 0);
	CHECK_STR(store_dir(s), path("keep", NULL));
	store_close(s);
}

static void test_discarded(void)
{
	struct store *s = open_new("discard");
	struct tmpfile t = TMPFILE_INIT;
	struct digest d = digest("x");
	struct stat st;

	CHECK_EQ(store_begin(s, &t, NULL), 0);
	CHECK(stat(path("discard/tmp/", t.tmp_name), &st) == 0);

	tmpfile_finish(&t);
	CHECK(rmdir(path("discard/tmp", NULL)) == 0);
	CHECK(!store_has(s, STORE_INDEX, &d));
	store_close(s);
}

struct folder_case {
	const char *name;
	int (*make)(const char *p);
	int code;
	const char *says;
};

static int make_file(const char *p)
{
	int fd = open(p, O_WRONLY | O_CREAT, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int make_link(const char *p)
{
	return symlink(path("keep", NULL), p);
}

static int make_link_to_nothing(const char *p)
{
	return symlink("nowhere", p);
}

static int make_open_to_all(const char *p)
{
	return mkdir(p, 0700) < 0 || chmod(p, 0777) < 0;
}

static int make_of_other(const char *p)
{
	return mkdir(p, 0700) < 0 || chown(p, 12345, 12345) < 0;
}

static int make_full(const char *p)
{
	char name[200];

	snprintf(name, sizeof(name), "%s/thesis.txt", p);
	return mkdir(p, 0700) < 0 || make_file(name) < 0;
}

static int make_wrong_tag(const char *p)
{
	char name[200];

	snprintf(name, sizeof(name), "%s/CACHEDIR.TAG", p);
	return mkdir(p, 0700) < 0 || make_file(name) < 0;
}

static void test_folders_not_used(void)
{
	static const struct folder_case cases[] = {
		{"a-file", make_file, -ENOTDIR, "not a directory"},
		{"a-link", make_link, -ENOTDIR, "symbolic link"},
		{"a-dangling-link", make_link_to_nothing, -ENOTDIR, "symbolic link"},
		{"open-to-all", make_open_to_all, -EPERM, "others may write"},
		{"of-other", make_of_other, -EPERM, "belongs to user 12345"},
		{"full", make_full, -ENOTEMPTY, "not a cache folder"},
		{"wrong-tag", make_wrong_tag, -ENOTEMPTY, "not a cache folder"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct folder_case *c = &cases[i];
		struct store *s = NULL;
		struct o2r_err err = {0};
		char *p = path(c->name, NULL);

		if (c->make == make_of_other && geteuid() != 0)
			continue;
		CHECK_EQ(c->make(p), 0);
		for (int slash = 0; slash < 2; slash++) {
			CHECK_EQ(store_open(p, true, &s, &err), c->code);
			if (!strstr(err.text, c->says))
				fprintf(stderr, "%s: %s\n", c->name, err.text);
			CHECK(strstr(err.text, c->says) != NULL);
			strcat(p, "/");
		}
	}
}

static void test_not_made(void)
{
	struct store *s = NULL;
	struct o2r_err err = {0};
	struct stat st;

	CHECK_EQ(store_open(path("not-there", NULL), false, &s, &err), -ENOENT);
	CHECK(stat(path("not-there", NULL), &st) < 0);
	CHECK_EQ(store_open(path("not-there/deep/er//", NULL), true, &s, &err), 0);
	CHECK_STR(store_dir(s), path("not-there/deep/er", NULL));
	store_close(s);
	CHECK(store_open("", true, &s, &err) < 0);
}

static void test_default_folder(void)
{
	struct store *s = NULL;
	struct o2r_err err = {0};

	setenv("HOME", path("home", NULL), 1);
	setenv("XDG_CACHE_HOME", path("xdg", NULL), 1);
	CHECK_EQ(store_open(NULL, true, &s, &err), 0);
	CHECK_STR(store_dir(s), path("xdg/o2r", NULL));
	store_close(s);
	static const char *const ignored[] = {"", "relative/path", NULL};

	for (size_t i = 0; i < 3; i++) {
		if (ignored[i])
			setenv("XDG_CACHE_HOME", ignored[i], 1);
		else
			unsetenv("XDG_CACHE_HOME");
		CHECK_EQ(store_open(NULL, true, &s, &err), 0);
		CHECK_STR(store_dir(s), path("home/.cache/o2r", NULL));
		store_close(s);
	}
}

static void test_not_ours(void)
{
	struct store *s = open_new("not-ours");
	struct digest d = digest("mine");
	struct o2r_err err = {0};
	char *name = path("not-ours/index/sha256/", digest_format(&d).s + 7);

	close(keep(s, STORE_INDEX, "mine"));
	CHECK_EQ(chmod(name, 0666), 0);
	CHECK_EQ(store_get(s, STORE_INDEX, &d, &err), -EPERM);
	CHECK(!store_has(s, STORE_INDEX, &d));
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(symlink("/etc/passwd", name), 0);
	CHECK_EQ(store_get(s, STORE_INDEX, &d, &err), -ELOOP);
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(mkfifo(name, 0600), 0);
	CHECK_EQ(store_get(s, STORE_INDEX, &d, &err), -EPERM);
	/* keeping goes over all of these */
	close(keep(s, STORE_INDEX, "mine"));

	int fd = store_get(s, STORE_INDEX, &d, &err);

	CHECK(fd >= 0);
	close(fd);
	/* a folder that is a link is not followed */
	CHECK_EQ(rename(path("not-ours/index", NULL), path("elsewhere", NULL)), 0);
	CHECK_EQ(symlink(path("elsewhere", NULL), path("not-ours/index", NULL)), 0);
	fd = store_get(s, STORE_INDEX, &d, &err);
	CHECK(fd == -ELOOP || fd == -ENOTDIR);
	store_close(s);
}

static struct stat stat_at(time_t ctime, long nsec)
{
	return (struct stat){.st_dev = 1,
		.st_ino = 2,
		.st_size = 3,
		.st_mtim = {ctime - 100, nsec},
		.st_ctim = {ctime, nsec}};
}

static void test_seen(void)
{
	struct store *s = open_new("seen");
	struct digest d = digest("blob"), other = digest("other");
	struct timespec began = {.tv_sec = 1000000, .tv_nsec = 500000000};
	struct stat st = stat_at(999999, 5), changed;

	CHECK(!store_seen(s, &d, &st));
	store_note_seen(s, &d, &st, &began);
	store_note_seen(s, &d, &st, &began);
	CHECK(store_seen(s, &d, &st));
	CHECK(!store_seen(s, &other, &st));
	for (int i = 0; i < 7; i++) {
		changed = st;
		changed.st_dev += i == 0;
		changed.st_ino += i == 1;
		changed.st_size += i == 2;
		changed.st_mtim.tv_sec += i == 3;
		changed.st_mtim.tv_nsec += i == 4;
		changed.st_ctim.tv_sec += i == 5;
		changed.st_ctim.tv_nsec += i == 6;
		CHECK(!store_seen(s, &d, &changed));
	}
	/* the 16 newest are known */
	for (unsigned i = 0; i < 20; i++) {
		changed = st;
		changed.st_ino = 100 + i;
		store_note_seen(s, &d, &changed, &began);
	}
	CHECK(!store_seen(s, &d, &st));
	for (unsigned i = 0; i < 20; i++) {
		changed = st;
		changed.st_ino = 100 + i;
		CHECK_EQ(store_seen(s, &d, &changed), i >= 4);
	}
	store_close(s);
}

/* A file that was changed too shortly before its verification is not noted. */
static void test_racy_clock(void)
{
	static const struct {
		time_t sec;
		long nsec;
		bool noted;
	} cases[] = {
		{1000001, 1, false}, /* in the future */
		{1000000, 499000000, false},
		{1000000, 460000000, false},
		{1000000, 440000000, true},
		{999999, 999999999, true},
		/* no fractions: as coarse as two seconds */
		{999999, 0, false},
		{999997, 0, false},
		{999995, 0, true},
	};
	struct store *s = open_new("racy");
	struct timespec began = {.tv_sec = 1000000, .tv_nsec = 500000000};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stat st = stat_at(cases[i].sec, cases[i].nsec);
		struct digest d = digest("blob");

		st.st_ino = 1000 + i;
		store_note_seen(s, &d, &st, &began);
		CHECK_EQ(store_seen(s, &d, &st), cases[i].noted);
	}
	store_close(s);
}

/* Every byte of it changed, and every length: nothing is believed, noting makes it anew.
 */
static void test_damaged_seen(void)
{
	struct store *s = open_new("damaged");
	struct digest d = digest("blob");
	struct timespec began = {.tv_sec = 1000000};
	struct stat st = stat_at(5000, 5), file;
	char *name = path("damaged/index/sha256/", digest_format(&d).s + 7);

	strcat(name, ".seen");
	store_note_seen(s, &d, &st, &began);
	CHECK_EQ(stat(name, &file), 0);
	for (off_t i = 0; i < file.st_size; i++) {
		unsigned char byte = 0;

		AUTO_FD int fd = open(name, O_RDWR);

		CHECK_EQ(pread_full(fd, &byte, 1, (uint64_t)i), 0);
		byte ^= 0x40;
		CHECK_EQ(pwrite_full(fd, &byte, 1, (uint64_t)i), 0);
		CHECK(!store_seen(s, &d, &st));
		byte ^= 0x40;
		CHECK_EQ(pwrite_full(fd, &byte, 1, (uint64_t)i), 0);
		CHECK(store_seen(s, &d, &st));
	}
	CHECK_EQ(truncate(name, file.st_size - 1), 0);
	CHECK(!store_seen(s, &d, &st));
	CHECK_EQ(truncate(name, 0), 0);
	CHECK(!store_seen(s, &d, &st));
	store_note_seen(s, &d, &st, &began);
	CHECK(store_seen(s, &d, &st));
	store_close(s);
}

struct heard {
	unsigned count, in_use, unfinished;
	uint64_t bytes;
	struct digest first;
};

static int hear(void *arg, const struct store_item *item)
{
	struct heard *h = arg;

	if (!h->count++)
		h->first = item->digest;
	h->in_use += item->in_use;
	h->unfinished += item->kind == STORE_UNFINISHED;
	h->bytes += item->bytes;
	return 0;
}

static void set_used(const char *name, time_t when)
{
	struct timespec t[2] = {{.tv_sec = when}, {.tv_sec = when}};

	CHECK_EQ(utimensat(AT_FDCWD, name, t, 0), 0);
}

static void test_list_and_prune(void)
{
	struct store *s = open_new("prune");
	struct heard h = {0};
	struct digest a = digest("aaa"), b = digest("bbb"), c = digest("ccc");
	int used = keep(s, STORE_INDEX, "aaa");

	close(keep(s, STORE_BLOB, "bbb"));
	close(keep(s, STORE_DECODED, "ccc"));
	set_used(path("prune/index/sha256/", digest_format(&a).s + 7), 1000);
	set_used(path("prune/blobs/sha256/", digest_format(&b).s + 7), 3000);
	set_used(path("prune/decoded/sha256/", digest_format(&c).s + 7), 2000);
	/* what else lies there is left alone */
	CHECK_EQ(make_file(path("prune/blobs/sha256/README", NULL)), 0);
	CHECK_EQ(make_file(path("prune/mine", NULL)), 0);
	CHECK_EQ(store_list(s, hear, &h, NULL), 0);
	CHECK_EQ(h.count, 3);
	CHECK_EQ(h.in_use, 1);
	CHECK(digest_equal(&h.first, &a));

	struct heard gone = {0};

	CHECK_EQ(store_prune(s, h.bytes, hear, &gone, NULL), 0);
	CHECK_EQ(gone.count, 0);
	CHECK_EQ(store_prune(s, h.bytes - 1, hear, &gone, NULL), 0);
	CHECK_EQ(gone.count, 1);
	CHECK(digest_equal(&gone.first, &c));
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(store_has(s, STORE_INDEX, &a) && !store_has(s, STORE_BLOB, &b));
	close(used);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(!store_has(s, STORE_INDEX, &a));
	CHECK_EQ(access(path("prune/mine", NULL), F_OK), 0);
	CHECK_EQ(access(path("prune/blobs/sha256/README", NULL), F_OK), 0);
	store_close(s);
}

/* What a process that died left behind goes, what is being made stays. */
static void test_unfinished(void)
{
	struct store *s = open_new("unfinished");
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	struct heard h = {0}, gone = {0};
	pid_t pid = fork();

	if (pid == 0) {
		struct tmpfile lost = TMPFILE_INIT;

		_exit(store_begin(s, &lost, NULL) < 0);
	}

	int status = 1;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_EQ(store_begin(s, &t, NULL), 0);
	CHECK_EQ(store_list(s, hear, &h, NULL), 0);
	CHECK_EQ(h.unfinished, 2);
	CHECK_EQ(h.in_use, 1);
	CHECK_EQ(store_prune(s, UINT64_MAX, hear, &gone, NULL), 0);
	CHECK_EQ(gone.unfinished, 1);

	struct digest d = digest("late");

	CHECK_EQ(store_publish(s, &t, STORE_INDEX, &d, NULL), 0);
	CHECK(store_has(s, STORE_INDEX, &d));
	store_close(s);
}

/* A lock outlives close of a duplicate, and is not kept by other descriptors. */
static void test_locks(void)
{
	struct store *s = open_new("locks");
	struct digest d = digest("lock");

	close(keep(s, STORE_INDEX, "lock"));

	int fd = store_get(s, STORE_INDEX, &d, NULL), copy = dup(fd);
	int other = store_get(s, STORE_INDEX, &d, NULL);

	close(other);
	close(fd);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(store_has(s, STORE_INDEX, &d));
	close(copy);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(!store_has(s, STORE_INDEX, &d));
	store_close(s);
}

/* Threads that keep, get, note and prune the same few files: nothing fails. */
static _Atomic int stop, failures;

static void *worker(void *arg)
{
	struct store *s = arg;
	struct timespec began = {.tv_sec = 1000000};

	for (int i = 0; i < 150; i++) {
		char content[2] = {(char)('a' + i % 3), 0};
		struct digest d = {0};
		struct tmpfile t = TMPFILE_INIT;
		struct stat st = stat_at(500, i);

		failures += digest_of(DIGEST_SHA256, content, 1, &d, NULL) < 0 ||
			    store_begin(s, &t, NULL) < 0 ||
			    store_publish(s, &t, STORE_INDEX, &d, NULL) < 0;
		tmpfile_finish(&t);
		store_note_seen(s, &d, &st, &began);

		int fd = store_get(s, STORE_INDEX, &d, NULL);

		failures += fd < 0 && fd != -ENOENT;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void *pruner(void *arg)
{
	while (!stop) {
		struct heard h = {0};

		failures += store_prune(arg, 0, hear, &h, NULL) < 0;
		failures += store_list(arg, hear, &h, NULL) < 0;
	}
	return NULL;
}

static void test_at_once(void)
{
	struct store *s = open_new("at-once");
	struct heard h = {0};
	pthread_t w[4], p;

	CHECK_EQ(pthread_create(&p, NULL, pruner, s), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&w[i], NULL, worker, s), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(w[i], NULL);
	stop = 1;
	pthread_join(p, NULL);
	CHECK_EQ(failures, 0);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK_EQ(store_list(s, hear, &h, NULL), 0);
	CHECK_EQ(h.count, 0);
	store_close(s);
}

/* The whole folder taken away under an open store. */
static void test_removed_folder(void)
{
	struct store *s = open_new("removed");
	struct tmpfile t = TMPFILE_INIT;
	struct digest d = digest("x");
	struct heard h = {0};
	char command[300];

	close(keep(s, STORE_INDEX, "x"));
	snprintf(command, sizeof(command), "rm -r '%s'", path("removed", NULL));
	CHECK_EQ(system(command), 0);
	CHECK_EQ(store_get(s, STORE_INDEX, &d, NULL), -ENOENT);
	CHECK(store_begin(s, &t, NULL) < 0);
	CHECK_EQ(store_list(s, hear, &h, NULL), 0);
	CHECK_EQ(store_prune(s, 0, hear, &h, NULL), 0);
	CHECK_EQ(h.count, 0);
	store_close(s);
}

int main(void)
{
	char command[100];

	if (!mkdtemp(scratch))
		return 1;
	test_keep_and_get();
	test_discarded();
	test_folders_not_used();
	test_not_made();
	test_default_folder();
	test_not_ours();
	test_seen();
	test_racy_clock();
	test_damaged_seen();
	test_list_and_prune();
	test_unfinished();
	test_locks();
	test_at_once();
	test_removed_folder();
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	CHECK_EQ(system(command), 0);
	TEST_END;
}
