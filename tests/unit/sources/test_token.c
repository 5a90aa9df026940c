/* Token servers: what they answer, what they do not know, and where they may be. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fake_token_server.h"
#include "sources/registry/realm.h"
#include "sources/registry/scopes.h"
#include "sources/registry/secret.h"
#include "sources/registry/token_reply.h"

#define BEARER "Bearer realm=\"https://auth.example/token\",service=\"s\""
#define FORM                                                                             \
	"grant_type=refresh_token&client_id=o2r&service=s&"                              \
	"scope=repository%3Aa%2Fb%3Apull&refresh_token="
#define GET_URL "https://auth.example/token?service=s&scope=repository%3Aa%2Fb%3Apull"

static char file[] = "/tmp/o2r-test-XXXXXX";
static const struct registry_settings from_file = {.authfile = file};
static const struct registry_settings given = {.username = "u", .password = MARK};

static void auth_cleanup(struct auth **a)
{
	auth_destroy(*a);
	server_check_silence("");
}

#define AUTO_AUTH CLEANUP(auth_cleanup)

/* Of a registry at https://r.example, for a/b. */
static struct auth *begin(const struct registry_settings *settings, struct place *p)
{
	struct auth *a = NULL;
	struct o2r_err err = {0};

	server_begin();
	place_begin(p, true, "r.example", "a/b");
	CHECK_EQ(auth_create(settings, &server_ctx, &a, &err), 0);
	return a;
}

static void put_entry(const char *entry)
{
	FILE *f = fopen(file, "w");

	if (!f || fprintf(f, "{\"auths\":{\"r.example\":%s}}", entry) < 0 ||
		fclose(f) != 0)
		exit(2);
}

static void answer(unsigned n, long status, const char *body)
{
	server.script[n] = (struct token_answer){.status = status, .body = body};
}

/* ---- what is read out of an answer */

static const struct {
	const char *text;
	const char *token; /* NULL: an error with `refresh` in it */
	const char *refresh;
	int64_t lasts;
} replies[] = {
	{"{\"token\":\"t\"}", "t", NULL, 60},
	{"{\"access_token\":\"t\",\"token_type\":\"Bearer\"}", "t", NULL, 60},
	{"{\"token\":\"t\",\"access_token\":\"other\"}", "t", NULL, 60},
	{"{\"token\":\"\",\"access_token\":\"t\"}", "t", NULL, 60},
	{"{\"token\":null,\"access_token\":\"t\"}", "t", NULL, 60},
	{"{\"token\":\"!a~\"}", "!a~", NULL, 60},
	{"{\"token\":\"t\",\"refresh_token\":\"r\"}", "t", "r", 60},
	{"{\"token\":\"t\",\"refresh_token\":\"\"}", "t", NULL, 60},
	{"{\"token\":\"t\",\"refresh_token\":5}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":300}", "t", NULL, 300},
	{"{\"token\":\"t\",\"expires_in\":59}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":0}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":-1}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":1.5}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":\"300\"}", "t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":9007199254740991}", "t", NULL, 86400},
	{"{\"token\":\"t\",\"expires_in\":99999999999999999999}", "t", NULL, 60},
	/* now is 2023-11-14T22:13:20Z */
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2023-11-14T22:13:20Z\"}",
		"t", NULL, 300},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2023-11-14T22:12:20.5Z\"}",
		"t", NULL, 240},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2023-11-14T23:09:20+01:"
	 "00\"}",
		"t", NULL, 60},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2023-11-14T22:08:21Z\"}",
		"t", NULL, 1},
	/* clocks that differ by more than a lifetime, and what is no time */
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2023-11-14T22:08:20Z\"}",
		"t", NULL, 300},
	{"{\"token\":\"t\",\"expires_in\":604800,\"issued_at\":\"2023-11-13T23:13:20Z\"}",
		"t", NULL, 86400},
	{"{\"token\":\"t\",\"expires_in\":86400,\"issued_at\":\"2023-11-13T23:13:20Z\"}",
		"t", NULL, 3600},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"2030-01-01T00:00:00Z\"}",
		"t", NULL, 300},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":\"yesterday\"}", "t", NULL,
		300},
	{"{\"token\":\"t\",\"expires_in\":300,\"issued_at\":17}", "t", NULL, 300},
	/* none */
	{"", NULL, "the JSON is cut short"},
	{"<html>" MARK "</html>", NULL, "not valid JSON"},
	{"{}", NULL, "there is no token in it"},
	{"[\"" MARK "\"]", NULL, "not an object"},
	{"{\"token\":null}", NULL, "there is no token in it"},
	{"{\"token\":\"\"}", NULL, "there is no token in it"},
	{"{\"Token\":\"t\"}", NULL, "there is no token in it"},
	{"{\"token\":[\"" MARK "\"]}", NULL, "token is a list, not a string"},
	{"{\"token\":\"a\",\"token\":\"b\"}", NULL, "twice"},
	{"{\"token\":\"t\"} {}", NULL, "behind the document"},
	{"{\"token\":\"" MARK "\\r\\nX: y\"}", NULL, "characters that no token may have"},
	{"{\"token\":\"" MARK " b\"}", NULL, "characters that no token may have"},
	{"{\"token\":\"" MARK "\\u007f\"}", NULL, "characters that no token may have"},
	{"{\"token\":\"" MARK "\\u00e9\"}", NULL, "characters that no token may have"},
	{"{\"token\":\"" MARK "\\u0000\"}", NULL, "NUL"},
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

