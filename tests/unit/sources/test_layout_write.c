/* What is no layout is refused before anything is made; tests/integration has the rest.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/layout_write.h"
#include "unit.h"

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
static char where[300];

static void put(struct buf *b, struct digest *d, const char *text)
{
	CHECK_EQ(buf_append(b, text, strlen(text)), 0);
	CHECK_EQ(digest_of(DIGEST_SHA256, text, strlen(text), d, NULL), 0);
}

static int write_image(const struct image *image, struct o2r_err *err)
{
	char command[400];
	struct stat st;
	int r = layout_write(image, where, "x", &ctx, err);

	CHECK_EQ(stat(where, &st), r < 0 ? -1 : 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", where);
	CHECK(system(command) == 0);
	return r;
}

static void test_blobs(void)
{
	struct image_layer layers[2] = {0};
	struct image image = {
		.reference = "it",
		.manifest_type = "application/vnd.oci.image.manifest.v1+json",
		.layers = layers,
		.layer_count = 2,
	};
	struct dir_layer dir = {.fd = -1};
	struct o2r_err err = {0};

	put(&image.manifest, &image.manifest_digest, "manifest");
	put(&image.config, &image.config_digest, "config");
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		CHECK_EQ(
			digest_of(DIGEST_SHA512, "layer", 5, &layers[i].digest, NULL), 0);
		CHECK_EQ(blob_open_memory(&layers[i].blob, "layer", 5, 0, NULL), 0);
	}
	CHECK_EQ(write_image(&image, &err), 0);

	layers[1].digest.bytes[0] ^= 1;
	CHECK_EQ(write_image(&image, &err), -EBADMSG);
	CHECK(strstr(err.text, "it: layer 2 of 2 (sha512:") &&
		strstr(err.text, "its content has the digest sha512:"));
	layers[1].digest.algo = DIGEST_NONE;
	CHECK_EQ(write_image(&image, &err), -ENOTSUP);
	CHECK_EQ(err.cls, ERR_USAGE);
	blob_close(&layers[1].blob);
	layers[1] = (struct image_layer){.dir = &dir};
	CHECK_EQ(write_image(&image, &err), -ENOTSUP);
	image.layer_count = 1;
	CHECK_EQ(write_image(&image, &err), 0);
	image.manifest_digest.algo = DIGEST_NONE;
	CHECK_EQ(write_image(&image, &err), -ENOTSUP);
	buf_finish(&image.manifest);
	buf_finish(&image.config);
	blob_close(&layers[0].blob);
}

static void test_names(void)
{
	static const char *const good[] = {
		"a", "latest", "v1.0", "docker.io/library/a:b", "a--b", "A+b@c:d_e/f-1"};
	static const char *const bad[] = {"", "-", "-a", "a-", "a..b", "a---b", "a b",
		"a/", "/a", "a--", "\xc3\xa4"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK_EQ(layout_check_ref_name(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct o2r_err err = {0};

		CHECK_EQ(layout_check_ref_name(bad[i], &err), -EINVAL);
		CHECK_EQ(err.cls, ERR_USAGE);
	}
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[200];

	snprintf(dir, sizeof(dir), "%s/o2r-write-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	snprintf(where, sizeof(where), "%s/out", dir);
	test_blobs();
	test_names();
	CHECK(rmdir(dir) == 0);
	TEST_END;
}
