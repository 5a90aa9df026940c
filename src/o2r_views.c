/* The views of this user, by the state files of their servers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "handle.h"
#include "o2r_known_view.h"

enum {
	VIEWS_MAX = 100000,
};

struct found {
	struct view_state state;
	struct mounted mount; /* empty: in another mount namespace */
	bool serving;
};

struct list {
	const struct state_folder *folder;
	struct found *views;
	size_t count, cap;
	struct o2r_err *err;
};

static void list_finish(struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		view_state_finish(&l->views[i].state);
		mounted_finish(&l->views[i].mount);
	}
	free(l->views);
	*l = (struct list){.folder = l->folder};
}

/* A view that was unmounted while busy is gone for its user, however long its server
 * goes on for those who still read. */
static bool is_shown(const struct found *f)
{
	if (f->mount.line)
		return true;
	return f->serving && !process_sees_our_mounts(&f->state.process);
}

/* Takes the state's content when the view is one to show. */
static int look_at(void *arg, unsigned major, unsigned minor, struct view_state *s)
{
	struct list *l = arg;
	AUTO_MOUNTED struct mounted m = {0};
	struct boot_id boot;
	int r = mounts_find_device(major, minor, &m, l->err);

	if (r < 0)
		return r;
	if (r > 0 && !known_view_matches(&m.e, s))
		mounted_finish(&m);

	struct found f = {.mount = m};

	f.serving = boot_id_read(&boot, NULL) == 0 && strcmp(boot.s, s->boot.s) == 0 &&
		    process_alive(&s->process);
	f.state = *s;
	if (!m.line && !f.serving)
		state_file_remove(l->folder, state_name(major, minor).s, s);
	if (!is_shown(&f))
		return 0;
	if (VEC_RESERVE(l->views, l->count, l->cap, 1, VIEWS_MAX) < 0)
		return err_nomem(l->err);
	l->views[l->count++] = f;
	*s = (struct view_state){0};
	m = (struct mounted){0};
	return 0;
}

static int by_age(const void *pa, const void *pb)
{
	const struct view_state *a = &((const struct found *)pa)->state,
				*b = &((const struct found *)pb)->state;

	if (a->since != b->since)
		return a->since < b->since ? -1 : 1;
	if (a->process.start != b->process.start)
		return a->process.start < b->process.start ? -1 : 1;
	return strcmp(a->mountpoint, b->mountpoint);
}

static int tell(const struct found *f, o2r_view_fn fn, void *arg)
{
	struct digest_text digest = digest_format(&f->state.manifest);
	const struct o2r_view_info info = {
		.mountpoint = f->mount.line ? f->mount.e.point : f->state.mountpoint,
		.reference = f->state.reference,
		.manifest_digest = digest.s,
		.platform = f->state.platform,
		.pid = f->state.process.pid,
		.serving = f->serving,
		.since = f->state.since,
	};

	return fn(arg, &info);
}

int o2r_views(o2r_view_fn fn, void *arg, struct o2r_error *error)
{
	struct state_folder folder CLEANUP(state_folder_close) = STATE_FOLDER_INIT;
	struct o2r_err err = {0};
	struct list l CLEANUP(list_finish) = {.folder = &folder, .err = &err};
	int r = state_folder_open(&folder, geteuid(), false, &err);

	if (r > 0)
		r = state_files_each(&folder, look_at, &l, &err);
	if (r < 0)
		return o2r_fail(error, &err);
	if (l.count)
		qsort(l.views, l.count, sizeof(l.views[0]), by_age);
	for (size_t i = 0; i < l.count && r == 0; i++)
		r = tell(&l.views[i], fn, arg);
	return r;
}
