/* Images by name: what is asked for, what is taken from the store, and what is chosen.
 * The network is fake_http.h; no layer is read. */
#include "fake_http.h"
#include "layout_case.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/registry/settings.h"
#include "sources/store.h"

#define HUB "docker.io/library/nginx"
#define LATEST HUB ":latest"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

#define ATTESTED ",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}"

static struct store *store;
static struct o2r_err err;
static bool offline;
static struct ctx ctx;

/* An image of one layer, as texts. */
struct texts {
	const char *manifest, *config;
	struct digest digest, config_digest;
};

static struct digest digest_of_text(const char *s)
{
	struct digest d;

	CHECK_EQ(digest_of(DIGEST_SHA256, s, strlen(s), &d, NULL), 0);
	return d;
}

static struct texts make(const char *arch)
{
	struct texts t;

	t.config = text(
		"{\"os\":\"linux\",\"architecture\":\"%s\",\"rootfs\":{\"diff_ids\":["
		"\"%s\"]}}",
		arch, digest_text("layer"));
	t.manifest = text("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG
			  "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
			  "\"" OCI_LAYER "\",\"digest\":\"%s\",\"size\":5,\"urls\":["
			  "\"https://far/x\"]}]}",
		digest_text(t.config), strlen(t.config), digest_text("layer"));
	t.digest = digest_of_text(t.manifest);
	t.config_digest = digest_of_text(t.config);
	return t;
}

/* An entry of an index. */
static const char *entry(const struct texts *t, const char *type, const char *more)
{
	return text("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}", type,
		digest_text(t->manifest), strlen(t->manifest), more);
}

static const char *platform(const char *arch)
{
	return text(",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}", arch);
}

static struct store *get_store(void *arg)
{
	(void)arg;
	return store;
}

static void begin(void)
{
	fake_begin();
	ctx = fake_ctx();
	err = (struct o2r_err){0};
	offline = false;
}

static void answer(const char *type, const char *body)
{
	unsigned n = 0;

	while (fake.script[n].body)
		n++;
	fake.script[n] = (struct fake_answer){.type = type, .body = body};
}

static struct image *open_image(
	const char *name, const char *arch, const struct digest *manifest)
{
	struct registry_settings settings = {.offline = offline};
	struct image_options o = {.platform = arch,
		.manifest = manifest,
		.registry = &settings,
		.store = get_store};
	struct image *image = NULL;
	int r;

	err = (struct o2r_err){0};
	r = image_open(name, &o, &ctx, &image, &err);
	CHECK_EQ(r, err.code);
	CHECK(!strchr(err.text, '\n'));
	if (r < 0)
		CHECK(!image);
	return image;
}

/* It opens, by so many requests, and is that one. */
static void opens(const char *name, const char *arch, const struct texts *t,
	const struct digest *named, unsigned asked)
{
	struct image *image = open_image(name, arch, NULL);

	CHECK(image);
	CHECK_EQ(fake.asked, asked);
	if (!image) {
		fprintf(stderr, "  %s\n", err.text);
		return;
	}
	CHECK(digest_equal(&image->manifest_digest, &t->digest));
	CHECK(digest_equal(&image->config_digest, &t->config_digest));
	CHECK(digest_equal(&image->named, named));
	CHECK_STR(image->manifest.data, t->manifest);
	CHECK_STR(image->config.data, t->config);
	CHECK_STR(image->reference, name);
	CHECK_EQ(image->layer_count, 1);
	CHECK_EQ(image->layers[0].blob.size, 5);
	image_destroy(image);
}

static void fails(const char *name, const char *arch, enum err_class cls,
	const char *says, unsigned asked)
{
	struct image *image = open_image(name, arch, NULL);

	CHECK(!image);
	CHECK_EQ(err.cls, cls);
	CHECK(strstr(err.text, says));
	CHECK_EQ(fake.asked, asked);
	if (!strstr(err.text, says))
		fprintf(stderr, "  %s\n", err.text);
	image_destroy(image);
}

