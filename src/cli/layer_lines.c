#include "cli/layer_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

enum {
	NAME_DIGITS = 12, /* as the container tools shorten digests */
	LINES_MAX = 1 << 20,
};

static const char *state_name(enum o2r_fetch_state state)
{
	switch (state) {
	case O2R_FETCH_WAITING:
		return "waiting";
	case O2R_FETCH_RUNNING:
		return "downloading";
	case O2R_FETCH_RETRYING:
		return "retrying";
	case O2R_FETCH_EXISTS:
		return "exists";
	case O2R_FETCH_DONE:
		return "done";
	}
	return "unknown";
}

static bool is_at_work(const struct layer_line *line)
{
	return line->state == O2R_FETCH_RUNNING || line->state == O2R_FETCH_RETRYING;
}

/* ---- what is told -------------------------------------------------------------------
 */

static struct layer_line *find(struct layer_lines *l, const struct o2r_fetch_progress *p)
{
	/* nearly always they come in their order */
	if (p->layer < l->n && strcmp(l->v[p->layer].digest, p->digest) == 0)
		return &l->v[p->layer];
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].digest, p->digest) == 0)
			return &l->v[i];
	return NULL;
}

static struct layer_line *add(struct layer_lines *l, const struct o2r_fetch_progress *p)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct layer_line *v =
			cap <= LINES_MAX ? realloc(l->v, cap * sizeof(*v)) : NULL;

		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct layer_line){.state = O2R_FETCH_WAITING};
	snprintf(l->v[l->n].digest, sizeof(l->v[l->n].digest), "%s", p->digest);
	return &l->v[l->n++];
}

const struct layer_line *layer_lines_note(
	struct layer_lines *l, const struct o2r_fetch_progress *p)
{
	struct layer_line *line = find(l, p);
	bool news = !line;

	if (!line)
		line = add(l, p);
	if (!line)
		return NULL;
	news |= line->state != p->state;
	line->state = p->state;
	line->done = MIN(p->done, p->total);
	line->total = p->total;
	if (is_at_work(line) && !line->begun) {
		line->first = line->done;
		line->begun = true;
	}
	/* it may also begin anew, with nothing, and wait before it does */
	line->first = MIN(line->first, line->done);
	return news ? line : NULL;
}

void layer_lines_finish(struct layer_lines *l)
{
	free(l->v);
	*l = (struct layer_lines){0};
}

struct layer_totals layer_lines_sum(const struct layer_lines *l)
{
	struct layer_totals t = {.layers = (unsigned)l->n};

	for (size_t i = 0; i < l->n; i++) {
		const struct layer_line *line = &l->v[i];

		t.waiting += line->state == O2R_FETCH_WAITING;
		t.working += is_at_work(line);
		t.fetched += line->state == O2R_FETCH_DONE;
		t.existing += line->state == O2R_FETCH_EXISTS;
		t.bytes += line->total;
		if (line->state == O2R_FETCH_EXISTS)
			continue;
		t.done += line->done;
		t.total += line->total;
		t.earlier += line->first;
	}
	return t;
}

/* ---- lines --------------------------------------------------------------------------
 */

struct name {
	char s[NAME_DIGITS + 1];
};

static struct name name_of(const struct layer_line *line)
{
	const char *colon = strchr(line->digest, ':');
	struct name name;

	snprintf(name.s, sizeof(name.s), "%.12s", colon ? colon + 1 : line->digest);
	return name;
}

static struct progress_text bytes_of(const struct layer_line *line)
{
	struct progress_text t;

	if (is_at_work(line))
		snprintf(t.s, sizeof(t.s), "%.30s of %.30s", text_size(line->done).s,
			text_size(line->total).s);
	else
		snprintf(t.s, sizeof(t.s), "%.30s", text_size(line->total).s);
	return t;
}

