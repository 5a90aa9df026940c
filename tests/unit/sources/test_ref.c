/* References: what each form is taken for. */
#include "unit.h"

#include "base/cleanup.h"
#include "sources/ref.h"

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16
#define SHA256 "sha256:" HEX64

static const struct good {
	const char *text;
	enum ref_kind kind;
	const char *path, *tag;
	long index;
	const char *short_path;
	long short_index;
} good[] = {
	{"oci:dir", REF_LAYOUT, "dir", NULL, -1, NULL, -1},
	{"oci:/a/b/", REF_LAYOUT, "/a/b/", NULL, -1, NULL, -1},
	{"oci:dir:tag", REF_LAYOUT, "dir", "tag", -1, NULL, -1},
	{"oci:./dir:docker.io/library/nginx:1.25", REF_LAYOUT, "./dir",
		"docker.io/library/nginx:1.25", -1, NULL, -1},
	{"oci:dir:a:b:c", REF_LAYOUT, "dir", "a:b:c", -1, NULL, -1},
	{"oci:dir:@0", REF_LAYOUT, "dir", NULL, 0, NULL, -1},
	{"oci:dir:@12", REF_LAYOUT, "dir", NULL, 12, NULL, -1},
	{"oci:dir@3", REF_LAYOUT, "dir@3", NULL, -1, "dir", 3},
	{"oci:a@b@3", REF_LAYOUT, "a@b@3", NULL, -1, "a@b", 3},
	{"oci:dir@x", REF_LAYOUT, "dir@x", NULL, -1, NULL, -1},
	{"oci:dir@", REF_LAYOUT, "dir@", NULL, -1, NULL, -1},
	{"oci:@3", REF_LAYOUT, "@3", NULL, -1, NULL, -1},
	{"oci:dir@3:tag", REF_LAYOUT, "dir@3", "tag", -1, NULL, -1},
	{"oci:dir:tag@3", REF_LAYOUT, "dir", "tag@3", -1, NULL, -1},
	{"oci:///x", REF_LAYOUT, "///x", NULL, -1, NULL, -1},
	{"oci-archive:a.tar", REF_OCI_ARCHIVE, "a.tar", NULL, -1, NULL, -1},
	{"oci-archive:a.tar:x", REF_OCI_ARCHIVE, "a.tar", "x", -1, NULL, -1},
	{"docker-archive:-", REF_DOCKER_ARCHIVE, "-", NULL, -1, NULL, -1},
	{"docker-archive:./a:b/c:1", REF_DOCKER_ARCHIVE, "./a", "b/c:1", -1, NULL, -1},
	{"docker-archive:a@1", REF_DOCKER_ARCHIVE, "a@1", NULL, -1, "a", 1},
	{"overlay:/x", REF_OVERLAY, "/x", NULL, -1, NULL, -1},
	{"docker-store:a/b:c", REF_DOCKER_STORE, NULL, "a/b:c", -1, NULL, -1},
	{"docker-store:[/r:s]a", REF_DOCKER_STORE, "/r:s", "a", -1, NULL, -1},
	{"containers-storage:[overlay@/x]y", REF_CONTAINERS, "overlay@/x", "y", -1, NULL,
		-1},
	{"docker-daemon:a:b", REF_DOCKER_DAEMON, NULL, "a:b", -1, NULL, -1},
	{"scratch", REF_SCRATCH, NULL, NULL, -1, NULL, -1},
	{"-", REF_PATH, "-", NULL, -1, NULL, -1},
	{"/", REF_PATH, "/", NULL, -1, NULL, -1},
	{"/a:b@3", REF_PATH, "/a:b@3", NULL, -1, NULL, -1},
	{"./x", REF_PATH, "./x", NULL, -1, NULL, -1},
	{"../x:y", REF_PATH, "../x:y", NULL, -1, NULL, -1},
	{".", REF_PATH, ".", NULL, -1, NULL, -1},
	{"..", REF_PATH, "..", NULL, -1, NULL, -1},
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

static void accepts(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CLEANUP(ref_finish) struct ref ref = {0};
		const struct good *g = &good[i];
		struct o2r_err err = {0};

		CHECK_EQ(ref_parse(g->text, &ref, &err), 0);
		CHECK_EQ(ref.kind, g->kind);
		check_text(ref.path, g->path);
		check_text(ref.tag, g->tag);
		CHECK_EQ(ref.index, g->index);
		check_text(ref.short_path, g->short_path);
		CHECK_EQ(ref.short_index, g->short_index);
	}
}

