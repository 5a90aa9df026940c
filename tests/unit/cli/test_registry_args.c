/* Options of registries: what reaches the library, and what stays of a password. */
#include "cli/registry_args.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/secret.h"
#include "handle.h"
#include "unit.h"

enum {
	MAX_ARGS = 6,
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

/* Copies of the arguments, as a program may write to its own. */
struct line {
	char *argv[MAX_ARGS + 1], *all[MAX_ARGS];
	int argc;
};

static void line_init(struct line *l, const char *const *args)
{
	*l = (struct line){0};
	while (l->argc < MAX_ARGS && args[l->argc]) {
		l->argv[l->argc] = l->all[l->argc] = strdup(args[l->argc]);
		CHECK(l->argv[l->argc]);
		l->argc++;
	}
}

static void line_finish(struct line *l)
{
	for (int i = 0; i < MAX_ARGS; i++)
		free(l->all[i]);
}

static int parse(struct registry_args *a, struct line *l, struct o2r_err *err)
{
	const struct option_group group = {
		registry_args_options, REGISTRY_ARGS_OPTION_COUNT, a};
	int r = options_parse(&group, 1, 0, &l->argc, l->argv, err);

	return r < 0 ? r : registry_args_check(a, err);
}

static void options_cleanup(struct o2r_options **o)
{
	o2r_options_destroy(*o);
}

static const struct good {
	const char *args[MAX_ARGS];
	struct registry_settings want;
} good[] = {
	{{NULL}, {0}},
	{{"--creds", "me:pass"}, {.username = "me", .password = "pass"}},
	{{"--creds=me:p:a:ss"}, {.username = "me", .password = "p:a:ss"}},
	{{"--creds=me:"}, {.username = "me", .password = ""}},
	{{"--creds=a:b", "--creds=c:d"}, {.username = "c", .password = "d"}},
	{{"--creds=a", "--creds=c:d"}, {.username = "c", .password = "d"}},
	{{"--tls-verify"}, {.tls = TLS_VERIFY}},
	{{"--tls-verify", "false"}, {.tls = TLS_VERIFY}}, /* an operand */
	{{"--tls-verify=true"}, {.tls = TLS_VERIFY}},
	{{"--tls-verify=false"}, {.tls = TLS_INSECURE}},
	{{"--insecure"}, {.tls = TLS_INSECURE}},
	{{"--insecure", "--tls-verify=false"}, {.tls = TLS_INSECURE}},
	{{"--authfile", "f", "--cert-dir=d"}, {.authfile = "f", .cert_dir = "d"}},
	{{"--parallel", "32"}, {.parallel = 32}},
	{{"--offline", "--creds=a:b"},
		{.username = "a", .password = "b", .offline = true}},
};

static void check_settings(
	const struct registry_settings *got, const struct registry_settings *want)
{
	check_text(got->username, want->username);
	check_text(got->password, want->password);
	check_text(got->authfile, want->authfile);
	check_text(got->cert_dir, want->cert_dir);
	CHECK_EQ(got->tls, want->tls);
	CHECK_EQ(got->parallel, want->parallel);
	CHECK_EQ(got->offline, want->offline);
}

static void accepts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP(options_cleanup) struct o2r_options *o = o2r_options_create();
		CLEANUP(registry_args_finish) struct registry_args a = {.options = o};
		CLEANUP(line_finish) struct line l;
		struct o2r_err err = {0};

		line_init(&l, good[i].args);
		CHECK_EQ(parse(&a, &l, &err), 0);
		CHECK_EQ(registry_args_apply(&a, &err), 0);
		check_settings(&o->registry, &good[i].want);
		CHECK(!a.username && !a.password);
		CHECK_EQ(registry_args_apply(&a, &err), 0);
		check_settings(&o->registry, &good[i].want);
	}
}

/* Others may read the command line of a process. */
static void hides(void)
{
	const char *const joined[] = {"--creds=me:pass", NULL};
	const char *const apart[] = {"--creds", "me:pass", NULL};
	const char *const wrong[] = {"--creds", ":pass", NULL};
	const char *const *const lines[] = {joined, apart, wrong};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		CLEANUP(options_cleanup) struct o2r_options *o = o2r_options_create();
		CLEANUP(registry_args_finish) struct registry_args a = {.options = o};
		CLEANUP(line_finish) struct line l;
		struct o2r_err err = {0};

		line_init(&l, lines[i]);
		CHECK_EQ(parse(&a, &l, &err) < 0, lines[i] == wrong);
		CHECK_STR(l.all[0], lines[i] == joined ? "--creds=" : "--creds");
		if (lines[i] != joined)
			CHECK_STR(l.all[1], "");
		CHECK(!strstr(err.text, "pass"));
	}
}