/* Cut from the right, whole words only, but for a name on a terminal without room. */
static int add_line(const struct layer_line *line, unsigned columns, struct buf *out)
{
	struct name name = name_of(line);
	struct progress_text bytes = bytes_of(line);
	const char *state = state_name(line->state);
	size_t first = strlen(name.s) + 2;

	if (first + 13 + strlen(bytes.s) <= columns)
		return buf_printf(out, "%s  %-11s  %s\n", name.s, state, bytes.s);
	if (first + strlen(state) <= columns)
		return buf_printf(out, "%s  %s\n", name.s, state);
	return buf_printf(out, "%.*s\n", (int)MIN(columns, NAME_DIGITS), name.s);
}

struct list {
	struct progress_text text;
	unsigned columns;
};

/* One more part, if all of it fits. */
static void add_count(struct list *l, unsigned count, const char *what)
{
	size_t have = strlen(l->text.s);
	char part[48];
	int n = snprintf(part, sizeof(part), "%s%u %s", have ? ", " : "", count, what);

	if (!count || have + (size_t)n > l->columns ||
		have + (size_t)n >= sizeof(l->text.s))
		return;
	memcpy(l->text.s + have, part, (size_t)n + 1);
}

/* "5 waiting, 12 done, 6 exist" */
static int add_rest(
	const struct layer_totals *t, unsigned shown, unsigned columns, struct buf *out)
{
	struct list l = {.columns = columns};

	add_count(&l, t->working - shown, "more downloading");
	add_count(&l, t->waiting, "waiting");
	add_count(&l, t->fetched, "done");
	add_count(&l, t->existing, t->existing == 1 ? "exists" : "exist");
	return buf_printf(out, "%s\n", l.text.s);
}

static int add_those_at_work(
	const struct layer_lines *l, unsigned columns, unsigned rows, struct buf *out)
{
	struct layer_totals t = layer_lines_sum(l);
	unsigned shown = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n && shown + 1 < rows; i++) {
		if (!is_at_work(&l->v[i]))
			continue;
		r = add_line(&l->v[i], columns, out);
		shown++;
	}
	return r == 0 ? add_rest(&t, shown, columns, out) : r;
}

int layer_lines_text(
	const struct layer_lines *l, unsigned columns, unsigned rows, struct buf *out)
{
	int r = 0;

	if (!rows || !columns)
		return 0;
	if (l->n > rows)
		return add_those_at_work(l, columns, rows, out);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = add_line(&l->v[i], columns, out);
	return r;
}

/* ---- totals -------------------------------------------------------------------------
 */

static struct o2r_progress as_progress(const struct layer_totals *t)
{
	return (struct o2r_progress){.stage = "fetch",
		.done = t->done,
		.total = t->total,
		.layers_done = t->fetched + t->existing,
		.layers = t->layers};
}

struct progress_text layer_lines_total_line(
	const struct layer_totals *t, double seconds, unsigned columns)
{
	struct o2r_progress p = as_progress(t);

	return progress_line_after(&p, t->earlier, seconds, columns);
}

struct progress_text layer_lines_sentence(const struct layer_totals *t, double seconds)
{
	struct o2r_progress p = as_progress(t);

	return progress_sentence_after(&p, t->earlier, seconds);
}

struct progress_text layer_line_sentence(const struct layer_line *line)
{
	struct progress_text t;

	snprintf(t.s, sizeof(t.s), "%s: %s, %.60s", name_of(line).s,
		state_name(line->state), bytes_of(line).s);
	return t;
}

struct progress_text layer_lines_end(const struct layer_totals *t, double seconds)
{
	uint64_t bytes = t->done - t->earlier;
	struct progress_text text = progress_total("fetched", t->fetched, bytes, seconds);
	size_t n = strlen(text.s);
	struct progress_text rate = progress_rate(bytes, seconds);

	if (rate.s[0])
		n += (size_t)snprintf(text.s + n, sizeof(text.s) - n, ", %.40s", rate.s);
	if (t->existing)
		snprintf(text.s + n, sizeof(text.s) - n, "; %u %s", t->existing,
			t->existing == 1 ? "exists" : "exist");
	return text;
}
