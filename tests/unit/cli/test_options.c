#include "cli/options.h"

#include <errno.h>

#include "base/checked.h"
#include "unit.h"

struct state {
	char log[200]; /* "name=value " for each option set */
};

static void note(struct state *s, const char *name, const char *value)
{
	size_t n = strlen(s->log);

	snprintf(s->log + n, sizeof(s->log) - n, "%s=%s ", name, value ? value : "");
}

static int set_output(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	note(state, "output", value);
	return 0;
}

static int set_force(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	note(state, "force", value);
	return 0;
}

static int set_verbose(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	note(state, "verbose", value);
	return 0;
}

static int set_bad(void *state, const char *value, struct o2r_err *err)
{
	(void)state;
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is bad", value);
}

static int set_secret(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	note(state, "secret", value);
	return 0;
}

static int set_maybe(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	note(state, "maybe", value ? value : "none");
	return 0;
}

static const struct option_spec first[] = {
	{'o', "output", "FILE", "", set_output},
	{'f', "force", NULL, "", set_force},
	{0, "bad", "X", "", set_bad},
};
static const struct option_spec second[] = {
	{'v', "verbose", NULL, "", set_verbose},
	{0, "secrets", NULL, NULL, set_secret},
	{'m', "maybe", "X", "", set_maybe, true},
};

struct sample {
	const char *args[6];
	int stop;
	const char *log, *operands, *error; /* error: NULL when there is none */
};

static const struct sample samples[] = {
	{{NULL}, 0, "", "", NULL},
	{{"a", "b"}, 0, "", "a b ", NULL},
	{{"-o", "x", "a"}, 0, "output=x ", "a ", NULL},
	{{"-ox", "a"}, 0, "output=x ", "a ", NULL},
	{{"a", "--output", "x"}, 0, "output=x ", "a ", NULL},
	{{"a", "--output=x"}, 0, "output=x ", "a ", NULL},
	{{"--output="}, 0, "output= ", "", NULL},
	{{"--output=a=b"}, 0, "output=a=b ", "", NULL},
	{{"-o", "-", "-"}, 0, "output=- ", "- ", NULL},
	{{"-o", "--force"}, 0, "output=--force ", "", NULL},
	{{"-vvf"}, 0, "verbose= verbose= force= ", "", NULL},
	{{"-vfo", "x"}, 0, "verbose= force= output=x ", "", NULL},
	{{"-vov"}, 0, "verbose= output=v ", "", NULL},
	{{"-v", "--", "-v", "--", "--bad"}, 0, "verbose= ", "-v -- --bad ", NULL},
	{{"-v", "cmd", "-v", "--no"}, 1, "verbose= ", "cmd -v --no ", NULL},
	{{"--", "cmd", "-v"}, 1, "", "cmd -v ", NULL},
	{{"--secrets"}, 0, "secret= ", "", NULL},
	{{"--maybe", "x"}, 0, "maybe=none ", "x ", NULL},
	{{"--maybe=x", "--maybe="}, 0, "maybe=x maybe= ", "", NULL},
	{{"x", "--maybe"}, 0, "maybe=none ", "x ", NULL},
	{{"-m", "x", "-my"}, 0, "maybe=none maybe=y ", "x ", NULL},
	{{"-o"}, 0, "", NULL, "--output needs a value: FILE"},
	{{"--output"}, 0, "", NULL, "--output needs a value: FILE"},
	{{"--force=1"}, 0, "", NULL, "--force takes no value"},
	{{"--bad=3"}, 0, "", NULL, "--bad: '3' is bad"},
	{{"-x"}, 0, "", NULL, "unknown option -x"},
	{{"-vx"}, 0, "verbose= ", NULL, "unknown option -x"},
	{{"--ouput=3"}, 0, "", NULL, "unknown option --ouput: did you mean --output?"},
	{{"--out"}, 0, "", NULL, "unknown option --out: did you mean --output?"},
	{{"--outputs"}, 0, "", NULL, "unknown option --outputs: did you mean --output?"},
	{{"--wherever"}, 0, "", NULL, "unknown option --wherever"},
	/* what is not listed is not offered either */
	{{"--secretz"}, 0, "", NULL, "unknown option --secretz"},
	{{"--a\nb"}, 0, "", NULL, "unknown option --a\\x0ab"},
};

static void try(const struct sample *s)
{
	struct state state = {""};
	const struct option_group groups[] = {
		{first, ARRAY_LEN(first), &state},
		{second, ARRAY_LEN(second), &state},
	};
	char *argv[7] = {NULL};
	char operands[200] = "";
	struct o2r_err err = {0};
	int argc = 0;

	while (argc < 6 && s->args[argc]) {
		argv[argc] = (char *)s->args[argc];
		argc++;
	}

	int r = options_parse(groups, 2, s->stop, &argc, argv, &err);

	CHECK_STR(state.log, s->log);
	if (s->error) {
		CHECK(r < 0);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK_STR(err.text, s->error);
		return;
	}
	CHECK_EQ(r, 0);
	for (int i = 0; i < argc; i++) {
		size_t n = strlen(operands);

		snprintf(operands + n, sizeof(operands) - n, "%s ", argv[i]);
	}
	CHECK_STR(operands, s->operands);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		try(&samples[i]);
	TEST_END;
}
