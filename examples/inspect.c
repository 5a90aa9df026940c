/*
 * A tour of the library: open an image, look at it, read a file of it, write it as ext4.
 *
 *	inspect REFERENCE [PATH-IN-THE-IMAGE [OUTPUT.ext4]]
 *
 * Build it against an installed library:
 *
 *	cc inspect.c $(pkg-config --cflags --libs o2r) -o inspect
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <o2r.h>

/* The library looks at this now and then; a signal handler may write it. */
static volatile int cancelled;

static void on_interrupt(int sig)
{
	(void)sig;
	cancelled = 1;
}

/* Callbacks may come from any thread of the library, but never two at a time. */
static void on_log(void *arg, enum o2r_log_level level, const char *message)
{
	(void)level;
	fprintf(arg, "log: %s\n", message);
}

/* What a callback wants to remember stands behind its argument. */
struct seen {
	unsigned calls;
	const char *stage;
};

static void on_progress(void *arg, const struct o2r_progress *p)
{
	struct seen *seen = arg;

	seen->calls++;
	if (seen->stage && strcmp(seen->stage, p->stage) == 0)
		return;
	seen->stage = p->stage;
	fprintf(stderr, "%s: %u layers, %" PRIu64 " bytes\n", p->stage, p->layers,
		p->total);
}

static void print_list(const char *name, const char *const *list)
{
	printf("%s:", name);
	for (; *list; list++)
		printf(" %s", *list);
	printf("\n");
}

static void print_image(const struct o2r_image *image)
{
	const char *user = o2r_image_user(image), *dir = o2r_image_working_dir(image);
	struct o2r_layer_info layer;
	size_t size;

	printf("manifest: %s\n", o2r_image_manifest_digest(image));
	o2r_image_config_json(image, &size);
	printf("config: %s, %zu bytes\n", o2r_image_config_digest(image), size);
	printf("platform: %s\n", o2r_image_platform(image));
	print_list("entrypoint", o2r_image_entrypoint(image));
	print_list("cmd", o2r_image_cmd(image));
	print_list("env", o2r_image_env(image));
	printf("working directory: %s\n", dir ? dir : "/");
	printf("user: %s\n", user ? user : "root");
	for (unsigned i = 0; o2r_image_layer(image, i, &layer) == 0; i++)
		printf("layer %u: %s, %" PRIu64 " bytes\n", i, layer.digest, layer.size);
}

/* One file of the walk. st is as lstat would fill it. */
static int count_file(void *arg, const struct o2r_walk_entry *e)
{
	uint64_t *bytes = arg;

	if (S_ISREG(e->st.st_mode))
		*bytes += (uint64_t)e->st.st_size;
	/* names are bytes: what prints them must not trust them */
	if (e->path_len == 0)
		printf("the root has mode %o\n", (unsigned)e->st.st_mode & 07777);
	return 0;
}

static int print_xattrs(struct o2r_image *image, uint64_t ino, struct o2r_error *error)
{
	const char *name;
	const void *value;
	size_t size;
	int r;

	for (unsigned i = 0;
		(r = o2r_xattr(image, ino, i, &name, &value, &size, error)) == 1; i++)
		printf("xattr %s: %zu bytes\n", name, size);
	return r;
}

static int print_file(struct o2r_image *image, const char *path, struct o2r_error *error)
{
	uint64_t ino, offset = 0;
	char buf[4096];
	int64_t n;
	int r = o2r_lookup(image, path, &ino, error);

	if (r == 0)
		r = print_xattrs(image, ino, error);
	if (r < 0)
		return r;
	while ((n = o2r_read(image, ino, buf, sizeof(buf), offset, error)) > 0) {
		fwrite(buf, 1, (size_t)n, stdout);
		offset += (uint64_t)n;
	}
	return (int)n;
}

static int print_line(void *arg, const char *line)
{
	unsigned *lines = arg;

	/* the first regions are enough here; non-zero would end the plan */
	if ((*lines)++ < 3)
		printf("plan: %s\n", line);
	return 0;
}

static int snapshot(struct o2r_image *image, const char *output, struct o2r_error *error)
{
	struct o2r_ext4_options *options = o2r_ext4_options_create();
	struct o2r_ext4_info planned, written;
	unsigned lines = 0;
	int r = -1;

	/* what is NULL may be destroyed */
	if (!options || o2r_ext4_options_set_size(options, "min") < 0 ||
		o2r_ext4_options_set_label(options, "example") < 0) {
		snprintf(error->text, sizeof(error->text), "cannot set the options");
		error->error_class = O2R_CLASS_FAIL;
	} else {
		r = o2r_ext4_plan(image, options, &planned, print_line, &lines, error);
		if (r == 0)
			r = o2r_ext4_write(image, options, output, &written, error);
		if (r == 0)
			printf("wrote %" PRIu64 " of %" PRIu64
			       " planned bytes, UUID %s\n",
				written.image_bytes, planned.image_bytes, written.uuid);
	}
	o2r_ext4_options_destroy(options);
	return r;
}

static int inspect(
	const struct o2r_options *options, char **argv, struct o2r_error *error)
{
	struct o2r_image *image;
	uint64_t bytes = 0;
	int r = o2r_image_open(argv[1], options, &image, error);

	if (r < 0)
		return r;
	print_image(image);
	r = o2r_walk(image, count_file, &bytes, error);
	if (r == 0)
		printf("regular files: %" PRIu64 " bytes\n", bytes);
	if (r == 0 && argv[2])
		r = print_file(image, argv[2], error);
	if (r == 0 && argv[2] && argv[3])
		r = snapshot(image, argv[3], error);
	o2r_image_close(image);
	return r;
}

int main(int argc, char **argv)
{
	struct o2r_options *options;
	struct o2r_error error = {0};
	struct seen seen = {0, NULL};
	int r;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: inspect REFERENCE [PATH [OUTPUT.ext4]]\n");
		return O2R_CLASS_USAGE;
	}
	options = o2r_options_create();
	if (!options)
		return O2R_CLASS_FAIL;
	signal(SIGINT, on_interrupt);
	o2r_options_set_cancel(options, &cancelled);
	o2r_options_set_log(options, on_log, O2R_LOG_WARN, stderr);
	o2r_options_set_progress(options, on_progress, &seen);
	r = inspect(options, argv, &error);
	o2r_options_destroy(options);
	if (r < 0) {
		fprintf(stderr, "inspect: %s\n", error.text);
		return (int)error.error_class;
	}
	fprintf(stderr, "progress was told %u times\n", seen.calls);
	return 0;
}
