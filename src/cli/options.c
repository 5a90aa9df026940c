#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "cli/suggest.h"

struct parser {
	const struct option_group *groups;
	size_t group_count;
	int argc, next; /* arguments, and the one to look at next */
	char **argv;
};

struct match {
	const struct option_spec *spec;
	void *state;
};

static bool find(const struct parser *p, char letter, const char *name, size_t len,
	struct match *out)
{
	for (size_t g = 0; g < p->group_count; g++) {
		for (size_t i = 0; i < p->groups[g].count; i++) {
			const struct option_spec *o = &p->groups[g].specs[i];
			bool same = name ? strlen(o->name) == len &&
						    memcmp(o->name, name, len) == 0
					 : o->letter == letter;

			if (same) {
				*out = (struct match){o, p->groups[g].state};
				return true;
			}
		}
	}
	return false;
}

static int unknown(
	const struct parser *p, const char *name, size_t len, struct o2r_err *err)
{
	struct suggestion s = {NULL, 0};

	for (size_t g = 0; g < p->group_count; g++)
		for (size_t i = 0; i < p->groups[g].count; i++)
			if (p->groups[g].specs[i].help)
				suggest_offer(&s, name, len, p->groups[g].specs[i].name);
	if (s.best)
		return err_set(err, ERR_USAGE, EINVAL,
			"unknown option --%s: did you mean --%s?",
			text_quote(name, len).s, s.best);
	return err_set(
		err, ERR_USAGE, EINVAL, "unknown option --%s", text_quote(name, len).s);
}

static int apply(const struct match *m, const char *value, struct o2r_err *err)
{
	int r = m->spec->set(m->state, value, err);

	return r < 0 ? err_wrap(err, "--%s", m->spec->name) : 0;
}

/* The value of an option that needs one: what is joined to it, else the next argument. */
static int take_value(struct parser *p, const struct match *m, const char *joined,
	const char **value, struct o2r_err *err)
{
	if (!joined && m->spec->optional)
		return 0;
	if (!joined && p->next == p->argc)
		return err_set(err, ERR_USAGE, EINVAL, "--%s needs a value: %s",
			m->spec->name, m->spec->arg);
	*value = joined ? joined : p->argv[p->next++];
	return 0;
}

static int parse_long(struct parser *p, const char *name, struct o2r_err *err)
{
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *value = NULL;
	struct match m;

	if (!find(p, 0, name, len, &m))
		return unknown(p, name, len, err);
	if (!m.spec->arg && equals)
		return err_set(
			err, ERR_USAGE, EINVAL, "--%s takes no value", m.spec->name);
	if (m.spec->arg) {
		int r = take_value(p, &m, equals ? equals + 1 : NULL, &value, err);

		if (r < 0)
			return r;
	}
	return apply(&m, value, err);
}

static int parse_letters(struct parser *p, const char *letters, struct o2r_err *err)
{
	while (*letters) {
		const char *value = NULL;
		struct match m;
		int r = 0;

		if (!find(p, *letters, NULL, 0, &m))
			return err_set(err, ERR_USAGE, EINVAL, "unknown option -%s",
				text_quote(letters, 1).s);
		letters++;
		if (m.spec->arg) {
			r = take_value(p, &m, *letters ? letters : NULL, &value, err);
			letters = "";
		}
		if (r == 0)
			r = apply(&m, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(const struct option_group *groups, size_t group_count,
	int stop_at_operand, int *argc, char **argv, struct o2r_err *err)
{
	struct parser p = {groups, group_count, *argc, 0, argv};
	int operands = 0;
	bool only_operands = false;

	while (p.next < p.argc) {
		char *arg = argv[p.next++];
		int r = 0;

		if (only_operands || arg[0] != '-' || !arg[1]) {
			argv[operands++] = arg;
			only_operands |= stop_at_operand;
		} else if (strcmp(arg, "--") == 0) {
			only_operands = true;
		} else if (arg[1] == '-') {
			r = parse_long(&p, arg + 2, err);
		} else {
			r = parse_letters(&p, arg + 1, err);
		}
		if (r < 0)
			return r;
	}
	*argc = operands;
	return 0;
}
