/* Manifests by the client: where they are asked for, how often, and what every kind of
 * answer comes to. The network is fake_http.h. */
#include "fake_http.h"
#include "unit.h"

#include <errno.h>

#define CONFIG                                                                           \
	"\"config\":{\"mediaType\":\"x/y\",\"digest\":\"sha256:"                         \
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2}"
#define MANIFEST "{\"schemaVersion\":2," CONFIG "}"
#define TYPE "application/vnd.oci.image.manifest.v1+json"
#define URL "registry-1.docker.io/v2/library/nginx/manifests/latest"
#define HUB "docker.io/library/nginx"

static struct client_document got;
static struct o2r_err err;

static struct digest digest_of_text(const char *text)
{
	struct digest d;

	CHECK_EQ(digest_of(DIGEST_SHA256, text, strlen(text), &d, &err), 0);
	return d;
}

/* One manifest by its tag, or by a digest. */
static int ask(const char *tag, const struct digest *digest)
{
	struct client_session *s = fake_open(digest);
	int r;

	client_document_finish(&got);
	err = (struct o2r_err){0};
	r = client_manifest(s, tag, digest, 1000, &got, &err);
	CHECK_EQ(err.code, r);
	CHECK(!strchr(err.text, '\n'));
	/* nowhere, at no level */
	CHECK(!strstr(err.text, "secret") && !strstr(fake.log, "secret"));
	fake_close(s);
	return r;
}

static void script(unsigned at, struct fake_answer a)
{
	fake.script[at] = a;
}

#define OK ((struct fake_answer){.type = TYPE, .body = MANIFEST})

static void by_tag(void)
{
	struct digest d = digest_of_text(MANIFEST);

	fake_begin();
	script(0, OK);
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_EQ(fake.asked, 1);
	CHECK_STR(fake.asked_for[0], "https://" URL);
	CHECK_STR(fake.accept,
		"application/vnd.oci.image.index.v1+json, "
		"application/vnd.oci.image.manifest.v1+json, "
		"application/vnd.docker.distribution.manifest.list.v2+json, "
		"application/vnd.docker.distribution.manifest.v2+json");
	CHECK(fake.verify);
	CHECK_STR(got.bytes.data, MANIFEST);
	CHECK_STR(got.media_type, TYPE);
	CHECK(digest_equal(&got.digest, &d));
}