static void reply_forms(void)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		CLEANUP(token_finish) struct token t = {0};
		struct o2r_err err = {0};
		int failures = unit_failures;
		int r = token_reply_parse(replies[i].text, strlen(replies[i].text), 64,
			1700000000, &t, &err);

		check_text(t.text, replies[i].token);
		CHECK_EQ(t.lasts, replies[i].lasts);
		if (replies[i].token) {
			CHECK_EQ(r, 0);
			check_text(t.refresh, replies[i].refresh);
		} else {
			CHECK_EQ(r, -EBADMSG);
			CHECK_EQ(err.cls, ERR_CORRUPT);
			CHECK(strstr(err.text, replies[i].refresh) != NULL);
			CHECK(strstr(err.text, MARK) == NULL);
		}
		if (unit_failures > failures)
			fprintf(stderr, "reply %s\n%s\n", replies[i].text, err.text);
	}
}

/* ---- answers that are none */

static const struct {
	struct token_answer answer;
	int code;
	const char *text;
} odd[] = {
	{{.status = 200, .body = "<html>"}, -EBADMSG,
		"its token server auth.example: the answer cannot be used: not valid "
		"JSON"},
	{{.status = 200}, -EBADMSG, "the JSON is cut short"},
	{{.status = 200, .body = "{\"token\":\"t\"}          ", .repeat = 1 << 16},
		-EBADMSG, "the answer has more than 1048576 bytes"},
	{{.status = 200, .body = "{\"token\":\"t\"}", .breaks = true}, -ECONNRESET,
		"its token server auth.example: the connection broke"},
	{{.status = 204}, -EBADMSG,
		"it answers with status 204 to a request for a token"},
	{{.status = 302}, -EBADMSG, "status 302"},
	{{.status = 404, .body = MARK}, -EBADMSG,
		"its token server auth.example: it answers with status 404"},
	{{.status = 400}, -EBADMSG, "status 400"},
	{{.status = 429}, -ETIMEDOUT, "status 429: too many requests, try again later"},
	{{.status = 408}, -ETIMEDOUT, "status 408: try again later"},
	{{.status = 500}, -ETIMEDOUT, "status 500: try again later"},
	{{.status = 503, .body = MARK, .breaks = true}, -ETIMEDOUT, "status 503"},
	{{.status = 404, .body = MARK MARK MARK, .repeat = 1 << 18}, -EBADMSG,
		"status 404"},
	{{.status = 401}, -EACCES, "it does not accept the user name and password"},
	{{.status = 403, .body = "{}", .breaks = true}, -EACCES, "it does not accept"},
	{{.fails = -EHOSTUNREACH}, -EHOSTUNREACH,
		"its token server auth.example: cannot reach it"},
	{{.fails = -EKEYREJECTED}, -EKEYREJECTED, "auth.example"},
	{{.fails = -EINTR}, -EINTR, "interrupted"},
	{{.status = 200, .redirect = "http://auth.example/"}, -EPERM, "not https"},
	{{.status = 200, .redirect = "https://10.0.0.1/"}, -EPERM, "private address"},
	{{.status = 200, .redirect = "https://u:p@x.example/"}, -EPERM, "no https URL"},
};