/* What is read when standard input holds n bytes. */
static int read_from(const void *p, size_t n, char **out, struct o2r_err *err)
{
	AUTO_FD int fd = file_anonymous(err);

	CHECK(fd >= 0);
	CHECK_EQ(pwrite_full(fd, p, n, 0), 0);
	CHECK_EQ(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	return secret_read(NULL, out, err);
}

static const struct piped {
	const char *bytes;
	size_t n;
	const char *password, *error; /* one of them */
} piped[] = {
	{"pass", 4, "pass", NULL},
	{"pass\n", 5, "pass", NULL},
	{"pass\r\n", 6, "pass", NULL},
	{"pass\n\n", 6, "pass\n", NULL},
	{" a:b ", 5, " a:b ", NULL},
	{"", 0, NULL, "standard input gave no password"},
	{"\n", 1, NULL, "standard input gave no password"},
	{"\r\n", 2, NULL, "standard input gave no password"},
	{"a\0b", 3, NULL, "there is a NUL byte in it"},
};

static void reads(void)
{
	for (size_t i = 0; i < ARRAY_LEN(piped); i++) {
		struct o2r_err err = {0};
		char *got = NULL;
		int r = read_from(piped[i].bytes, piped[i].n, &got, &err);

		CHECK_EQ(r < 0, piped[i].error != NULL);
		check_text(got, piped[i].password);
		if (piped[i].error) {
			CHECK_EQ(err.cls, ERR_USAGE);
			CHECK(strstr(err.text, piped[i].error));
		}
		secret_discard(got);
	}
}

static void reads_no_more_than_a_password(void)
{
	AUTO_FREE char *bytes = malloc(SECRET_MAX + 1);
	struct o2r_err err = {0};
	char *got = NULL;

	CHECK(bytes);
	memset(bytes, 'x', SECRET_MAX + 1);
	CHECK_EQ(read_from(bytes, SECRET_MAX, &got, &err), 0);
	CHECK(got && strlen(got) == SECRET_MAX);
	secret_discard(got);
	CHECK(read_from(bytes, SECRET_MAX + 1, &got, &err) < 0);
	CHECK(strstr(err.text, "more than 65536 bytes"));
}

static void takes_the_password_from_standard_input(void)
{
	const char *const args[] = {"--username", "me", "--password-stdin", NULL};
	CLEANUP(options_cleanup) struct o2r_options *o = o2r_options_create();
	CLEANUP(registry_args_finish) struct registry_args a = {.options = o};
	CLEANUP(line_finish) struct line l;
	struct o2r_err err = {0};
	char *ignored = NULL;

	line_init(&l, args);
	CHECK_EQ(parse(&a, &l, &err), 0);
	CHECK_EQ(read_from("from a pipe\n", 12, &ignored, &err), 0);
	secret_discard(ignored);
	CHECK_EQ(lseek(STDIN_FILENO, 0, SEEK_SET), 0);
	CHECK_EQ(registry_args_apply(&a, &err), 0);
	check_text(o->registry.username, "me");
	check_text(o->registry.password, "from a pipe");
}

static volatile int cancelled;

static void cancel(int sig)
{
	(void)sig;
	cancelled = 1;
}

/* A pipe that nothing comes through is waited for until a signal comes; one that came
 * before that counts too. */
static void waits_no_longer_than_a_signal(void)
{
	const struct sigaction action = {.sa_handler = cancel};
	/* again and again: the first may come before we wait */
	const struct itimerval soon = {{.tv_usec = 20000}, {.tv_usec = 20000}};
	struct o2r_err err = {0};
	char *got = NULL;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	CHECK_EQ(secret_read(&cancelled, &got, &err), -EINTR);
	CHECK_EQ(err.cls, ERR_INTERRUPTED);
	CHECK_EQ(cancelled, 1);
	CHECK_EQ(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
	err = (struct o2r_err){0};
	CHECK_EQ(secret_read(&cancelled, &got, &err), -EINTR);
	CHECK_EQ(err.cls, ERR_INTERRUPTED);
	CHECK(!got);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	accepts();
	hides();
	reads();
	reads_no_more_than_a_password();
	takes_the_password_from_standard_input();
	waits_no_longer_than_a_signal();
	TEST_END;
}