static void by_digest(void)
{
	struct digest d = digest_of_text(MANIFEST), other = digest_of_text("other");
	char url[400];

	fake_begin();
	script(0, OK);
	CHECK_EQ(ask(NULL, &d), 0);
	snprintf(url, sizeof(url),
		"https://registry-1.docker.io/v2/library/nginx/manifests/%s",
		digest_format(&d).s);
	CHECK_STR(fake.asked_for[0], url);
	CHECK(digest_equal(&got.digest, &d));
	fake_begin();
	script(0, OK);
	CHECK_EQ(ask(NULL, &other), -EBADMSG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK(strstr(err.text, HUB) && strstr(err.text, digest_format(&other).s) &&
		strstr(err.text, digest_format(&d).s));
	CHECK(!got.bytes.data);
}

#define INDEX "application/vnd.oci.image.index.v1+json"
#define OWN(type) "{\"mediaType\":\"" type "\"," CONFIG "}"

/* What servers say that serve files is not believed, nor is it a contradiction. */
static void types(void)
{
	static const struct {
		const char *type, *body, *told, *says;
	} c[] = {
		{TYPE, MANIFEST, TYPE, NULL},
		{TYPE, OWN(TYPE), TYPE, NULL},
		{"application/json", OWN(TYPE), NULL, NULL},
		{"application/octet-stream", MANIFEST, NULL, NULL},
		{"text/plain", MANIFEST, NULL, NULL},
		{NULL, OWN(TYPE), NULL, NULL},
		/* what it is instead is for who reads it to say */
		{"application/vnd.foo", "{}", "application/vnd.foo", NULL},
		{TYPE, OWN(INDEX), NULL, "what came for tag latest: the document is"},
		{INDEX, OWN(TYPE), NULL, "calls itself"},
		{"application/vnd.docker.distribution.manifest.v2+json", OWN(TYPE), NULL,
			"calls itself"},
		{TYPE, "no JSON", NULL, "what came for tag latest: not valid JSON"},
		{NULL, "{}", NULL, "what came for tag latest: the document is neither"},
		{TYPE, "", NULL, "what came for tag latest: "},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct digest d = digest_of_text(c[i].body);

		fake_begin();
		script(0, (struct fake_answer){.type = c[i].type, .body = c[i].body});
		CHECK_EQ(ask("latest", NULL), c[i].says ? -EBADMSG : 0);
		if (c[i].says) {
			CHECK_EQ(err.cls, ERR_CORRUPT);
			CHECK(strstr(err.text, HUB ": ") && strstr(err.text, c[i].says));
		} else {
			CHECK_EQ(!got.media_type, !c[i].told);
			CHECK(!c[i].told || strcmp(c[i].told, got.media_type) == 0);
		}
		/* by digest the bytes are what was meant, whatever they are called */
		fake_begin();
		script(0, (struct fake_answer){.type = c[i].type, .body = c[i].body});
		CHECK_EQ(ask(NULL, &d), 0);
	}
}

/* A status, what its body says, and what becomes of it. */
static const struct refusal {
	long status;
	const char *type, *body;
	enum err_class cls;
	int code;
	unsigned asked;
	const char *says;
} refusals[] = {
	{403, NULL, "", ERR_ACCESS, -EACCES, 1, "access is denied, or there is no such"},
	{403, "application/json",
		"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}", ERR_ACCESS,
		-EACCES, 1, "(403) (DENIED: no): check the name"},
	{404, NULL, "", ERR_NOT_FOUND, -ENOENT, 1,
		"has no tag latest, or there is no such repository: check the name"},
	{404, NULL, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"m\"}]}",
		ERR_NOT_FOUND, -ENOENT, 1,
		HUB " has no tag latest, or there is no such repository "
		    "(MANIFEST_UNKNOWN: m)"},
	{404, NULL, "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"m\"}]}",
		ERR_NOT_FOUND, -ENOENT, 1,
		"there is no such repository (NAME_UNKNOWN: m)"},
	{404, "text/html", "<html>", ERR_NOT_FOUND, -ENOENT, 1,
		"answers 404 with a web page"},
	{404, "text/plain", "404 page not found\n", ERR_NOT_FOUND, -ENOENT, 1,
		"(404 page not found)"},
	{400, NULL, "", ERR_FAIL, -EREMOTEIO, 1, "answers 400: it may be no registry"},
	{405, "text/html", "<html>", ERR_FAIL, -EREMOTEIO, 1,
		"answers 405 with a web page"},
	{418, NULL, "", ERR_FAIL, -EREMOTEIO, 1, "answers 418"},
	{204, NULL, "", ERR_FAIL, -EREMOTEIO, 1, "answers 204"},
	{304, NULL, "", ERR_FAIL, -EREMOTEIO, 1, "answers 304"},
	{206, NULL, "{", ERR_CORRUPT, -EBADMSG, 1, "a part of the manifest came"},
	{200, "text/html", "<html>", ERR_CORRUPT, -EBADMSG, 1,
		"a web page instead of a manifest, so it is not a registry"},
	{501, NULL, "", ERR_FAIL, -EREMOTEIO, 1, "answers 501: try again later"},
	{408, NULL, "", ERR_FAIL, -EREMOTEIO, 5, "answers 408, each time"},
	{429, NULL, "", ERR_FAIL, -EREMOTEIO, 5, "too many requests (429): wait a while"},
	{499, NULL, "", ERR_FAIL, -EREMOTEIO, 5, "answers 499, each time"},
	{500, NULL, "", ERR_FAIL, -EREMOTEIO, 5,
		"answers 500, each time: try again later"},
	{502, "text/html", "<html>", ERR_FAIL, -EREMOTEIO, 5, "answers 502, each time"},
	{503, "text/plain", "starting", ERR_FAIL, -EREMOTEIO, 5,
		"answers 503, each time (starting): try again later"},
	{504, NULL, "", ERR_FAIL, -EREMOTEIO, 5, "answers 504, each time"},
	{522, NULL, "", ERR_FAIL, -EREMOTEIO, 5, "answers 522, each time"},
};

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *c = &refusals[i];

		fake_begin();
		for (unsigned k = 0; k < 8; k++)
			script(k, (struct fake_answer){.status = c->status,
					  .type = c->type,
					  .body = c->body});
		CHECK_EQ(ask("latest", NULL), c->code);
		CHECK_EQ(err.cls, c->cls);
		CHECK_EQ(fake.asked, c->asked);
		CHECK_EQ(fake.wait_count, c->asked - 1);
		CHECK(strstr(err.text, HUB));
		CHECK(strstr(err.text, c->says));
		if (!strstr(err.text, c->says))
			fprintf(stderr, "  %ld: %s\n", c->status, err.text);
	}
}