static void odd_answers(void)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct place p;
		AUTO_AUTH struct auth *a = begin(&given, &p);
		int failures = unit_failures, code;
		const char *text;

		server.script[0] = odd[i].answer;
		text = refused(a, &p, BEARER, NULL, &code);
		CHECK_EQ(code, odd[i].code);
		CHECK(strstr(text, odd[i].text) != NULL);
		CHECK_EQ(server.asked, 1);
		if (unit_failures > failures)
			fprintf(stderr, "odd %zu: %s\n", i, text);
		/* and the next one may be better */
		server.script[0] = (struct token_answer){
			.status = 200,
			.body = "{\"token\":\"T1\"}",
			.redirect = "https://other.example/token",
		};
		CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	}
}

/* ---- identity tokens */

static void identity_token(void)
{
	struct place p;
	AUTO_AUTH struct auth *a = begin(&from_file, &p);

	put_entry("{\"identitytoken\":\"" MARK "&+/=\"}");
	answer(0, 200, "{\"access_token\":\"T1\",\"refresh_token\":\"" MARK "2\"}");
	answer(1, 200, "{\"access_token\":\"T2\"}");
	CHECK_STR(refused(a, &p, BEARER ",scope=\"x:y:z\"", NULL, NULL), "Bearer T1");
	CHECK_STR(server.requests[0].url, "https://auth.example/token");
	CHECK_STR(server.requests[0].authorization, "");
	CHECK_STR(server.requests[0].form,
		"grant_type=refresh_token&client_id=o2r&service=s&"
		"scope=repository%3Aa%2Fb%3Apull%20x%3Ay%3Az&"
		"refresh_token=" MARK "%26%2B%2F%3D");
	/* a new one takes the place of the old one */
	server.steady += 60;
	CHECK_STR(header(a, &p, NULL), "Bearer T2");
	CHECK(strstr(server.requests[1].form, "&refresh_token=" MARK "2"));
	/* and stays while there is no other */
	server.steady += 60;
	CHECK_STR(header(a, &p, NULL), "Bearer T2");
	CHECK(strstr(server.requests[2].form, "&refresh_token=" MARK "2"));
}

/* Servers without OAuth2, and those that take their tokens for passwords. */
static void identity_token_by_get(void)
{
	static const long statuses[] = {404, 405, 401, 400};
	static const struct {
		const char *entry, *authorization, *account;
	} entries[] = {
		{"{\"identitytoken\":\"" MARK "\"}", "Basic OlMzQ1IzVA==", ""},
		{"{\"username\":\"u\",\"identitytoken\":\"" MARK "\"}",
			"Basic dTpTM0NSM1Q=", "&account=u"},
		{"{\"username\":\"u\",\"password\":\"pw\",\"identitytoken\":\"" MARK
		 "\"}",
			"Basic dTpwdw==", "&account=u"},
	};

	for (size_t i = 0; i < 4 * 3; i++) {
		struct place p;
		AUTO_AUTH struct auth *a = begin(&from_file, &p);
		char url[300];
		int code;

		put_entry(entries[i / 4].entry);
		answer(0, statuses[i % 4], "<html>");
		answer(1, 200, "{\"token\":\"T1\"}");
		CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
		CHECK_EQ(server.asked, 2);
		CHECK_STR(server.requests[0].form, FORM MARK);
		CHECK_STR(server.requests[1].form, "");
		snprintf(url, sizeof(url), "%s%s", GET_URL, entries[i / 4].account);
		CHECK_STR(server.requests[1].url, url);
		CHECK_STR(server.requests[1].authorization, entries[i / 4].authorization);
		/* refused in both ways */
		server.steady += 100;
		server.asked = 0;
		answer(1, 401, "");
		CHECK(strstr(header(a, &p, &code),
			"it does not accept the identity token from /tmp/"));
		CHECK_EQ(code, -EACCES);
		CHECK_EQ(server.asked, 2);
	}
}

static void identity_token_fails(void)
{
	static const struct {
		long status;
		int code;
	} c[] = {{403, -EACCES}, {500, -ETIMEDOUT}, {429, -ETIMEDOUT}, {418, -EBADMSG}};
	struct place p;
	int code;

	put_entry("{\"identitytoken\":\"" MARK "\"}");
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		AUTO_AUTH struct auth *a = begin(&from_file, &p);

		answer(0, c[i].status, "");
		refused(a, &p, BEARER, NULL, &code);
		CHECK_EQ(code, c[i].code);
		CHECK_EQ(server.asked, 1);
		/* no user name and password, which is what Basic wants */
		CHECK(strstr(refused(a, &p, "Basic", NULL, &code),
			"there is only the identity token from /tmp/"));
	}
}

