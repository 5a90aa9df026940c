#include "cli/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cli/report.h"
#include "cli/show.h"

static const struct {
	mode_t type;
	const char *one, *many, *member; /* the last in JSON */
} fact_types[FACT_TYPES] = {
	{S_IFREG, "file", "files", "files"},
	{S_IFDIR, "directory", "directories", "directories"},
	{S_IFLNK, "symlink", "symlinks", "symlinks"},
	{S_IFCHR, "character device", "character devices", "char_devices"},
	{S_IFBLK, "block device", "block devices", "block_devices"},
	{S_IFIFO, "fifo", "fifos", "fifos"},
	{S_IFSOCK, "socket", "sockets", "sockets"},
};

static int count(void *arg, const struct o2r_walk_entry *e)
{
	struct facts *f = arg;
	int r = seen_first(&f->seen, e->ino);

	f->paths++;
	if (r <= 0)
		return r;
	f->inodes++;
	for (unsigned i = 0; i < FACT_TYPES; i++)
		f->types[i] += (e->st.st_mode & S_IFMT) == fact_types[i].type;
	return 0;
}

int facts_gather(struct facts *f, struct o2r_image *image, struct o2r_error *error)
{
	struct o2r_ext4_info info = {0};
	struct o2r_layer_info l;
	int r;

	f->image = image;
	*error = (struct o2r_error){0};
	r = o2r_walk(image, count, f, error);
	if (r < 0 && !error->code)
		*error = (struct o2r_error){.code = -ENOMEM,
			.error_class = O2R_CLASS_FAIL,
			.text = "out of memory"};
	if (r < 0)
		return r;
	for (unsigned i = 0; o2r_image_layer(image, i, &l) == 0; i++) {
		f->size += l.size;
		f->decoded += l.decoded_size;
		f->entries += l.entries;
		f->data += l.data_bytes;
		f->live += l.live_bytes;
	}
	/* a tree that ext4 cannot hold can be looked at all the same */
	r = o2r_ext4_plan(image, NULL, &info, NULL, NULL, &f->no_snapshot);
	if (r < 0 && f->no_snapshot.error_class == O2R_CLASS_INTERRUPTED) {
		*error = f->no_snapshot;
		return r;
	}
	f->min_bytes = r < 0 ? 0 : info.min_bytes;
	return 0;
}

void facts_finish(struct facts *f)
{
	seen_finish(&f->seen);
}

/* ---- text */

static int add_field(struct buf *out, const char *name, const char *value)
{
	int r = value ? buf_printf(out, "%-14s", name) : 0;

	if (r == 0 && value)
		r = show_name(out, value, strlen(value));
	return r < 0 || !value ? r : buf_append(out, "\n", 1);
}

static int add_list(struct buf *out, const char *name, const char *const *list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list[i]; i++)
		r = add_field(out, i ? "" : name, list[i]);
	return r;
}

/* Of what the name names, where that is not the manifest. */
static const char *index_digest(const struct o2r_image *image)
{
	const char *named = o2r_image_named_digest(image);

	return strcmp(named, o2r_image_manifest_digest(image)) == 0 ? NULL : named;
}

static int add_config(const struct facts *f, struct buf *out)
{
	const struct o2r_image *image = f->image;
	const struct {
		const char *name, *value;
	} fields[] = {
		{"Reference", o2r_image_reference(image)},
		{"Index", index_digest(image)},
		{"Manifest", o2r_image_manifest_digest(image)},
		{"Media type", o2r_image_media_type(image)},
		{"Config", o2r_image_config_digest(image)},
		{"Platform", o2r_image_platform(image)},
		{"Created", o2r_image_created(image)},
		{"User", o2r_image_user(image)},
		{"Directory", o2r_image_working_dir(image)},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fields); i++)
		r = add_field(out, fields[i].name, fields[i].value);
	if (r == 0)
		r = add_list(out, "Entrypoint", o2r_image_entrypoint(image));
	if (r == 0)
		r = add_list(out, "Command", o2r_image_cmd(image));
	return r < 0 ? r : add_list(out, "Environment", o2r_image_env(image));
}

static int add_sizes(struct buf *out, const uint64_t *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = buf_printf(out, " %10s", text_size(v[i]).s);
	return r;
}

