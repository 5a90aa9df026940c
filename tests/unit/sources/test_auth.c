/* Authentication: what requests are shown, when tokens are fetched, and how often. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fake_token_server.h"

#define BEARER "Bearer realm=\"https://auth.example/token\",service=\"registry.example\""
#define PULL "scope=repository%3Alibrary%2Fnginx%3Apull"
#define TOKEN_URL "https://auth.example/token?service=registry.example&" PULL
/* base64 of "u:S3CR3T" */
#define BASIC "Basic dTpTM0NSM1Q="

static const struct registry_settings nothing = {.authfile = "/dev/null/none"};
static const struct registry_settings given = {.username = "u", .password = MARK};
static char file[] = "/tmp/o2r-test-XXXXXX";
static const struct registry_settings from_file = {.authfile = file};

static void auth_cleanup(struct auth **a)
{
	auth_destroy(*a);
	server_check_silence("");
}

#define AUTO_AUTH CLEANUP(auth_cleanup)

static struct auth *begin(const struct registry_settings *settings)
{
	struct auth *a = NULL;
	struct o2r_err err = {0};

	server_begin();
	CHECK_EQ(auth_create(settings, &server_ctx, &a, &err), 0);
	return a;
}

static void hub(struct place *p)
{
	place_begin(p, true, "docker.io", "library/nginx");
}

static void put_file(const char *text)
{
	FILE *f = fopen(file, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		exit(2);
}

static void answer(unsigned n, long status, const char *body)
{
	server.script[n] = (struct token_answer){.status = status, .body = body};
}

/* No file has anything: settings that name one which is not there are an error. */
static const struct registry_settings *anonymous(void)
{
	put_file("{}");
	return &from_file;
}

static void anonymous_token(void)
{
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p;
	int code;

	hub(&p);
	/* nothing is shown to who has not asked */
	CHECK_STR(header(a, &p, &code), "");
	CHECK_EQ(code, 0);
	answer(0, 200, "{\"token\":\"T1\",\"expires_in\":300}");
	CHECK_STR(refused(a, &p, BEARER, NULL, &code), "Bearer T1");
	CHECK_EQ(code, 1);
	CHECK_STR(header(a, &p, NULL), "Bearer T1");
	CHECK_EQ(server.asked, 1);
	CHECK_STR(server.requests[0].url, TOKEN_URL);
	CHECK_STR(server.requests[0].authorization, "");
	CHECK_STR(server.requests[0].form, "");
}

static const struct {
	const char *challenge, *url;
} urls[] = {
	{BEARER ",scope=\"repository:library/nginx:pull\"", TOKEN_URL},
	{BEARER ",scope=\"z:a:b  a:b:c,d a:b:c,d\"",
		"https://auth.example/"
		"token?service=registry.example&scope=a%3Ab%3Ac%2Cd&" PULL
		"&scope=z%3Aa%3Ab"},
	{"Bearer realm=\"https://auth.example/\"", "https://auth.example/?" PULL},
	{"Bearer realm=\"https://auth.example/t?x=y#part\",service=\"a b&c\"",
		"https://auth.example/t?x=y&service=a%20b%26c&" PULL},
};

static void token_urls(void)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		AUTO_AUTH struct auth *a = begin(anonymous());
		struct place p;

		hub(&p);
		answer(0, 200, "{\"access_token\":\"T1\"}");
		CHECK_STR(refused(a, &p, urls[i].challenge, NULL, NULL), "Bearer T1");
		CHECK_STR(server.requests[0].url, urls[i].url);
	}
}