static void no_such_digest(void)
{
	struct digest d = digest_of_text("x");

	fake_begin();
	script(0, (struct fake_answer){.status = 404});
	CHECK_EQ(ask(NULL, &d), -ENOENT);
	CHECK(strstr(err.text, HUB " has no manifest sha256:"));
}

static void recovers(void)
{
	fake_begin();
	script(0, (struct fake_answer){.status = 503, .body = "x"});
	script(1, (struct fake_answer){.status = 429, .retry_after = "7"});
	script(2, (struct fake_answer){.status = 500, .retry_after = "tomorrow"});
	script(3, (struct fake_answer){.status = 429, .retry_after = "86400"});
	script(4, OK);
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_EQ(fake.asked, 5);
	CHECK_EQ(fake.wait_count, 4);
	/* about a second, doubled; what the server says goes before, up to a minute */
	CHECK(fake.waits[0] >= 800 && fake.waits[0] <= 1200);
	CHECK_EQ(fake.waits[1], 7000);
	CHECK(fake.waits[2] >= 3200 && fake.waits[2] <= 4800);
	CHECK_EQ(fake.waits[3], 60000);
	CHECK_EQ(fake_logged(" answers 429; once more in 7.0 s (try 3 of 5)"), 1);
}

static void limits_told(void)
{
	fake_begin();
	for (unsigned k = 0; k < 5; k++)
		script(k, (struct fake_answer){.status = 429,
				  .retry_after = "Thu, 01 Jan 1970 00:00:00 GMT",
				  .limit = "100;w=21600",
				  .remaining = "0;w=21600"});
	CHECK_EQ(ask("latest", NULL), -EREMOTEIO);
	CHECK(strstr(err.text, "its limit is 100;w=21600, and 0;w=21600 are left"));
	CHECK_EQ(fake.waits[0], 0);
}

static void interrupted(void)
{
	fake_begin();
	fake.wait_interrupted = true;
	script(0, (struct fake_answer){.status = 503});
	CHECK_EQ(ask("latest", NULL), -EINTR);
	CHECK_EQ(err.cls, ERR_INTERRUPTED);
	CHECK_EQ(fake.asked, 1);
	fake_begin();
	script(0, (struct fake_answer){.fails = -EINTR});
	CHECK_EQ(ask("latest", NULL), -EINTR);
	CHECK_EQ(fake.asked, 1);
}

static void connections(void)
{
	static const struct {
		int code;
		unsigned first,
			later; /* requests when nobody, or somebody, has answered */
	} c[] = {
		{-ECONNRESET, 5, 5},
		/* most likely wrong from the start, but not later */
		{-EHOSTUNREACH, 1, 5},
		{-ETIMEDOUT, 1, 5},
		{-ECONNREFUSED, 1, 1},
		{-EKEYREJECTED, 1, 1},
		{-EPROTO, 1, 1},
		{-ELOOP, 1, 1},
		{-EPERM, 1, 1},
		{-EBADMSG, 1, 1},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		fake_begin();
		for (unsigned k = 0; k < 8; k++)
			script(k, (struct fake_answer){.fails = c[i].code});
		CHECK_EQ(ask("latest", NULL), c[i].code);
		CHECK_EQ(fake.asked, c[i].first);
		CHECK_EQ(strncmp(err.text, HUB ": failure", strlen(HUB ": failure")), 0);
		fake_begin();
		script(0, (struct fake_answer){.status = 503});
		for (unsigned k = 1; k < 8; k++)
			script(k, (struct fake_answer){.fails = c[i].code});
		CHECK_EQ(ask("latest", NULL), c[i].code);
		CHECK_EQ(fake.asked, 1 + c[i].later);
	}
	/* in the middle of the document: from its start again */
	fake_begin();
	script(0, (struct fake_answer){
			  .type = TYPE, .body = "{\"sch", .breaks = -ECONNRESET});
	script(1, OK);
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_STR(got.bytes.data, MANIFEST);
	CHECK_EQ(fake_logged("the connection broke; once more in"), 1);
}

static void too_large(void)
{
	struct fake_answer endless = {.body = "0123456789", .repeat = 1000000000000};

	fake_begin();
	script(0, endless);
	CHECK_EQ(ask("latest", NULL), -EBADMSG);
	CHECK(strstr(
		err.text, "more than the 1000 bytes allowed (raise it with --limit"));
	fake_begin();
	script(0, (struct fake_answer){.length = "20971520", .body = "{"});
	CHECK_EQ(ask("latest", NULL), -EBADMSG);
	CHECK(strstr(err.text, "more than the 1000 bytes allowed"));
	/* exactly as many are not too many */
	fake_begin();
	script(0,
		(struct fake_answer){.type = "x/y", .body = "0123456789", .repeat = 100});
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_EQ(got.bytes.len, 1000);
	/* an error without an end is left, and still told */
	fake_begin();
	endless.status = 404;
	script(0, endless);
	CHECK_EQ(ask("latest", NULL), -ENOENT);
}

