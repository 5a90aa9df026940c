/* WWW-Authenticate: what is read out of what servers send. */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "sources/registry/challenge.h"

#define REALM "https://auth.example/token"
#define BEARER "Bearer realm=\"" REALM "\""

static const struct good {
	const char *lines[4];
	enum challenge_kind kind;
	const char *realm, *service, *scope, *error;
} good[] = {
	{{NULL}, CHALLENGE_NONE},
	{{""}, CHALLENGE_NONE},
	{{" , ,\t,"}, CHALLENGE_NONE},
	{{"Negotiate"}, CHALLENGE_NONE},
	{{"Digest realm=\"a\", qop=\"auth,auth-int\", algorithm=MD5"}, CHALLENGE_NONE},
	{{BEARER}, CHALLENGE_BEARER, REALM},
	{{BEARER ",service=\"registry.example\",scope=\"repository:a/b:pull\""},
		CHALLENGE_BEARER, REALM, "registry.example", "repository:a/b:pull"},
	/* commas and blanks in quotes */
	{{BEARER ",service=\"a, b\",scope=\"repository:x:pull,push "
		 "repository:h:5/y:pull\""},
		CHALLENGE_BEARER, REALM, "a, b",
		"repository:x:pull,push repository:h:5/y:pull"},
	/* case, blanks, tabs, empty elements */
	{{"BEARER\tREALM = \"" REALM "\" ,, Service=s\t,\tSCOPE\t=\tp ,"},
		CHALLENGE_BEARER, REALM, "s", "p"},
	{{",, bearer   realm=\"" REALM "\""}, CHALLENGE_BEARER, REALM},
	/* without quotes, also what is no token */
	{{"Bearer realm=" REALM ",service=x"}, CHALLENGE_BEARER, REALM, "x"},
	/* escapes */
	{{BEARER ",service=\"a\\\"b\\\\c\\d\""}, CHALLENGE_BEARER, REALM, "a\"b\\cd"},
	{{BEARER ",service=\"\""}, CHALLENGE_BEARER, REALM, ""},
	/* unknown parameters */
	{{BEARER ",x=1,y=\"2,3\",error=\"insufficient_scope\""}, CHALLENGE_BEARER, REALM,
		NULL, NULL, "insufficient_scope"},
	/* forgotten commas */
	{{BEARER " service=\"s\" scope=\"p\""}, CHALLENGE_BEARER, REALM, "s", "p"},
	{{"Basic realm=\"x\" " BEARER}, CHALLENGE_BEARER, REALM},
	/* Basic in all its forms */
	{{"Basic"}, CHALLENGE_BASIC},
	{{"basic realm="}, CHALLENGE_BASIC},
	{{"Basic realm=\"Registry Realm\", charset=\"UTF-8\""}, CHALLENGE_BASIC,
		"Registry Realm"},
	{{"Basic , realm=\"x\""}, CHALLENGE_BASIC, "x"},
	/* several in one line, in either order */
	{{"Basic realm=\"b\", " BEARER ", service=\"s\""}, CHALLENGE_BEARER, REALM, "s"},
	{{BEARER ", service=\"s\", Basic realm=\"b\""}, CHALLENGE_BEARER, REALM, "s"},
	{{"Negotiate, NTLM, Basic realm=\"b\""}, CHALLENGE_BASIC, "b"},
	{{"Negotiate YIIG/a+b==, Basic realm=\"b\""}, CHALLENGE_BASIC, "b"},
	{{"Negotiate abc , Digest a=b, c=\"d, Basic realm=x\", " BEARER},
		CHALLENGE_BEARER, REALM},
	{{"Basic, Basic realm=\"second\""}, CHALLENGE_BASIC},
	{{BEARER ", Bearer realm=\"https://second/\""}, CHALLENGE_BEARER, REALM},
	/* several lines */
	{{"Negotiate", "Basic realm=\"b\"", BEARER}, CHALLENGE_BEARER, REALM},
	{{"Basic realm=\"b\"", "Negotiate"}, CHALLENGE_BASIC, "b"},
	/* what cannot be understood beside what can */
	{{"=?=", "Basic realm=\"b\""}, CHALLENGE_BASIC, "b"},
	{{"Basic realm=\"b\"", "Bearer realm=\"" REALM}, CHALLENGE_BASIC, "b"},
	{{"Basic realm=\"b\", Bearer"}, CHALLENGE_BASIC, "b"},
	{{BEARER ", Bearer realm=\"x"}, CHALLENGE_BEARER, REALM},
};

static const char *const bad[] = {
	"Bearer",
	"Bearer realm=\"\"",
	"Bearer realm=",
	"Bearer service=\"x\"",
	"Bearer realm=\"https://x",
	"Bearer realm=\"https://x\\",
	"Bearer realm=\"https://x\\\"",
	"Bearer realm=\"https://x\"y",
	"Bearer realm=ht\"tps",
	"Bearer realm=\"a\",realm=\"b\"",
	"Bearer realm=\"a\",REALM=b",
	"Bearer realm=,service=x",
	"Bearer realm \"x\"",
	"Bearer \"x\"",
	"Bearer/x",
	"\"Bearer\"",
	"Bearer realm=\"a\x01\"",
	"Bearer realm=\"a\x7f\"",
	"Basic realm=\"a\r\nX: y\"",
	"<html>",
	"=",
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

static int choose(
	const char *const *lines, size_t n, struct challenge *c, struct o2r_err *err)
{
	return challenge_choose((char *const *)lines, n, c, err);
}

static void understands(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CLEANUP(challenge_finish) struct challenge c = {0};
		const struct good *g = &good[i];
		struct o2r_err err = {0};
		size_t n = 0;

		while (n < 4 && g->lines[n])
			n++;
		CHECK_EQ(choose(g->lines, n, &c, &err), 0);
		CHECK_EQ(c.kind, g->kind);
		check_text(c.realm, g->realm);
		check_text(c.service, g->service);
		check_text(c.scope, g->scope);
		check_text(c.error, g->error);
		if (unit_failures)
			fprintf(stderr, "case %zu\n", i);
	}
}

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(challenge_finish) struct challenge c = {0};
		struct o2r_err err = {0};

		CHECK_EQ(choose(&bad[i], 1, &c, &err), -EBADMSG);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(strstr(err.text, "WWW-Authenticate") != NULL);
		CHECK(strpbrk(err.text, "\r\n\x01\x7f") == NULL);
		CHECK_EQ(c.kind, CHALLENGE_NONE);
		CHECK(!c.realm && !c.service && !c.scope && !c.error);
		if (unit_failures)
			fprintf(stderr, "bad case %zu\n", i);
	}
}

/* A line that is too long is one that cannot be understood. */
static void long_lines(void)
{
	CLEANUP(challenge_finish) struct challenge c = {0};
	static char text[CHALLENGE_MAX + 2];
	char *lines[] = {text, (char[]){"Basic"}};
	struct o2r_err err = {0};

	memset(text, ',', sizeof(text) - 1);
	memcpy(text, BEARER, strlen(BEARER));
	CHECK_EQ(challenge_choose(lines, 1, &c, &err), -EBADMSG);
	CHECK_EQ(challenge_choose(lines, 2, &c, &err), 0);
	CHECK_EQ(c.kind, CHALLENGE_BASIC);
	text[CHALLENGE_MAX] = '\0';
	challenge_finish(&c);
	CHECK_EQ(challenge_choose(lines, 2, &c, &err), 0);
	CHECK_EQ(c.kind, CHALLENGE_BEARER);
}

int main(void)
{
	understands();
	refuses();
	long_lines();
	TEST_END;
}