static void password_for_a_token(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	hub(&p);
	answer(0, 200, "{\"token\":\"T1\"}");
	answer(1, 401, "{\"details\":\"" MARK "\"}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	CHECK_STR(server.requests[0].url, TOKEN_URL "&account=u");
	CHECK_STR(server.requests[0].authorization, BASIC);
	/* it was changed meanwhile */
	server.steady += 60;
	CHECK(strstr(header(a, &p, &code),
		"it does not accept the user name and password from the command line: "
		"give "
		"others with --creds USER:PASSWORD, or log in again with 'podman login "
		"docker.io'"));
	CHECK_EQ(code, -EACCES);
}

static void basic(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	hub(&p);
	CHECK_STR(refused(a, &p, "Basic realm=\"x\"", NULL, NULL), BASIC);
	CHECK_STR(header(a, &p, NULL), BASIC);
	server.steady += 1000000;
	CHECK_STR(header(a, &p, NULL), BASIC);
	/* a request that was made before this was known */
	CHECK_STR(refused(a, &p, "Basic realm=\"x\"", NULL, NULL), BASIC);
	CHECK(strstr(refused(a, &p, "Basic realm=\"x\"", BASIC, &code),
		"it does not accept the user name and password from the command line"));
	CHECK_EQ(code, -EACCES);
	CHECK_EQ(server.asked, 0);
}

static void no_credentials(void)
{
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p;
	int code;

	hub(&p);
	CHECK(strstr(refused(a, &p, "Basic realm=\"x\"", NULL, &code),
		"library/nginx is not public or does not exist, and there are no "
		"credentials "
		"for docker.io: give some with --creds USER:PASSWORD or --authfile FILE, "
		"or "
		"log in with 'podman login docker.io' or 'docker login docker.io'"));
	CHECK_EQ(code, -EACCES);
	CHECK_STR(header(a, &p, NULL), "");
	/* the token server says so, or the registry does when it sees the token */
	answer(0, 403, "");
	CHECK(strstr(refused(a, &p, BEARER, NULL, &code), "there are no credentials"));
	answer(0, 200, "{\"token\":\"T1\"}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	CHECK(strstr(
		refused(a, &p, BEARER, "Bearer T1", &code), "there are no credentials"));
	CHECK_EQ(code, -EACCES);
}

static void broken_file(void)
{
	AUTO_AUTH struct auth *a = begin(&from_file);
	struct place p;
	int code;

	hub(&p);
	put_file("{\"auths\":{\"docker.io\":{\"auth\":\"" MARK);
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "the JSON is cut short"));
	CHECK_EQ(code, -EBADMSG);
	auth_destroy(a);
	a = begin(&nothing);
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "/dev/null/none"));
	CHECK_EQ(code, -ENOTDIR);
}

static void other_schemes(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	hub(&p);
	CHECK(strstr(refused(a, &p, "Negotiate", NULL, &code),
		"no authentication that o2r knows"));
	CHECK_EQ(code, -EACCES);
	CHECK(strstr(
		refused(a, &p, NULL, NULL, &code), "no authentication that o2r knows"));
	CHECK(strstr(refused(a, &p, "Bearer", NULL, &code), "WWW-Authenticate"));
	CHECK_EQ(code, -EBADMSG);
	/* and from one to the other */
	CHECK_STR(refused(a, &p, "Basic", NULL, NULL), BASIC);
	answer(0, 200, "{\"token\":\"T1\"}");
	CHECK_STR(refused(a, &p, BEARER, BASIC, NULL), "Bearer T1");
}

static void registry_token(void)
{
	AUTO_AUTH struct auth *a = begin(&from_file);
	struct place p;
	int code;

	hub(&p);
	put_file("{\"auths\":{\"docker.io\":{\"registrytoken\":\"" MARK "\"}}}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer " MARK);
	server.steady += 1000000;
	CHECK_STR(header(a, &p, NULL), "Bearer " MARK);
	CHECK(strstr(refused(a, &p, BEARER ",scope=\"a:b:c\"", "Bearer " MARK, &code),
		"denied with the registry token from /tmp/"));
	CHECK_EQ(code, -EACCES);
	CHECK_EQ(server.asked, 0);
	auth_destroy(a);

	a = begin(&from_file);
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code),
		"it wants a user name and a password, and there is only the registry "
		"token "
		"from /tmp/"));
	auth_destroy(a);

	/* nothing that would begin another header */
	a = begin(&from_file);
	put_file(
		"{\"auths\":{\"docker.io\":{\"registrytoken\":\"" MARK "\\r\\nX: y\"}}}");
	CHECK(strstr(refused(a, &p, BEARER, NULL, &code),
		"characters that no token may have"));
	CHECK_EQ(code, -EACCES);
}