static void authentication(void)
{
	fake_begin();
	script(0, (struct fake_answer){.status = 401});
	script(1, OK);
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_STR(fake.asked_for[0], "https://" URL);
	CHECK_STR(fake.asked_for[1], "https://" URL " Bearer new-secret");
	/* a token that has become old */
	fake_begin();
	fake.token = true;
	script(0, (struct fake_answer){.status = 401});
	script(1, OK);
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_STR(fake.asked_for[0], "https://" URL " Bearer old-secret");
	CHECK_STR(fake.asked_for[1], "https://" URL " Bearer new-secret");
	/* who refuses another one too is not asked for ever */
	fake_begin();
	script(0, (struct fake_answer){.status = 401});
	script(1, (struct fake_answer){.status = 401});
	CHECK_EQ(ask("latest", NULL), -EACCES);
	CHECK_EQ(err.cls, ERR_ACCESS);
	CHECK_EQ(fake.asked, 2);
	CHECK_STR(err.text, HUB ": not even so");
	fake_begin();
	fake.auth_fails = -EACCES;
	script(0, (struct fake_answer){.status = 401});
	CHECK_EQ(ask("latest", NULL), -EACCES);
	CHECK_EQ(err.cls, ERR_ACCESS);
	CHECK_STR(err.text, HUB ": wrong password");
	CHECK_EQ(fake.asked, 1);
}

/* A server that shows what it was sent does not make us print it. */
static void echoes(void)
{
	fake_begin();
	fake.token = true;
	script(0, (struct fake_answer){.status = 403,
			  .body = "{\"errors\":[{\"code\":\"X\",\"message\":\"got Bearer "
				  "old-secret\"}]}",
			  .warnings = {"299 - \"got Bearer old-secret\"",
				  "299 - \"something else\""}});
	CHECK_EQ(ask("latest", NULL), -EACCES);
	CHECK(!strstr(err.text, "got Bearer"));
	CHECK_EQ(fake_logged("old-secret"), 0);
	CHECK_EQ(fake_logged("something else"), 1);
}

static void schemes(void)
{
	static const struct {
		bool insecure, loopback;
		int https, http; /* what comes of them; 1: is not asked */
		int result;
	} c[] = {
		{false, false, -EPROTO, 1, -EPROTO},
		{false, true, -EPROTO, 0, 0},
		{true, false, -EPROTO, 0, 0},
		{true, true, -EPROTO, 0, 0},
		{false, false, -ECONNREFUSED, 1, -ECONNREFUSED},
		{false, true, -ECONNREFUSED, 1, -ECONNREFUSED},
		{true, false, -ECONNREFUSED, 0, 0},
		{true, false, -ECONNREFUSED, -ECONNREFUSED, -ECONNREFUSED},
		{false, true, -EPROTO, -EBADMSG, -EBADMSG},
		{true, true, -EKEYREJECTED, 1, -EKEYREJECTED},
		{true, true, -EHOSTUNREACH, 1, -EHOSTUNREACH},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		fake_begin();
		fake.endpoints[0].host = "h:5000";
		fake.endpoints[0].insecure = c[i].insecure;
		fake.endpoints[0].loopback = c[i].loopback;
		script(0, (struct fake_answer){.fails = c[i].https});
		script(1, OK);
		fake.script[1].fails = c[i].http == 1 ? 0 : c[i].http;
		CHECK_EQ(ask("latest", NULL), c[i].result);
		CHECK_EQ(fake.asked, c[i].http == 1 ? 1 : 2);
		CHECK_STR(fake.asked_for[0],
			"https://h:5000/v2/library/nginx/manifests/latest");
		if (c[i].http != 1)
			CHECK_STR(fake.asked_for[1],
				"http://h:5000/v2/library/nginx/manifests/latest");
		CHECK_EQ(fake.verify, !c[i].insecure);
		CHECK(!fake.no_secrets);
	}
}