static bool asked(unsigned at, const char *end)
{
	size_t n = strlen(fake.asked_for[at]), m = strlen(end);

	return n >= m && strcmp(fake.asked_for[at] + n - m, end) == 0;
}

static void one_manifest(void)
{
	struct texts t = make("amd64");
	struct image *image;

	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens("nginx", "linux/amd64", &t, &t.digest, 2);
	CHECK(asked(0, "/v2/library/nginx/manifests/latest"));
	CHECK(asked(1, text("/v2/library/nginx/blobs/%s", digest_text(t.config))));
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	image = open_image("docker://docker.io/nginx:latest", "linux/amd64", NULL);
	CHECK(image);
	if (image) {
		CHECK_STR(image->absolute,
			text("docker://" LATEST "@%s", digest_text(t.manifest)));
		CHECK_STR(image->manifest_type, OCI_MANIFEST);
	}
	image_destroy(image);
	/* no other than the one that it is */
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	fails("nginx", "linux/s390x", ERR_PLATFORM,
		LATEST " has no image for linux/s390x, only for linux/amd64", 2);
}

static void by_digest(void)
{
	struct texts t = make("amd64");
	const char *name = text("nginx@%s", digest_text(t.manifest));
	const char *both = text("nginx:any@%s", digest_text(t.manifest));
	struct image *image;

	begin();
	/* the type that it is served as does not matter */
	answer("application/vnd.oci.image.index.v1+json", t.manifest);
	answer(NULL, t.config);
	image = open_image(name, "linux/amd64", NULL);
	CHECK(image);
	if (image)
		CHECK_STR(image->absolute,
			text("docker://" HUB "@%s", digest_text(t.manifest)));
	image_destroy(image);
	CHECK(asked(0, text("/manifests/%s", digest_text(t.manifest))));
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens(both, "linux/amd64", &t, &t.digest, 2);
	CHECK(asked(0, text("/manifests/%s", digest_text(t.manifest))));
	begin();
	answer(OCI_MANIFEST, "{}");
	fails(both, "linux/amd64", ERR_CORRUPT,
		HUB ": the registry sent another document", 1);
}

static void indexes(void)
{
	struct texts amd = make("amd64"), arm = make("arm64");
	const char *inner = text("{\"manifests\":[%s]}", entry(&arm, OCI_MANIFEST, ""));
	struct texts nested = {.manifest = inner};
	const char *index =
		text("{\"manifests\":[%s,%s,%s]}", entry(&amd, OCI_MANIFEST, ATTESTED),
			entry(&amd, OCI_MANIFEST, platform("amd64")),
			entry(&nested, OCI_INDEX, ""));
	struct digest named = digest_of_text(index);

	/* what is nested is looked at, what is not chosen is not */
	begin();
	answer(OCI_INDEX, index);
	answer(OCI_INDEX, inner);
	answer(OCI_MANIFEST, arm.manifest);
	answer(NULL, arm.config);
	answer(OCI_MANIFEST, amd.manifest);
	answer(NULL, amd.config);
	opens("nginx", "linux/amd64", &amd, &named, 6);
	begin();
	answer(DOCKER_LIST, index);
	answer(OCI_INDEX, inner);
	answer(OCI_MANIFEST, arm.manifest);
	answer(NULL, arm.config);
	opens("nginx", "linux/arm64", &arm, &named, 4);
	begin();
	answer(OCI_INDEX, index);
	answer(OCI_INDEX, inner);
	answer(OCI_MANIFEST, arm.manifest);
	answer(NULL, arm.config);
	fails("nginx", "linux/ppc64le", ERR_PLATFORM,
		LATEST
		" has no image for linux/ppc64le, only for linux/amd64, linux/arm64: "
		"choose with --platform",
		4);
}

