#include "cli/look.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum {
	ENOUGH = 64 << 10,
};

static int set_format(void *state, const char *value, struct o2r_err *err)
{
	struct look *l = state;

	l->json = strcmp(value, "json") == 0;
	if (l->json || strcmp(value, "text") == 0)
		return 0;
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not text or json",
		text_quote(value, strlen(value)).s);
}

const struct option_spec look_options[LOOK_OPTION_COUNT] = {
	{0, "format", "text|json", "how the result is printed", set_format},
};

static int begin(struct look *l, struct cli *cli, const struct command *c,
	void *const *states, int *argc, char **argv)
{
	struct o2r_err err;

	l->cli = cli;
	l->text.max = 1 << 30;
	if (image_args_init(&l->image, cli, &err) < 0)
		return cli_fail(cli, NULL, &err);
	return cli_begin(cli, c, states, argc, argv);
}

int look_begin(struct look *l, struct cli *cli, const struct command *c, void *own,
	int *argc, char **argv)
{
	void *const states[] = {own, l, IMAGE_ARGS_STATES(&l->image), &l->image};

	return begin(l, cli, c, states, argc, argv);
}

int look_begin_plain(struct look *l, struct cli *cli, const struct command *c, void *own,
	int *argc, char **argv)
{
	void *const states[] = {own, IMAGE_ARGS_STATES(&l->image), &l->image};

	return begin(l, cli, c, states, argc, argv);
}

int look_begin_image(
	struct look *l, struct cli *cli, const struct command *c, int *argc, char **argv)
{
	void *const states[] = {IMAGE_ARGS_STATES(&l->image), &l->image};

	return begin(l, cli, c, states, argc, argv);
}

void look_finish(struct look *l)
{
	image_args_finish(&l->image);
	buf_finish(&l->text);
}

int look_nomem(struct look *l)
{
	struct o2r_err err;

	err_nomem(&err);
	return l->status = cli_fail(l->cli, NULL, &err);
}

int look_write(struct look *l, const void *p, size_t n)
{
	struct o2r_err err;
	int r;

	if (!l->status && *l->cli->cancel) {
		err_set(&err, ERR_INTERRUPTED, EINTR, "interrupted");
		l->status = cli_fail(l->cli, NULL, &err);
	}
	if (l->status || !n)
		return l->status;
	/* progress and results may share a terminal */
	console_end(&l->cli->console, false);
	r = write_full(STDOUT_FILENO, p, n);
	if (r == 0)
		return 0;
	if (r == -EPIPE)
		return l->status = ERR_FAIL;
	err_errno(&err, -r, "cannot write to standard output");
	return l->status = cli_fail(l->cli, NULL, &err);
}

static int write_text(struct look *l)
{
	int r = look_write(l, l->text.data, l->text.len);

	l->text.len = 0;
	return r;
}

int look_flush(struct look *l)
{
	return l->text.len < ENOUGH ? l->status : write_text(l);
}

int look_end(struct look *l)
{
	return write_text(l);
}