/* The scheme that has answered is the one that is asked, also when it breaks. */
static void scheme_is_kept(void)
{
	struct client_session *s;

	fake_begin();
	fake.endpoints[0].host = "localhost:5000";
	fake.endpoints[0].insecure = fake.endpoints[0].loopback = true;
	script(0, (struct fake_answer){.fails = -EPROTO});
	script(1, (struct fake_answer){.status = 401});
	script(2, OK);
	script(3, OK);
	s = fake_open(NULL);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(client_manifest(s, "latest", NULL, 1000, &got, &err), 0);
		client_document_finish(&got);
	}
	fake_close(s);
	CHECK_EQ(fake.asked, 4);
	for (unsigned i = 1; i < 4; i++)
		CHECK_EQ(strncmp(fake.asked_for[i], "http://", 7), 0);

	fake_begin();
	fake.endpoints[0].host = "localhost:5000";
	fake.endpoints[0].insecure = fake.endpoints[0].loopback = true;
	script(0, OK);
	script(1, (struct fake_answer){.fails = -EPROTO});
	s = fake_open(NULL);
	CHECK_EQ(client_manifest(s, "latest", NULL, 1000, &got, &err), 0);
	client_document_finish(&got);
	CHECK_EQ(client_manifest(s, "latest", NULL, 1000, &got, &err), -EPROTO);
	fake_close(s);
	CHECK_EQ(fake.asked, 2);
	/* nor when a redirect led to what is broken */
	fake_begin();
	fake.endpoints[0].host = "localhost:5000";
	fake.endpoints[0].loopback = true;
	script(0, (struct fake_answer){.redirect = "https://cdn/x", .fails = -EPROTO});
	CHECK_EQ(ask("latest", NULL), -EPROTO);
	CHECK_EQ(fake.asked, 1);
}

static void redirects(void)
{
	static const struct {
		const char *host, *to;
		bool ok;
	} c[] = {
		{"registry.example", "https://cdn.example/x", true},
		{"registry.example", "https://10.0.0.1/x", false},
		{"registry.example", "http://169.254.169.254/latest", false},
		{"registry.example", "https://localhost/x", false},
		{"registry.example:5000", "https://[::1]:5000/x", false},
		{"10.1.2.3:5000", "https://10.0.0.1/x", true},
		{"localhost:5000", "http://127.0.0.1:6000/x", true},
		{"[fd00::1]:5000", "http://192.168.0.1/x", true},
		{"8.8.8.8", "http://192.168.0.1/x", false},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		fake_begin();
		fake.endpoints[0].host = c[i].host;
		script(0, OK);
		fake.script[0].redirect = c[i].to;
		CHECK_EQ(ask("latest", NULL), c[i].ok ? 0 : -EPERM);
		if (!c[i].ok)
			CHECK(strstr(err.text, HUB ": it leads to the private address"));
	}
}

static void warnings_once(void)
{
	struct client_session *s;

	fake_begin();
	for (unsigned i = 0; i < 3; i++) {
		script(i, OK);
		fake.script[i].warnings[0] = "299 - \"going \x1b[31m away\"";
		fake.script[i].warnings[1] = "299 - \"two\", 299 - \"two\"";
		fake.script[i].warnings[2] = "199 - \"misc\"";
	}
	s = fake_open(NULL);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(client_manifest(s, "latest", NULL, 1000, &got, &err), 0);
		client_document_finish(&got);
	}
	fake_close(s);
	CHECK_EQ(fake_logged("1 " HUB " says: \"going \\x1b[31m away\"\n"), 1);
	CHECK_EQ(fake_logged("1 " HUB " says: \"two\"\n"), 1);
	CHECK_EQ(fake_logged("misc"), 0);
	/* a server that has something else to say each time is bounded */
	fake_begin();
	s = fake_open(NULL);
	for (unsigned i = 0; i < 40; i++) {
		char text[FAKE_REQUESTS][40];

		snprintf(text[i], sizeof(text[i]), "299 - \"number %u\"", i);
		script(i, OK);
		fake.script[i].warnings[0] = text[i];
		CHECK_EQ(client_manifest(s, "latest", NULL, 1000, &got, &err), 0);
		client_document_finish(&got);
	}
	fake_close(s);
	CHECK_EQ(fake_logged(" says: "), 16);
}

static void digest_headers(void)
{
	fake_begin();
	script(0, OK);
	fake.script[0].digest = "sha256:wrong";
	CHECK_EQ(ask("latest", NULL), 0);
	CHECK_EQ(fake_logged("3 " HUB ": the header calls the manifest sha256:wrong"), 1);
}

int main(void)
{
	by_tag();
	by_digest();
	types();
	refuses();
	no_such_digest();
	recovers();
	limits_told();
	interrupted();
	connections();
	too_large();
	authentication();
	echoes();
	schemes();
	scheme_is_kept();
	redirects();
	warnings_once();
	digest_headers();
	client_document_finish(&got);
	TEST_END;
}
