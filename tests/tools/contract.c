/*
 * usage: contract LAYOUT OUTDIR
 *
 * What include/o2r.h says, held against the library: results, errors, limits, what is
 * written when and what is left alone. LAYOUT is samples.image() of the tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "o2r.h"

static char ref[4096], outdir[2048];

static void options(void)
{
	static const char *const limits[] = {"entries", "path", "pax-header",
		"xattr-value", "manifest", "config", "json-depth", "layer-bytes",
		"zstd-window"};
	struct o2r_options *o = o2r_options_create();

	CHECK_EQ(o2r_options_set_threads(o, 64), 0);
	CHECK_EQ(o2r_options_set_threads(o, 65), -EINVAL);
	CHECK_EQ(o2r_options_set_threads(o, 0), 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		CHECK_EQ(o2r_options_set_limit(o, limits[i], 5), 0);
	CHECK_EQ(o2r_options_set_limit(o, "entrie", 5), -EINVAL);
	CHECK_EQ(o2r_options_set_limit(o, "", 5), -EINVAL);
	o2r_options_destroy(o);
	o2r_options_destroy(NULL);
	o2r_ext4_options_destroy(NULL);
	o2r_image_close(NULL);
}

static void ext4_options(void)
{
	static const char *const bad[] = {"", "x", "0", "-1", "1X",
		"99999999999999999999", "16777216T", " 1", "1 "};
	struct o2r_ext4_options *o = o2r_ext4_options_create();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(o2r_ext4_options_set_size(o, bad[i]), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_size(o, "1G"), 0);
	CHECK_EQ(o2r_ext4_options_set_size(o, "min"), 0);
	CHECK_EQ(o2r_ext4_options_set_free(o, "10%"), 0);
	CHECK_EQ(o2r_ext4_options_set_free(o, "1M"), 0);
	CHECK_EQ(o2r_ext4_options_set_free(o, "%"), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_free(o, ""), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_free(o, "1K%"), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_label(o, "0123456789abcdef"), 0);
	CHECK_EQ(o2r_ext4_options_set_label(o, "0123456789abcdef0"), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_uuid(o, "0"), -EINVAL);
	CHECK_EQ(o2r_ext4_options_set_uuid(o, "random"), 0);
	o2r_ext4_options_destroy(o);
}

/* A negative errno, and a record of one line that says the same. */
static void is_error(int64_t r, const struct o2r_error *e, enum o2r_class cls)
{
	CHECK(r < 0);
	CHECK_EQ(e->code, r);
	CHECK_EQ(e->error_class, cls);
	CHECK(e->text[0] && !strchr(e->text, '\n'));
	if (e->error_class != cls)
		fprintf(stderr, "%s\n", e->text);
}

static void opening(void)
{
	struct o2r_options *o = o2r_options_create();
	struct o2r_image *image = (void *)1;
	struct o2r_error e;

	is_error(o2r_image_open("oci:/no/such\nplace", NULL, &image, &e), &e,
		O2R_CLASS_NOT_FOUND);
	CHECK(o2r_image_open("/no/such", NULL, &image, NULL) < 0);
	CHECK(image == (void *)1);
	o2r_options_set_platform(o, "plan9/mips");
	is_error(o2r_image_open(ref, o, &image, &e), &e, O2R_CLASS_PLATFORM);
	o2r_options_set_platform(o, NULL);
	o2r_options_set_limit(o, "manifest", 10);
	is_error(o2r_image_open(ref, o, &image, &e), &e, O2R_CLASS_CORRUPT);
	CHECK(strstr(e.text, "10") != NULL);
	o2r_options_destroy(o);
}

static void is_digest(const char *d)
{
	CHECK_EQ(strlen(d), 7 + 64);
	CHECK(strncmp(d, "sha256:", 7) == 0);
}

static void described(struct o2r_image *image)
{
	struct o2r_layer_info l;
	size_t size = 0;

	is_digest(o2r_image_manifest_digest(image));
	is_digest(o2r_image_config_digest(image));
	CHECK_EQ(strlen(o2r_image_manifest_json(image, &size)), size);
	CHECK_EQ(strlen(o2r_image_config_json(image, &size)), size);
	CHECK(o2r_image_config_json(image, NULL)[0] == '{');
	CHECK_STR(o2r_image_platform(image), "linux/amd64");
	CHECK(o2r_image_entrypoint(image) && o2r_image_cmd(image) &&
		o2r_image_env(image));
	CHECK_EQ(o2r_image_layer_count(image), 3);
	CHECK_EQ(o2r_image_layer(image, 3, &l), -ERANGE);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(o2r_image_layer(image, i, &l), 0);
		is_digest(l.digest);
		is_digest(l.diff_id);
		CHECK(l.media_type && l.size);
		CHECK(!l.decoded_size && !l.entries);
	}
}