static void what_is_no_image(void)
{
	static const struct {
		const char *type, *body;
		enum err_class cls;
		const char *says;
	} c[] = {
		{OCI_MANIFEST,
			"{\"config\":{\"mediaType\":\"application/"
			"vnd.cncf.helm.config.v1+json\","
			"\"digest\":\"sha256:"
			"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
			"\","
			"\"size\":2},\"layers\":[]}",
			ERR_FAIL, "application/vnd.cncf.helm.config.v1+json"},
		{"application/vnd.docker.distribution.manifest.v1+prettyjws",
			"{\"schemaVersion\":1,\"fsLayers\":[]}", ERR_FAIL, "schema 1"},
		{"text/plain", "{\"schemaVersion\":1,\"fsLayers\":[]}", ERR_FAIL,
			"schema 1"},
		{"application/vnd.foo+json", "{}", ERR_FAIL, "application/vnd.foo+json"},
		{OCI_MANIFEST, "{\"manifests\":[]}", ERR_CORRUPT, "an index"},
		{OCI_INDEX, "{\"manifests\":[],\"layers\":[]}", ERR_CORRUPT, "members"},
		{NULL, "{}", ERR_CORRUPT, "neither an index nor a manifest"},
		{NULL, "hello", ERR_CORRUPT, "JSON"},
		{OCI_INDEX, "{\"manifests\":[]}", ERR_NOT_FOUND, "holds no image"},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		begin();
		answer(c[i].type, c[i].body);
		fails("nginx", "linux/amd64", c[i].cls, c[i].says, 1);
		CHECK(strstr(err.text, HUB));
	}
}

/* --- with a store --- */

static struct layout_case scratch;

static void open_store(const char *name)
{
	store = NULL;
	CHECK_EQ(store_open(text("%s/%s", scratch.dir, name), true, &store, &err), 0);
}

static void close_store(void)
{
	store_close(store);
	store = NULL;
}

static void kept(void)
{
	struct texts t = make("amd64"), arm = make("arm64"), later = make("riscv64");
	const char *index = text("{\"manifests\":[%s,%s]}",
		entry(&t, OCI_MANIFEST, platform("amd64")),
		entry(&arm, OCI_MANIFEST, platform("arm64")));
	struct digest named = digest_of_text(index);
	const char *by_digest_name = text("nginx@%s", digest_text(index));

	open_store("kept");
	begin();
	offline = true;
	fails("nginx", "linux/amd64", ERR_NOT_FOUND,
		LATEST ": what it names is not in the cache folder", 0);
	CHECK(strstr(err.text, "o2r pull " LATEST));
	begin();
	answer(OCI_INDEX, index);
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens("nginx", "linux/amd64", &t, &named, 3);
	CHECK(store_has(store, STORE_BLOB, &named));
	CHECK(store_has(store, STORE_BLOB, &t.digest));
	CHECK(store_has(store, STORE_BLOB, &t.config_digest));
	/* what the tag means is asked for each time, and only that */
	begin();
	answer(OCI_INDEX, index);
	opens("nginx", "linux/amd64", &t, &named, 1);
	/* a digest is asked for never */
	begin();
	opens(by_digest_name, "linux/amd64", &t, &named, 0);
	begin();
	offline = true;
	opens("nginx", "linux/amd64", &t, &named, 0);
	opens("docker.io/nginx:latest", "linux/amd64", &t, &named, 0);
	opens(by_digest_name, "linux/amd64", &t, &named, 0);
	fails("nginx:other", "linux/amd64", ERR_NOT_FOUND, HUB ":other: what it names",
		0);
	/* what a tag means now is not guessed, but it is said what is there */
	begin();
	fake.script[0].fails = fake.script[1].fails = -ECONNREFUSED;
	fails("nginx", "linux/amd64", ERR_FAIL, "is in the cache folder: --offline", 1);
	fails("nginx:other", "linux/amd64", ERR_FAIL, HUB ": failure", 2);
	CHECK(!strstr(err.text, "--offline"));
	begin();
	offline = true;
	/* of another platform nothing was fetched */
	fails("nginx", "linux/arm64", ERR_NOT_FOUND, digest_text(arm.manifest), 0);
	/* the tag moves, and the name with it */
	begin();
	answer(OCI_MANIFEST, later.manifest);
	answer(NULL, later.config);
	opens("nginx", "linux/riscv64", &later, &later.digest, 2);
	begin();
	offline = true;
	opens("nginx", "linux/riscv64", &later, &later.digest, 0);
	opens(by_digest_name, "linux/amd64", &t, &named, 0);
	close_store();
	begin();
	offline = true;
	fails("nginx", "linux/amd64", ERR_NOT_FOUND, "there is no cache folder", 0);
}