/* ---- where token servers may be, and how they are verified */

static const struct {
	const char *registry, *realm;
	const char *fault; /* NULL: none */
} realms[] = {
	{"https://r.example/", "https://r.example/token", NULL},
	{"https://r.example/", "https://auth.other.example:8443/token?a=b", NULL},
	{"https://r.example/", "HTTPS://auth.example", NULL},
	{"https://r.example/", "https://93.184.216.34/token", NULL},
	{"http://r.example/", "http://auth.example/token", NULL},
	{"http://r.example/", "https://auth.example/token", NULL},
	/* its own host, or this machine for this machine */
	{"https://10.0.0.1:5000/", "https://10.0.0.1/token", NULL},
	{"https://[fd00::1]/", "https://[FD00::1]:444/token", NULL},
	{"http://localhost:5000/", "http://127.0.0.1:5001/token", NULL},
	{"https://127.0.0.1:5000/", "https://localhost:5001/token", NULL},
	{"http://[::1]:5000/", "http://localhost:5001/token", NULL},
	{"https://r.example/", "http://r.example/token", "not https, as the registry is"},
	{"https://r.example/", "http://127.0.0.1/", "not https"},
	{"https://r.example/", "https://127.0.0.1/token", "a private address"},
	{"https://r.example/", "https://localhost/token", "a private address"},
	{"https://r.example/", "https://10.0.0.1/token", "a private address"},
	{"https://10.0.0.2/", "https://10.0.0.1/token", "a private address"},
	{"https://r.example/", "https://192.168.1.1/token", "a private address"},
	{"https://r.example/", "https://169.254.169.254/latest/meta-data/",
		"a private address"},
	{"http://r.example/", "http://169.254.169.254/", "a private address"},
	{"https://r.example/", "https://0x7f.1/", "a private address"},
	{"https://r.example/", "https://[::1]/", "a private address"},
	{"https://r.example/", "https://[fe80::1]/", "a private address"},
	{"https://r.example/", "https://[::ffff:10.0.0.1]/", "a private address"},
	{"https://localhost/", "https://10.0.0.1/", "a private address"},
	{"https://r.example/", "file:///etc/passwd", "no https URL"},
	{"https://r.example/", "ftp://auth.example/", "no https URL"},
	{"https://r.example/", "/token", "no https URL"},
	{"https://r.example/", "auth.example/token", "no https URL"},
	{"https://r.example/", "", "no https URL"},
	{"https://r.example/", "https:///token", "no https URL"},
	{"https://r.example/", "https://r.example@evil.example/", "no https URL"},
	{"https://r.example/", "https://a\nb/", "no https URL"},
};

static void realm_rules(void)
{
	for (size_t i = 0; i < sizeof(realms) / sizeof(realms[0]); i++) {
		struct o2r_err err = {0};
		struct url registry, out;
		int r;

		CHECK_EQ(url_parse(realms[i].registry, &registry), 0);
		r = realm_check(realms[i].realm, &registry, &out, &err);
		CHECK_EQ(r, realms[i].fault ? -EPERM : 0);
		if (realms[i].fault && r < 0) {
			CHECK_EQ(err.cls, ERR_ACCESS);
			CHECK(strstr(err.text, realms[i].fault) != NULL);
			CHECK(strchr(err.text, '\n') == NULL);
		}
		if (!realms[i].fault != (r == 0))
			fprintf(stderr, "%s: %s\n", realms[i].realm, err.text);
	}
}

/* A realm that is not asked gets no request at all. */
static void bad_realm(void)
{
	struct place p;
	AUTO_AUTH struct auth *a = begin(&given, &p);
	int code;

	CHECK_STR(refused(a, &p, "Bearer realm=\"https://169.254.169.254/x?y=z\"", NULL,
			  &code),
		"it sends us to https://169.254.169.254 for a token: that is a private "
		"address, and not the registry's own, so it gets nothing: tell who runs "
		"the registry");
	CHECK_EQ(code, -EPERM);
	CHECK_EQ(server.asked, 0);
}

