#include "cli/cmd_mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/background.h"
#include "cli/extra_args.h"
#include "cli/image_args.h"
#include "cli/server_log.h"
#include "cli/stop.h"
#include "cli/value.h"

struct mount {
	struct image_args image;
	struct o2r_mount_options *options;
	const char *log_path;
	bool foreground;

	/* while it runs */
	struct cli *cli;
	const char *dir;
	struct background background;
	struct server_log log;
	struct stop stop;
	struct o2r_image *opened;
	bool ready;
	struct o2r_err ready_err;
};

/* ---- options */

static int set_options(void *state, const char *value, struct o2r_err *err)
{
	struct mount *m = state;

	if (!*value)
		return err_set(err, ERR_USAGE, EINVAL, "the option is empty");
	if (o2r_mount_options_add(m->options, value) < 0)
		return err_set(err, ERR_USAGE, E2BIG, "there are too many");
	return 0;
}

static int set_cache_size(void *state, const char *value, struct o2r_err *err)
{
	struct mount *m = state;
	uint64_t bytes;
	int r = value_size(value, &bytes, err);

	if (r == 0 && bytes == 0)
		return err_set(err, ERR_USAGE, EINVAL, "0 does not work: give a size");
	if (r == 0)
		o2r_options_set_read_memory(m->image.options, bytes);
	return r;
}

static int set_log(void *state, const char *value, struct o2r_err *err)
{
	((struct mount *)state)->log_path = value;
	return *value ? 0 : err_set(err, ERR_USAGE, EINVAL, "the name is empty");
}

static int set_foreground(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct mount *)state)->foreground = true;
	return 0;
}

static const struct option_spec mount_options[] = {
	{'o', "options", "OPTIONS", "mount options, such as allow_other (repeatable)",
		set_options},
	{'f', "foreground", NULL, "stay, and unmount when interrupted", set_foreground},
	{0, "cache-size", "SIZE", "memory for decoded data; default: 64M",
		set_cache_size},
	{0, "log", "FILE", "messages of the server go here, not to the system's log",
		set_log},
};

/* ---- mistakes */

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_layout(const char *path)
{
	struct stat st;
	char name[4096];

	return (size_t)snprintf(name, sizeof(name), "%s/oci-layout", path) <
		       sizeof(name) &&
	       stat(name, &st) == 0;
}

/* "o2r mount ./mnt ./image" */
static bool seem_swapped(const char *reference, const char *dir)
{
	if (!is_dir(reference) || is_layout(reference))
		return false;
	return (strncmp(dir, "oci:", 4) == 0 && !is_dir(dir)) || is_layout(dir);
}

static int check_operands(const char *reference, const char *dir, struct o2r_err *err)
{
	if (!seem_swapped(reference, dir))
		return 0;
	return err_set(err, ERR_USAGE, EINVAL,
		"%s is an image and %s a directory: the image comes first",
		text_quote(dir, strlen(dir)).s,
		text_quote(reference, strlen(reference)).s);
}

/* ---- the server */

static int on_ready(void *arg)
{
	struct mount *m = arg;
	char line[512];

	snprintf(line, sizeof(line),
		"o2r: %s shows %s; to end: Ctrl-C, or 'o2r umount'\n",
		text_quote(m->dir, strlen(m->dir)).s,
		o2r_image_manifest_digest(m->opened));
	server_log_ready(&m->log, m->foreground && !m->cli->quiet ? line : NULL);
	if (!m->foreground || m->log_path)
		server_log_leave_console(&m->log);
	if (!m->foreground && background_ready(&m->background, &m->ready_err) < 0)
		return -1;
	m->ready = true;
	return 0;
}

static void stop_view(void *view)
{
	o2r_view_stop(view);
}

/* Returns the exit code. The view's threads may have something to say too: so not by
 * cli_fail. */
static int end(struct mount *m, int status, const struct o2r_error *error)
{
	if (status < 0) {
		server_log_message(&m->log, O2R_LOG_ERROR, error->text);
		return (int)error->error_class;
	}
	if (m->ready)
		return 0;
	server_log_message(&m->log, O2R_LOG_ERROR,
		m->ready_err.code ? m->ready_err.text : "interrupted");
	return m->ready_err.code ? (int)m->ready_err.cls : O2R_CLASS_INTERRUPTED;
}