/* A view is opened again by what it shows, whatever the tag means by then. */
static void pinned(void)
{
	struct texts t = make("amd64"), arm = make("arm64");
	const char *index = text("{\"manifests\":[%s,%s]}",
		entry(&t, OCI_MANIFEST, platform("amd64")),
		entry(&arm, OCI_MANIFEST, platform("arm64")));
	const char *name = text("docker://" LATEST "@%s", digest_text(index));
	struct digest named = digest_of_text(index);
	struct image *image;

	open_store("pinned");
	for (unsigned i = 0; i < 2; i++) {
		begin();
		answer(OCI_MANIFEST, arm.manifest);
		answer(NULL, arm.config);
		image = open_image(name, "linux/amd64", &arm.digest);
		CHECK(image);
		if (image) {
			CHECK(digest_equal(&image->manifest_digest, &arm.digest));
			CHECK(digest_equal(&image->named, &named));
			CHECK_STR(image->absolute, name);
		}
		image_destroy(image);
		CHECK_EQ(fake.asked, i ? 0 : 2);
	}
	close_store();
}

static void overwrite(const struct digest *d, const char *with)
{
	const char *path = text("%s/blobs/sha256/%s", store_dir(store),
		digest_format(d).s + strlen("sha256:"));
	AUTO_FD int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, with, strlen(with)), (ssize_t)strlen(with));
}

/* What is damaged is fetched again, and never believed. */
static void damaged(void)
{
	struct texts t = make("amd64");
	const char *name = text("nginx@%s", digest_text(t.manifest));

	open_store("damaged");
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens(name, "linux/amd64", &t, &t.digest, 2);
	overwrite(&t.digest, "{}");
	overwrite(&t.config_digest, "");
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens(name, "linux/amd64", &t, &t.digest, 2);
	CHECK_EQ(fake_logged("in the cache folder is damaged, and dropped"), 2);
	begin();
	opens(name, "linux/amd64", &t, &t.digest, 0);
	overwrite(&t.config_digest, "{}");
	begin();
	offline = true;
	fails(name, "linux/amd64", ERR_NOT_FOUND, digest_text(t.config), 0);
	close_store();
}

/* Without a store nothing is asked for twice. */
static void no_store(void)
{
	struct texts t = make("amd64");

	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	opens("nginx", "linux/amd64", &t, &t.digest, 2);
}

static void limits(void)
{
	struct texts t = make("amd64");
	const char *name = text("nginx@%s", digest_text(t.manifest));

	open_store("limits");
	begin();
	answer(OCI_MANIFEST, t.manifest);
	answer(NULL, t.config);
	ctx.limits.manifest = strlen(t.manifest);
	ctx.limits.config = strlen(t.config);
	opens(name, "linux/amd64", &t, &t.digest, 2);
	/* of what is kept too */
	ctx.limits.config--;
	fails(name, "linux/amd64", ERR_CORRUPT, "--limit config=N", 2);
	ctx.limits.manifest--;
	fails(name, "linux/amd64", ERR_CORRUPT, "--limit manifest=N", 2);
	close_store();
}

int main(void)
{
	layout_case_begin(&scratch);
	one_manifest();
	by_digest();
	indexes();
	what_is_no_image();
	kept();
	pinned();
	damaged();
	no_store();
	limits();
	layout_case_end(&scratch);
	TEST_END;
}
