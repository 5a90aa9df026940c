/*
 * The state file of a view, and lines of the mount table. What parses is checked as its
 * users rely on it, and comes back the same when it is written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mountinfo.h"
#include "o2r_state.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void must_be_sound(const struct view_state *s)
{
	must(s->mountpoint && s->mountpoint[0] == '/');
	must(!s->cache_dir || s->cache_dir[0] == '/');
	must(!s->reference || strchr(s->reference, '/'));
	must(s->platform && s->manifest.algo != DIGEST_NONE);
	must(s->layer_count <= STATE_LAYERS_MAX);
	for (size_t i = 0; i < s->extra_count; i++) {
		const struct image_extra *e = &s->extras[i];

		must(e->path && (e->kind == EXTRA_LAYER || e->path[0] == '/'));
		must(e->kind == EXTRA_LAYER || (e->dest && e->dest[0] == '/'));
		must(e->mode >= -1 && e->mode <= 07777);
	}
	must(s->process.pid > 0 && s->since >= 0 && boot_id_valid(s->boot.s));
}

static void must_come_back(const struct view_state *s)
{
	AUTO_STATE struct view_state again = {0};
	AUTO_BUF struct buf text = {0};
	struct o2r_err err;

	if (view_state_format(s, &text, &err) < 0)
		return; /* larger than a file may be */
	must(view_state_parse(text.data, text.len, &again, &err) == 0);
	must(same_text(s->reference, again.reference));
	must(same_text(s->mountpoint, again.mountpoint));
	must(same_text(s->cache_dir, again.cache_dir));
	must(same_text(s->platform, again.platform));
	must(digest_equal(&s->manifest, &again.manifest));
	must(s->layer_count == again.layer_count);
	must(s->extra_count == again.extra_count);
	for (size_t i = 0; i < s->extra_count; i++)
		must(same_text(s->extras[i].path, again.extras[i].path));
	must(memcmp(&s->limits, &again.limits, sizeof(s->limits)) == 0);
	must(s->process.pid == again.process.pid);
	must(s->process.start == again.process.start && s->since == again.since);
}

static void try_mount_line(const uint8_t *data, size_t size)
{
	AUTO_FREE char *line = malloc(size + 1);
	struct mount_entry e;
	uint64_t uid;

	must(line != NULL);
	memcpy(line, data, size);
	line[size] = '\0';
	if (!mount_parse(line, &e))
		return;
	must(e.root && e.point && e.type && e.source && e.super);
	(void)mount_user(&e, &uid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STATE struct view_state s = {0};
	struct o2r_err err = {0};

	try_mount_line(data, size);
	if (view_state_parse((const char *)data, size, &s, &err) < 0) {
		must(err.code < 0 && err.text[0] && !strchr(err.text, '\n'));
		return 0;
	}
	must_be_sound(&s);
	must_come_back(&s);
	return 0;
}