static void certificates(void)
{
	static const struct {
		const char *realm;
		bool cert;
	} c[] = {{"https://r.example:444/", true}, {"https://auth.example/", false}};

	for (size_t i = 0; i < 2; i++) {
		struct place p;
		AUTO_AUTH struct auth *a = begin(&given, &p);
		char challenge[100];

		p.tls = (struct http_tls){
			.verify = i == 0,
			.ca_pem = (char *)"x",
			.cert = (char *)"c",
			.key = (char *)"k",
		};
		answer(0, 200, "{\"token\":\"T1\"}");
		snprintf(challenge, sizeof(challenge), "Bearer realm=\"%s\"", c[i].realm);
		CHECK_STR(refused(a, &p, challenge, NULL, NULL), "Bearer T1");
		CHECK_EQ(server.requests[0].has_cert, c[i].cert);
		CHECK_EQ(server.requests[0].has_ca, true);
		CHECK_EQ(server.requests[0].verify, i == 0);
		CHECK(p.tls.cert && p.tls.key);
	}
}

/* ---- sets of scopes */

static void scope_sets(void)
{
	CLEANUP(strings_finish) struct strings set = {0};
	struct o2r_err err = {0};

	CHECK_EQ(scopes_add(&set, " b  a:b\tab b ", &err), 0);
	CHECK_EQ(scopes_add(&set, "", &err), 0);
	CHECK_EQ(scopes_add_pull(&set, "x", &err), 0);
	CHECK_EQ(scopes_add(&set, "a c repository:x:pull", &err), 0);
	CHECK_EQ(set.count, 6);
	CHECK_STR(set.s[0], "a");
	CHECK_STR(set.s[1], "a:b");
	CHECK_STR(set.s[2], "ab");
	CHECK_STR(set.s[3], "b");
	CHECK_STR(set.s[4], "c");
	CHECK_STR(set.s[5], "repository:x:pull");
	CHECK(scopes_cover(&set, "c a"));
	CHECK(scopes_cover(&set, ""));
	CHECK(!scopes_cover(&set, "c aa"));
	CHECK(!scopes_cover(&set, "repository:x"));
}

static void secrets(void)
{
	AUTO_SECRET_BUF struct buf b = {.max = 1000};
	AUTO_SECRET char *basic = secret_basic("Aladdin", "open sesame");

	/* RFC 7617, 2 */
	CHECK_STR(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	for (int i = 0; i < 100; i++)
		CHECK_EQ(secret_append_text(&b, "0123456789"), 0);
	CHECK_EQ(b.len, 1000);
	CHECK_MEM(b.data + 990, "0123456789", 11);
	CHECK_EQ(secret_append_text(&b, "x"), -EFBIG);
	CHECK_EQ(secret_append(&b, "x", SIZE_MAX), -EFBIG);
	CHECK_EQ(b.len, 1000);
	secret_free(NULL);
}

static const struct {
	const char *header, *text;
	bool shown;
} shown[] = {
	{NULL, "anything", false},
	{"Bearer abc", "", false},
	{"Bearer abc", "no: Bearer abc", true},
	{"Bearer abc", "ab bc", false},
	{"Bearer", "Bearer", false},
	{"Bearer ", "Bearer ", false},
	{"Basic dTpTM0NSM1Q=", "no: Basic dTpTM0NSM1Q=", true},
	{"Basic dTpTM0NSM1Q=", "the password is " MARK "!", true},
	{"Basic dTpTM0NSM1Q=", "the user is u", false},
	/* no password */
	{"Basic dTo=", "the user is u", false},
	/* p"\\é, then a character beyond 16 bits, then one of ASCII */
	{"Basic dTpwIlzDqQ==", "{\"message\":\"no p\\\"\\\\\\u00e9\"}", true},
	{"Basic dTpwIlzDqQ==", "{\"message\":\"no p\\\"\\\\\\u00E8\"}", false},
	{"Basic dTpw8J+YgA==", "p\\ud83d\\ude00", true},
	{"Basic dTpw8J+YgA==", "p\\ud83d", false},
	{"Basic dTphYi9j", "a\\u0062\\/c", true},
	{"Bearer ab/c", "ab\\/c", true},
	{"Bearer abc", "\\u00", false},
	{"Bearer abc", "ab\\", false},
};

static void what_servers_show(void)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		CHECK_EQ(secret_is_shown(
				 shown[i].header, shown[i].text, strlen(shown[i].text)),
			shown[i].shown);
}

int main(void)
{
	int fd = mkstemp(file);

	if (fd < 0)
		return 2;
	close(fd);
	reply_forms();
	odd_answers();
	identity_token();
	identity_token_by_get();
	identity_token_fails();
	realm_rules();
	bad_realm();
	certificates();
	scope_sets();
	secrets();
	what_servers_show();
	unlink(file);
	TEST_END;
}