static int serve(struct mount *m)
{
	struct o2r_error error = {0};
	struct o2r_view *view;
	int r = o2r_view_mount(m->opened, m->dir, m->options, &view, &error);

	if (r < 0)
		return cli_fail_library(m->cli, &error);
	stop_calls(&m->stop, stop_view, view);
	r = o2r_view_serve(view, on_ready, m, &error);
	stop_calls(&m->stop, NULL, NULL);
	r = end(m, r, &error);
	o2r_view_destroy(view);
	return r;
}

static int open_and_serve(struct mount *m, const char *reference)
{
	struct o2r_options *o = m->image.options;
	struct cli *cli = m->cli;
	struct o2r_error error = {0};

	o2r_options_set_cancel(o, &m->stop.cancelled);
	o2r_options_set_log(o, server_log_message, cli->console.level, &m->log);
	if (!cli->quiet)
		o2r_options_set_progress(o, server_log_progress, &m->log);
	o2r_options_set_fetch_progress(o, server_log_fetch, &m->log);
	if (o2r_image_open(reference, o, &m->opened, &error) < 0)
		return cli_fail_library(cli, &error);
	return serve(m);
}

static int begin(struct mount *m, const char *reference)
{
	struct o2r_err err;

	if (!m->foreground) {
		int r = background_begin(&m->background, m->cli);

		if (r != CLI_GO_ON)
			return r;
	}
	if (server_log_begin(&m->log, &m->cli->console, m->log_path, &err) < 0 ||
		stop_begin(&m->stop, &err) < 0)
		return cli_fail(m->cli, NULL, &err);
	return open_and_serve(m, reference);
}

static void mount_finish(struct mount *m)
{
	o2r_image_close(m->opened);
	stop_finish(&m->stop);
	server_log_finish(&m->log);
	o2r_mount_options_destroy(m->options);
	image_args_finish(&m->image);
}

static const struct operand operands[] = {
	{"image", IMAGE_HINT},
	{"mount point", "a directory"},
};

static int mount_run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(mount_finish)
	struct mount m = {.cli = cli, .log = SERVER_LOG_INIT, .stop = STOP_INIT};
	void *const states[] = {&m, IMAGE_ARGS_STATES(&m.image), &m.image};
	struct o2r_err err;
	int r = image_args_init(&m.image, cli, &err);

	m.options = o2r_mount_options_create();
	if (!m.options)
		r = err_nomem(&err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	r = cli_begin(cli, &cmd_mount, states, &argc, argv);
	if (r == CLI_GO_ON)
		r = cli_operands(
			cli, &cmd_mount, operands, ARRAY_LEN(operands), 0, argc, argv);
	if (r != CLI_GO_ON)
		return r;
	if (check_operands(argv[0], argv[1], &err) < 0)
		return cli_fail(cli, &cmd_mount, &err);
	m.dir = argv[1];
	r = image_args_ask(&m.image, cli);
	return r == CLI_GO_ON ? begin(&m, argv[0]) : r;
}

static const struct option_group mount_groups[] = {
	{.specs = mount_options, .count = ARRAY_LEN(mount_options)},
	IMAGE_ARGS_GROUPS,
	EXTRA_ARGS_GROUP,
};

const struct command cmd_mount = {
	.name = "mount",
	.summary = "show an image's file tree as a read-only filesystem",
	.operands = "REFERENCE DIR",
	.about = "Merge the layers of a container image and show the tree on DIR through "
		 "FUSE,\n"
		 "without unpacking anything. Returns when the view can be used; 'o2r "
		 "umount DIR'\n"
		 "ends it. Nothing is mounted when the image cannot be read.\n"
		 "\n"
		 "REFERENCE is the name of an image in a registry (nginx:latest), a path "
		 "that\n"
		 "begins with /, ./ or ../ (an archive, an OCI layout, a mounted view), "
		 "- for\n"
		 "an archive from standard input, scratch, or a form with a prefix, such "
		 "as\n"
		 "oci:DIR[:TAG] or containers-storage:NAME: see o2r(1).\n",
	.groups = mount_groups,
	.group_count = ARRAY_LEN(mount_groups),
	.run = mount_run,
};