static const struct bad {
	const char *text, *message;
} bad[] = {
	{"", "the reference is empty"},
	{"oci:", "has no directory"},
	{"oci::tag", "has no directory"},
	{"oci:dir:", "ends in a colon"},
	{"oci:dir:@", "is not an entry of index.json"},
	{"oci:dir:@x", "is not an entry of index.json"},
	{"oci:dir:@-1", "is not an entry of index.json"},
	{"oci:dir:@1x", "is not an entry of index.json"},
	{"oci:dir:@1234567", "is not an entry of index.json"},
	{"docker-archive:a.tar:@x", "is not an entry of manifest.json"},
	{"oci-archive:", "has no file: write oci-archive:FILE[:TAG|:@N]"},
	{"oci-archive:x:", "ends in a colon"},
	{"dir:x", "`skopeo copy dir:x oci:DIR:TAG`"},
	{"docker-store:", "has no name of an image"},
	{"docker-store:[/x]", "has no name of an image"},
	{"docker-store:[]x", "has no folder in its brackets"},
	{"containers-storage:[/x", "has no folder in its brackets"},
	{"overlay:", "has no directory"},
	{"docker-daemon:", "has no name of an image"},
	{"docker-archive:", "has no file: write docker-archive:FILE"},
	{"docker://", "has no name"},
	{"docker:///nginx", "has an empty part"},
	{"docker://./dir", "is not a host name"},
	{"docker://docker://nginx", "without \"docker://\""},
	{"docker://Nginx", "must be lower-case"},
	{"https://ghcr.io/x", "without \"https://\""},
	{"quay.io/a/b@sha256:00", "2 hex digits, not 64"},
	{".hidden", "\".hidden\" is not the name of an image in a registry"},
	{"...", "\"...\" is not the name of an image in a registry"},
	{"OCI:dir", "\"OCI\" must be lower-case"},
	{"dir/", "has an empty part"},
	{"a\nb", "\"a\\x0ab\" is not the name"},
};

static const struct named {
	const char *text, *full;
} named[] = {
	{"nginx", "docker.io/library/nginx:latest"},
	{"docker://nginx", "docker.io/library/nginx:latest"},
	{"docker://localhost:5000/x:1", "localhost:5000/x:1"},
	{"docker://scratch", "docker.io/library/scratch:latest"},
	{"docker://oci:1", "docker.io/library/oci:1"},
	{"docker://dir:x", "docker.io/library/dir:x"},
	{"quay.io/a/b", "quay.io/a/b:latest"},
	{"oci", "docker.io/library/oci:latest"},
	{"docker:dind", "docker.io/library/docker:dind"},
	{"dir", "docker.io/library/dir:latest"},
	{"overlay", "docker.io/library/overlay:latest"},
	{"scratch:1", "docker.io/library/scratch:1"},
	{"oci-archive/x", "docker.io/oci-archive/x:latest"},
	{"x:y@" SHA256, "docker.io/library/x:y@" SHA256},
};

static void names(void)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		CLEANUP(ref_finish) struct ref ref = {0};
		struct o2r_err err = {0};

		CHECK_EQ(ref_parse(named[i].text, &ref, &err), 0);
		CHECK_EQ(ref.kind, REF_REGISTRY);
		CHECK(!ref.path && !ref.tag && !ref.short_path);
		CHECK_EQ(ref.index, -1);
		if (err.code)
			continue;

		AUTO_FREE char *full = name_format(&ref.name);

		CHECK_STR(full, named[i].full);
	}
}

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(ref_finish) struct ref ref = {0};
		struct o2r_err err = {0};

		CHECK(ref_parse(bad[i].text, &ref, &err) < 0);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK(!ref.path);
		CHECK(strstr(err.text, bad[i].message));
		if (!strstr(err.text, bad[i].message))
			fprintf(stderr, "  %s: %s\n", bad[i].text, err.text);
		CHECK(!strchr(err.text, '\n'));
	}
}

static const struct same {
	const char *a, *b;
	bool same;
} same[] = {
	{"nginx", "nginx:latest", true},
	{"nginx", "docker.io/library/nginx:latest", true},
	{"nginx", "index.docker.io/library/nginx", true},
	{"docker.io/nginx:1", "library/nginx:1", true},
	{"nginx:1", "nginx:2", false},
	{"a/b", "docker.io/a/b:latest", true},
	{"a/b", "docker.io/library/a/b", false},
	{"localhost/x", "localhost/x:latest", true},
	{"localhost/x", "docker.io/localhost/x", false},
	{"localhost:5000/x", "localhost:5000/x:latest", true},
	{"localhost:5000", "docker.io/library/localhost:5000", true},
	{"example.com/x", "docker.io/example.com/x", false},
	{"example.com", "docker.io/library/example.com:latest", true},
	{"Host/x", "host/x", false},
	{"x@" SHA256, "docker.io/library/x@" SHA256, true},
	{"x:1@" SHA256, "x:2@" SHA256, true},
	{"x:1@" SHA256, "x:1", false},
	{"x@" SHA256, "x:latest", false},
	{"x@" SHA256, "y@" SHA256, false},
	{"x@" SHA256, "x@sha512:" HEX64 HEX64, false},
	/* no names: as text */
	{"Host/x", "docker.io/Host/x", false},
	{"docker.io/Host/x", "docker.io/Host/x", true},
	{"x@sha256:00", "x@sha256:00", true},
	{"x@sha256:00", "docker.io/library/x@sha256:00", false},
	{"", "", true},
	{"", "latest", false},
	{"/", "/:latest", false},
};

static void same_images(void)
{
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		CHECK_EQ(ref_same_image(same[i].a, same[i].b), same[i].same);
		CHECK_EQ(ref_same_image(same[i].b, same[i].a), same[i].same);
	}
}

int main(void)
{
	accepts();
	names();
	refuses();
	same_images();
	TEST_END;
}