static void expiry(void)
{
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p;
	int code;

	hub(&p);
	answer(0, 200, "{\"token\":\"T1\",\"expires_in\":300}");
	answer(1, 200, "{\"token\":\"T2\"}");
	server.script[2] = (struct token_answer){.fails = -ECONNREFUSED};
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	server.steady += 269;
	CHECK_STR(header(a, &p, NULL), "Bearer T1");
	server.steady += 1;
	CHECK_STR(header(a, &p, NULL), "Bearer T2");
	CHECK_EQ(server.asked, 2);
	CHECK_STR(server.requests[1].url, TOKEN_URL);
	/* one that is due but good is used while there is no other */
	server.steady += 59;
	CHECK_STR(header(a, &p, NULL), "Bearer T2");
	CHECK_EQ(server.asked, 3);
	server.steady += 1;
	CHECK_STR(header(a, &p, &code), "its token server auth.example: cannot reach it");
	CHECK_EQ(code, -ECONNREFUSED);
	CHECK_EQ(server.asked, 4);
}

static void refused_in_the_middle(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	hub(&p);
	answer(0, 200, "{\"token\":\"T1\",\"expires_in\":300}");
	answer(1, 200, "{\"token\":\"T2\",\"expires_in\":300}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	/* made for this request, it has never been good: a new one would be no better */
	CHECK_STR(refused(a, &p, BEARER, "Bearer T1", &code),
		"access to library/nginx is denied with the user name and password from "
		"the "
		"command line, or it does not exist");
	CHECK_EQ(code, -EACCES);
	CHECK(strstr(
		refused(a, &p, BEARER ",error=\"invalid_token\"", "Bearer T1", &code),
		"do their clocks differ?"));
	CHECK_EQ(server.asked, 1);
	/* but others have it, with whom it may have been good */
	CHECK_STR(header(a, &p, NULL), "Bearer T1");
	CHECK_STR(refused(a, &p, BEARER, "Bearer T1", NULL), "Bearer T2");
	CHECK_EQ(server.asked, 2);
	/* who has the old one still, or had none when he asked */
	CHECK_STR(refused(a, &p, BEARER, "Bearer T1", NULL), "Bearer T2");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T2");
	CHECK_EQ(server.asked, 2);
	/* registries that do not say what they want when a token is old */
	CHECK_STR(refused(a, &p, NULL, "Bearer T2", NULL), "Bearer T2");
	CHECK_EQ(server.asked, 3);
	CHECK(strstr(
		refused(a, &p, NULL, "Bearer T2", NULL), "access to library/nginx is"));
}

static void more_scope(void)
{
	static const char more[] =
		BEARER ",scope=\"repository:other:pull\",error=\"insufficient_scope\"";
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p;
	int code;

	hub(&p);
	answer(0, 200, "{\"token\":\"T1\",\"expires_in\":300}");
	answer(1, 200, "{\"token\":\"T2\",\"expires_in\":300}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	CHECK_STR(refused(a, &p, more, "Bearer T1", NULL), "Bearer T2");
	CHECK_STR(server.requests[1].url, TOKEN_URL "&scope=repository%3Aother%3Apull");
	CHECK(strstr(refused(a, &p, more, "Bearer T2", &code),
		"not public or does not exist"));
	CHECK_EQ(code, -EACCES);
	CHECK_EQ(server.asked, 2);
}

/* A registry that never has enough. */
static void endless_scopes(void)
{
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p;
	char challenge[200], used[200] = "";
	int code = 1;

	hub(&p);
	answer(0, 200, "{\"token\":\"T1\",\"expires_in\":300}");
	for (int i = 0; i < 40 && code > 0; i++) {
		snprintf(challenge, sizeof(challenge), BEARER ",scope=\"a:%d:c\"", i);
		snprintf(used, sizeof(used), "%s",
			refused(a, &p, challenge, *used ? used : NULL, &code));
	}
	CHECK_EQ(code, -EBADMSG);
	CHECK_STR(used, "more than 32 scopes are asked for");
}

static void without_secrets(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	place_begin(&p, false, "r.example:5000", "a/b");
	p.endpoint.insecure = true;
	p.target.no_secrets = true;
	answer(0, 200, "{\"token\":\"T1\"}");
	answer(1, 401, "");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	CHECK_STR(server.requests[0].authorization, "");
	CHECK(strstr(server.requests[0].url, "account") == NULL);
	CHECK_STR(header(a, &p, NULL), "Bearer T1");
	CHECK(strstr(refused(a, &p, BEARER, "Bearer T1", &code),
		"credentials are not sent over plain http unless --insecure asks for "
		"it"));
	CHECK_EQ(code, -EACCES);
	server.steady += 60;
	CHECK(strstr(header(a, &p, &code), "--insecure"));
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "--insecure"));
	CHECK_EQ(code, -EACCES);
	/* what is known of it where secrets may go is another matter */
	p.target.no_secrets = false;
	CHECK_STR(header(a, &p, NULL), "");
	CHECK_STR(refused(a, &p, "Basic", NULL, NULL), BASIC);
	p.target.no_secrets = true;
	CHECK(strcmp(header(a, &p, NULL), BASIC) != 0);
}

