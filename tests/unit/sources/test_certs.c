/* Certificates of one registry: which folder, which files, what is wrong with them. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/registry/certs.h"
#include "unit.h"

#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

static char home[] = "/tmp/o2r-test-certs.XXXXXX";
static struct ctx ctx = {.threads = 1};

/* Folders of a path under the home, and the file, with this content. */
static void put(const char *path, const char *content)
{
	char full[400];

	snprintf(full, sizeof(full), "%s/%s", home, path);
	for (char *s = full + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		CHECK(mkdir(full, 0700) == 0 || errno == EEXIST);
		*s = '/';
	}
	if (!content)
		return;

	FILE *f = fopen(full, "w");

	CHECK(f && fputs(content, f) >= 0);
	CHECK(f && fclose(f) == 0);
}

static const char *in_home(const char *path)
{
	static char full[400];

	snprintf(full, sizeof(full), "%s/%s", home, path);
	return full;
}

static void test_none(void)
{
	struct http_tls tls = {.verify = true};
	struct o2r_err err = {0};

	CHECK_EQ(certs_find("nothing.example", NULL, &ctx, &tls, &err), 0);
	CHECK(!tls.ca_pem && !tls.cert && !tls.key && tls.verify);
	http_tls_finish(&tls);
}

static void test_home(void)
{
	static const char base[] = ".config/containers/certs.d/";
	struct http_tls tls = {0};
	char path[200];

	/* the port is part of the name, as it is written */
	snprintf(path, sizeof(path), "%sreg.example:5000/b.CRT", base);
	put(path, "text before\n" PEM);
	snprintf(path, sizeof(path), "%sreg.example:5000/a.crt", base);
	put(path, "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----");
	snprintf(path, sizeof(path), "%sreg.example:5000/README", base);
	put(path, "not read");
	snprintf(path, sizeof(path), "%s[::1]:5000/a.crt", base);
	put(path, PEM);

	CHECK_EQ(certs_find("reg.example:5000", NULL, &ctx, &tls, NULL), 0);
	CHECK_STR(tls.ca_pem,
		"-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"
		"text before\n" PEM "\n");
	CHECK(!tls.cert && !tls.key);
	http_tls_finish(&tls);
	CHECK(!tls.ca_pem);
	CHECK_EQ(certs_find("reg.example", NULL, &ctx, &tls, NULL), 0);
	CHECK(!tls.ca_pem);
	CHECK_EQ(certs_find("[::1]:5000", NULL, &ctx, &tls, NULL), 0);
	CHECK_STR(tls.ca_pem, PEM "\n");
	http_tls_finish(&tls);
}

static void test_pairs(void)
{
	struct http_tls tls = {0};

	put("pair/Client.Cert", "c");
	put("pair/Client.KEY", "k");
	put("pair/other.cert", "c");
	put("pair/other.key", "k");
	CHECK_EQ(certs_find("any", in_home("pair"), &ctx, &tls, NULL), 0);
	CHECK(!tls.ca_pem);
	CHECK_STR(tls.cert, in_home("pair/Client.Cert"));
	CHECK_STR(tls.key, in_home("pair/Client.KEY"));
	http_tls_finish(&tls);
	CHECK(!tls.cert && !tls.key);
}

static void test_faults(void)
{
	static const struct {
		const char *folder, *file, *content;
		int code, cls;
		const char *names;
	} row[] = {
		{"f1", "f1/a.cert", "c", -ENOENT, ERR_ACCESS, "a.cert has no a.key"},
		{"f2", "f2/a.key", "k", -ENOENT, ERR_ACCESS, "a.key has no a.cert"},
		{"f3", "f3/a.crt", "no certificate", -EBADMSG, ERR_CORRUPT, "f3/a.crt"},
		{"f4", "f4/a.crt", "", -EBADMSG, ERR_CORRUPT, "f4/a.crt"},
		{"f5", "f5/a.crt", "-----BEGIN PRIVATE KEY-----\nA\n", -EBADMSG,
			ERR_CORRUPT, "f5/a.crt"},
		{"f6", "f6/a.crt/x", "", -EINVAL, ERR_CORRUPT, "f6/a.crt"},
		{"f7", "f7x/a.crt", PEM, -ENOENT, ERR_NOT_FOUND, "f7"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_tls tls = {0};
		struct o2r_err err = {0};

		put(row[i].file, row[i].content);
		CHECK_EQ(certs_find("any", in_home(row[i].folder), &ctx, &tls, &err),
			row[i].code);
		CHECK_EQ(err.cls, row[i].cls);
		CHECK(strstr(err.text, row[i].names) != NULL);
		CHECK(!tls.ca_pem && !tls.cert && !tls.key);
	}
}

/* A link that leads nowhere is a file that cannot be read. */
static void test_unreadable(void)
{
	struct http_tls tls = {0};
	struct o2r_err err = {0};

	put("links/", NULL);
	CHECK_EQ(symlink("nowhere", in_home("links/a.crt")), 0);
	CHECK_EQ(certs_find("any", in_home("links"), &ctx, &tls, &err), -ENOENT);
	CHECK(strstr(err.text, "links/a.crt"));
	CHECK_EQ(unlink(in_home("links/a.crt")), 0);
	put("links/a.key", "k");
	CHECK_EQ(symlink("nowhere", in_home("links/a.cert")), 0);
	CHECK_EQ(certs_find("any", in_home("links"), &ctx, &tls, &err), -ENOENT);
	CHECK(strstr(err.text, "links/a.cert"));
	CHECK(!tls.cert && !tls.key);
}

static void test_names(void)
{
	static const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_tls tls = {0};
		struct o2r_err err = {0};

		CHECK_EQ(certs_find(bad[i], NULL, &ctx, &tls, &err), -EINVAL);
		CHECK_EQ(err.cls, ERR_USAGE);
	}
}

int main(void)
{
	char rm[100];

	CHECK(mkdtemp(home));
	setenv("HOME", home, 1);
	test_none();
	test_home();
	test_pairs();
	test_faults();
	test_unreadable();
	test_names();
	snprintf(rm, sizeof(rm), "rm -rf %s", home);
	CHECK_EQ(system(rm), 0);
	TEST_END;
}