static void loaded(struct o2r_image *image)
{
	struct o2r_layer_info l;
	struct o2r_error e;

	CHECK_EQ(o2r_image_load(image, &e), 0);
	CHECK_EQ(o2r_image_load(image, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(o2r_image_layer(image, i, &l), 0);
		CHECK(l.decoded_size && l.entries);
	}
}

static uint64_t find(struct o2r_image *image, const char *path)
{
	uint64_t ino = 0;
	struct o2r_error e;

	CHECK_EQ(o2r_lookup(image, path, &ino, &e), 0);
	return ino;
}

static void lookups(struct o2r_image *image)
{
	static const char *const none[] = {"no", "etc/no", "bin/sh/x", "etc/hosts/x",
		"etc/hosts/..", "/etc/secret", "gone"};
	uint64_t ino = 77;
	struct o2r_error e;

	CHECK_EQ(find(image, ""), 1);
	CHECK_EQ(find(image, "/"), 1);
	CHECK_EQ(find(image, "/../.."), 1);
	CHECK_EQ(find(image, "//etc/./../etc//hosts"), find(image, "etc/hosts"));
	CHECK_EQ(find(image, "etc/hosts.link"), find(image, "etc/hosts"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		is_error(o2r_lookup(image, none[i], &ino, &e), &e, O2R_CLASS_NOT_FOUND);
	CHECK_EQ(ino, 77);
}

static void stats(struct o2r_image *image)
{
	struct o2r_error e;
	struct stat st;

	is_error(o2r_stat(image, 0, &st, &e), &e, O2R_CLASS_USAGE);
	is_error(o2r_stat(image, UINT64_MAX, &st, &e), &e, O2R_CLASS_USAGE);
	is_error(o2r_stat(image, 1 + (1ull << 32), &st, &e), &e, O2R_CLASS_USAGE);
	CHECK_EQ(o2r_stat(image, 1, &st, &e), 0);
	CHECK(S_ISDIR(st.st_mode) && st.st_ino == 1);
	CHECK_EQ(o2r_stat(image, find(image, "etc/hosts"), &st, &e), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_uid, 100000);
	CHECK_EQ(st.st_gid, 4294967294);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_EQ(st.st_size, 20);
	CHECK_EQ(st.st_blocks, 8);
	CHECK_EQ(o2r_stat(image, find(image, "etc/replaced"), &st, &e), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 1700000000);
	CHECK_EQ(st.st_mtim.tv_nsec, 5);
	CHECK(memcmp(&st.st_mtim, &st.st_ctim, sizeof(st.st_mtim)) == 0);
	CHECK(memcmp(&st.st_mtim, &st.st_atim, sizeof(st.st_mtim)) == 0);
	CHECK_EQ(o2r_stat(image, find(image, "dev/nvme"), &st, &e), 0);
	CHECK(S_ISBLK(st.st_mode) && st.st_rdev == makedev(259, 70000));
	CHECK_EQ(o2r_stat(image, find(image, "var/sparse"), &st, &e), 0);
	CHECK_EQ(st.st_size, 1 << 24);
	CHECK(st.st_blocks > 0 && st.st_blocks < 100);
}

static void names(struct o2r_image *image)
{
	uint64_t many = find(image, "many"), hosts = find(image, "etc/hosts"), child;
	const char *name, *target;
	char last[256] = "";
	struct o2r_error e;
	size_t len;
	unsigned n = 0;

	for (;; n++) {
		int r = o2r_readdir(image, many, n, &name, &len, &child, &e);

		if (r != 1) {
			CHECK_EQ(r, 0);
			break;
		}
		char text[256];

		snprintf(text, sizeof(text), "%.*s", (int)len, name);
		CHECK(strcmp(last, text) < 0);
		snprintf(last, sizeof(last), "%s", text);
	}
	CHECK_EQ(n, 399);
	CHECK_EQ(o2r_readdir(image, many, UINT64_MAX, &name, &len, &child, &e), 0);
	is_error(o2r_readdir(image, hosts, 0, &name, &len, &child, &e), &e,
		O2R_CLASS_USAGE);
	CHECK_EQ(e.code, -ENOTDIR);
	CHECK_EQ(o2r_readlink(image, find(image, "bin/sh"), &target, &e), 0);
	CHECK_STR(target, "ping");
	is_error(o2r_readlink(image, hosts, &target, &e), &e, O2R_CLASS_USAGE);
	CHECK_EQ(e.code, -EINVAL);
}

static void xattrs(struct o2r_image *image)
{
	static const char *const want[] = {"user.empty", "user.large", "user.small"};
	uint64_t attrs = find(image, "var/attrs");
	const char *name;
	const void *value;
	struct o2r_error e;
	size_t size;

	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(o2r_xattr(image, attrs, i, &name, &value, &size, &e), 1);
		CHECK_STR(name, want[i]);
		CHECK_EQ(size, i == 0 ? 0 : i == 1 ? 700 : 1);
	}
	CHECK_EQ(o2r_xattr(image, attrs, 3, &name, &value, &size, &e), 0);
	CHECK_EQ(o2r_xattr(image, attrs, UINT32_MAX, &name, &value, &size, &e), 0);
	CHECK_EQ(o2r_xattr(image, 1, 0, &name, &value, &size, &e), 0);
}

static void reads(struct o2r_image *image)
{
	uint64_t sparse = find(image, "var/sparse"), zeros = find(image, "var/zeros");
	static unsigned char whole[300002], part[300002];
	struct o2r_error e;
	char b[100];

	CHECK_EQ(o2r_read(image, find(image, "etc/hosts"), b, 100, 0, &e), 20);
	CHECK_MEM(b, "127.0.0.1 localhost\n", 20);
	CHECK_EQ(o2r_read(image, find(image, "etc/hosts"), b, 100, 10, &e), 10);
	CHECK_EQ(o2r_read(image, find(image, "etc/hosts"), b, 100, 20, &e), 0);
	CHECK_EQ(o2r_read(image, find(image, "etc/hosts"), b, 100, UINT64_MAX, &e), 0);
	CHECK_EQ(o2r_read(image, find(image, "etc/hosts"), b, 0, 0, &e), 0);
	CHECK_EQ(o2r_read(image, find(image, "var/zero"), b, 100, 0, &e), 0);
	is_error(o2r_read(image, 1, b, 100, 0, &e), &e, O2R_CLASS_USAGE);
	CHECK_EQ(e.code, -EISDIR);
	is_error(o2r_read(image, find(image, "bin/sh"), b, 100, 0, &e), &e,
		O2R_CLASS_USAGE);
	/* holes are zeros, and the last byte is behind one */
	memset(b, 1, sizeof(b));
	CHECK_EQ(o2r_read(image, sparse, b, 100, 4950, &e), 100);
	CHECK(!b[0] && !b[49] && b[50] == 'a' && b[99] == 'a');
	CHECK_EQ(o2r_read(image, sparse, b, 100, (1 << 24) - 2, &e), 2);
	CHECK(!b[0] && b[1] == '!');
	/* in pieces as in one */
	CHECK_EQ(o2r_read(image, zeros, whole, sizeof(whole), 0, &e), 300002);
	for (unsigned at = 0, n = 1; at < 300002; at += n, n = n * 7 % 65537)
		CHECK(o2r_read(image, zeros, part + at, n, at, &e) > 0);
	CHECK_MEM(whole, part, sizeof(whole));
}

struct walker {
	char last[5000];
	unsigned count, stop_at;
	int answer;
};

static int step(void *arg, const struct o2r_walk_entry *e)
{
	struct walker *w = arg;
	const char *path = e->path;
	size_t len = e->path_len;
	const char *slash = strrchr(path, '/');

	CHECK_EQ(strlen(path), len);
	CHECK(e->st.st_ino == e->ino && (w->count > 0) == (len > 0));
	/* the parent is the path before, or its beginning */
	if (slash)
		CHECK(strncmp(w->last, path, (size_t)(slash - path)) == 0);
	snprintf(w->last, sizeof(w->last), "%s", path);
	return ++w->count == w->stop_at ? w->answer : 0;
}

static void walks(struct o2r_image *image)
{
	struct walker all = {{0}}, some = {.stop_at = 5, .answer = 7};
	struct walker negative = {.stop_at = 1, .answer = -5};
	struct o2r_error e;

	CHECK_EQ(o2r_walk(image, step, &all, &e), 0);
	CHECK(all.count > 400);
	CHECK_EQ(o2r_walk(image, step, &some, &e), 7);
	CHECK_EQ(some.count, 5);
	CHECK_EQ(o2r_walk(image, step, &negative, NULL), -5);
}

static int print(void *arg, const char *line)
{
	unsigned *n = arg;

	CHECK(!strchr(line, '\n'));
	return ++*n == 3 ? 9 : 0;
}

static void writes(struct o2r_image *image)
{
	struct o2r_ext4_options *o = o2r_ext4_options_create();
	struct o2r_ext4_info plan, info;
	struct o2r_error e;
	struct stat st;
	unsigned n = 0;
	char path[4096];

	CHECK_EQ(o2r_ext4_plan(image, NULL, NULL, NULL, NULL, NULL), 0);
	CHECK_EQ(o2r_ext4_plan(image, o, &plan, print, &n, &e), 9);
	CHECK_EQ(n, 3);
	CHECK_EQ(strlen(plan.uuid), 36);
	snprintf(path, sizeof(path), "%s/contract", outdir);
	CHECK_EQ(o2r_ext4_write(image, o, path, &info, &e), 0);
	CHECK(memcmp(&plan, &info, sizeof(plan)) == 0);
	CHECK(stat(path, &st) == 0 && (uint64_t)st.st_size == info.image_bytes);
	is_error(o2r_ext4_write(image, o, path, NULL, &e), &e, O2R_CLASS_USAGE);
	CHECK_EQ(e.code, -EEXIST);
	o2r_ext4_options_set_force(o, true);
	CHECK_EQ(o2r_ext4_write(image, o, path, NULL, NULL), 0);
	unlink(path);
	is_error(o2r_ext4_write(image, o, outdir, NULL, &e), &e, O2R_CLASS_USAGE);
	CHECK_EQ(o2r_ext4_options_set_size(o, "4K"), 0);
	is_error(o2r_ext4_write(image, o, path, NULL, &e), &e, O2R_CLASS_SPACE);
	CHECK(access(path, F_OK) < 0);
	CHECK_EQ(o2r_ext4_options_set_size(o, "min"), 0);
	CHECK_EQ(o2r_ext4_write(image, o, "/dev/null", NULL, &e), 0);

	int fd = open("/dev/full", O_WRONLY);

	is_error(o2r_ext4_write_fd(image, o, fd, NULL, &e), &e, O2R_CLASS_SPACE);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	close(fd);
	o2r_ext4_options_destroy(o);
}

/* Options are copied, a cancelled operation can be tried again. */
static struct o2r_image *open_cancelled(const volatile int *cancel)
{
	struct o2r_options *o = o2r_options_create();
	struct o2r_image *image = NULL;
	struct o2r_error e;
	char *platform = strdup("linux/amd64");

	o2r_options_set_platform(o, platform);
	o2r_options_set_cancel(o, cancel);
	CHECK_EQ(o2r_image_open(ref, o, &image, &e), 0);
	o2r_options_set_platform(o, "plan9/mips");
	memset(platform, 'x', 5);
	free(platform);
	o2r_options_destroy(o);
	return image;
}

int main(int argc, char **argv)
{
	volatile int cancel = 0;
	struct o2r_error e;

	if (argc != 3)
		return 2;
	snprintf(ref, sizeof(ref), "oci:%s", argv[1]);
	snprintf(outdir, sizeof(outdir), "%s", argv[2]);
	options();
	ext4_options();
	opening();

	struct o2r_image *image = open_cancelled(&cancel);

	if (!image)
		return 1;
	described(image);
	cancel = 1;
	is_error(o2r_image_load(image, &e), &e, O2R_CLASS_INTERRUPTED);
	cancel = 0;
	loaded(image);
	lookups(image);
	stats(image);
	names(image);
	xattrs(image);
	reads(image);
	walks(image);
	writes(image);
	o2r_image_close(image);
	TEST_END;
}