static void mirrors(void)
{
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;

	/* the password is for the registry of the image */
	place_begin(&p, true, "mirror.example", "library/nginx");
	p.endpoint.mirror = p.endpoint.foreign = true;
	setenv("REGISTRY_AUTH_FILE", file, 1);
	put_file("{}");
	CHECK(strstr(refused(a, &p, "Basic", NULL, NULL), "there are no credentials"));
	auth_destroy(a);
	a = begin(&given);
	put_file("{\"auths\":{\"mirror.example\":{\"username\":\"m\",\"password\":\"x\"}}"
		 "}");
	CHECK_STR(refused(a, &p, "Basic", NULL, NULL), "Basic bTp4");
	unsetenv("REGISTRY_AUTH_FILE");
}

/* Requests that go somewhere else get nothing, whatever is wanted there. */
static void other_places(void)
{
	static const char *const places[] = {"https://registry-1.docker.io:444/v2/",
		"https://cdn.example/x", "https://registry-1.docker.io.example/",
		"file:///etc/passwd", ""};
	AUTO_AUTH struct auth *a = begin(&given);
	struct place p;
	int code;

	hub(&p);
	CHECK_STR(refused(a, &p, "Basic", NULL, NULL), BASIC);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		p.target.url = places[i];
		CHECK_STR(header(a, &p, &code), "");
		CHECK_EQ(code, 0);
		CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "gets none"));
		CHECK_EQ(code, -EACCES);
	}
	/* http is the same place, and gets none unless it was asked for */
	p.target.url = "http://registry-1.docker.io/v2/";
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "--insecure asks for it"));
	p.endpoint.insecure = true;
	CHECK_STR(refused(a, &p, "Basic", NULL, NULL), BASIC);
	p.endpoint.insecure = false;
	CHECK(strstr(refused(a, &p, "Basic", NULL, &code), "--insecure asks for it"));
	CHECK_STR(header(a, &p, &code), "");
	p.target.url = "HTTPS://Registry-1.docker.io:443/v2/x";
	CHECK_STR(header(a, &p, &code), BASIC);
	CHECK_EQ(server.asked, 0);
}

/* Each repository of each registry is asked for by itself. */
static void spaces(void)
{
	AUTO_AUTH struct auth *a = begin(anonymous());
	struct place p, other;

	hub(&p);
	place_begin(&other, true, "docker.io", "library/busybox");
	answer(0, 200, "{\"token\":\"T1\"}");
	answer(1, 200, "{\"token\":\"T2\"}");
	CHECK_STR(refused(a, &p, BEARER, NULL, NULL), "Bearer T1");
	CHECK_STR(header(a, &other, NULL), "");
	CHECK_STR(refused(a, &other, BEARER, NULL, NULL), "Bearer T2");
	CHECK_STR(server.requests[1].url,
		"https://auth.example/token?service=registry.example&"
		"scope=repository%3Alibrary%2Fbusybox%3Apull");
	CHECK_STR(header(a, &p, NULL), "Bearer T1");
	CHECK_STR(header(a, &other, NULL), "Bearer T2");
}

int main(void)
{
	int fd = mkstemp(file);

	if (fd < 0)
		return 2;
	close(fd);
	anonymous_token();
	token_urls();
	password_for_a_token();
	basic();
	no_credentials();
	broken_file();
	other_schemes();
	registry_token();
	expiry();
	refused_in_the_middle();
	more_scope();
	endless_scopes();
	without_secrets();
	mirrors();
	other_places();
	spaces();
	unlink(file);
	TEST_END;
}