static int add_layers(const struct facts *f, struct buf *out)
{
	const uint64_t all[] = {f->data, f->live, f->data - f->live};
	struct o2r_layer_info l;
	int r = buf_printf(out,
		"\n  # compressed    decoded   entries       data       live     wasted  "
		"digest, diff_id, media type\n");

	for (unsigned i = 0; r == 0 && o2r_image_layer(f->image, i, &l) == 0; i++) {
		const uint64_t sizes[] = {l.size, l.decoded_size};
		const uint64_t data[] = {
			l.data_bytes, l.live_bytes, l.data_bytes - l.live_bytes};

		r = buf_printf(out, "%3u", i + 1);
		if (r == 0)
			r = add_sizes(out, sizes, 2);
		if (r == 0)
			r = buf_printf(out, " %9" PRIu64, l.entries);
		if (r == 0)
			r = add_sizes(out, data, 3);
		if (r == 0)
			r = buf_printf(
				out, "  %s\n%73s%s\n%73s", l.digest, "", l.diff_id, "");
		if (r == 0 && l.media_type)
			r = show_name(out, l.media_type, strlen(l.media_type));
		if (r == 0)
			r = buf_append(out, "\n", 1);
	}
	if (r == 0)
		r = buf_printf(out, "all");
	if (r == 0)
		r = add_sizes(out, (const uint64_t[]){f->size, f->decoded}, 2);
	if (r == 0)
		r = buf_printf(out, " %9" PRIu64, f->entries);
	if (r == 0)
		r = add_sizes(out, all, 3);
	return r < 0 ? r : buf_printf(out, "\n\n");
}

int facts_text(const struct facts *f, struct buf *out)
{
	int r = add_config(f, out);

	if (r == 0)
		r = add_layers(f, out);
	if (r == 0)
		r = buf_printf(out, "%" PRIu64 " paths, %" PRIu64 " inodes:", f->paths,
			f->inodes);
	for (unsigned i = 0, shown = 0; r == 0 && i < FACT_TYPES; i++) {
		if (!f->types[i])
			continue;
		r = buf_printf(out, "%s %" PRIu64 " %s", shown++ ? "," : "", f->types[i],
			f->types[i] == 1 ? fact_types[i].one : fact_types[i].many);
	}
	if (r == 0)
		r = buf_printf(out,
			"\n%s of data, and %s wasted by deleted and replaced "
			"files\n",
			text_size(f->live).s, text_size(f->data - f->live).s);
	if (r < 0)
		return r;
	if (f->min_bytes)
		return buf_printf(out, "smallest snapshot: %s (%" PRIu64 " bytes)\n",
			text_size(f->min_bytes).s, f->min_bytes);
	return buf_printf(out, "no snapshot: %s\n", f->no_snapshot.text);
}

/* ---- JSON */

static void json_list(struct json *j, const char *name, const char *const *list)
{
	json_open(j, name, '[');
	for (size_t i = 0; list[i]; i++)
		json_string(j, NULL, list[i]);
	json_close(j, ']');
}

static void json_totals(struct json *j, const struct facts *f)
{
	json_open(j, "totals", '{');
	json_uint(j, "size", f->size);
	json_uint(j, "decoded_size", f->decoded);
	json_uint(j, "entries", f->entries);
	json_uint(j, "data_bytes", f->data);
	json_uint(j, "live_bytes", f->live);
	json_uint(j, "wasted_bytes", f->data - f->live);
	json_uint(j, "paths", f->paths);
	json_uint(j, "inodes", f->inodes);
	for (unsigned i = 0; i < FACT_TYPES; i++)
		json_uint(j, fact_types[i].member, f->types[i]);
	if (f->min_bytes)
		json_uint(j, "min_snapshot_bytes", f->min_bytes);
	else
		json_string(j, "min_snapshot_bytes", NULL);
	json_close(j, '}');
}

int facts_json(const struct facts *f, struct buf *out)
{
	const struct o2r_image *image = f->image;
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_string(&j, "reference", o2r_image_reference(image));
	json_string(&j, "named_digest", o2r_image_named_digest(image));
	json_string(&j, "manifest_digest", o2r_image_manifest_digest(image));
	json_string(&j, "media_type", o2r_image_media_type(image));
	json_string(&j, "config_digest", o2r_image_config_digest(image));
	json_string(&j, "platform", o2r_image_platform(image));
	json_string(&j, "created", o2r_image_created(image));
	json_list(&j, "entrypoint", o2r_image_entrypoint(image));
	json_list(&j, "cmd", o2r_image_cmd(image));
	json_list(&j, "env", o2r_image_env(image));
	json_string(&j, "user", o2r_image_user(image));
	json_string(&j, "working_dir", o2r_image_working_dir(image));
	report_layers(&j, image);
	json_totals(&j, f);
	json_close(&j, '}');
	return json_end(&j);
}
