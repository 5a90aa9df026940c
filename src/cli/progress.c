#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

/* A rate over less than this says nothing yet. */
#define RATE_AFTER 0.3
/* Nobody waits longer; and it keeps the conversion to an integer in range. */
#define CLOCK_MAX (1000 * 3600 - 1)

struct progress_text progress_clock(double seconds)
{
	struct progress_text t;
	double in_range = seconds > 0 ? seconds : 0;
	unsigned s = in_range < CLOCK_MAX ? (unsigned)(in_range + 0.5) : CLOCK_MAX;

	if (s >= 3600)
		snprintf(t.s, sizeof(t.s), "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(t.s, sizeof(t.s), "%u:%02u", s / 60, s % 60);
	return t;
}

/* Append a part when the whole of it fits. */
static bool add_part(struct progress_text *t, unsigned columns, const char *separator,
	const char *part)
{
	size_t have = strlen(t->s);
	size_t more = (have ? strlen(separator) : 0) + strlen(part);

	if (have + more > columns || have + more >= sizeof(t->s))
		return false;
	snprintf(t->s + have, sizeof(t->s) - have, "%s%s", have ? separator : "", part);
	return true;
}

struct parts {
	char layers[48], bytes[80], rate[48], left[48];
};

struct progress_text progress_rate(uint64_t bytes, double seconds)
{
	struct progress_text t = {""};

	if (seconds < RATE_AFTER || !bytes)
		return t;

	double rate = (double)bytes / seconds;

	snprintf(t.s, sizeof(t.s), "%.30s/s",
		text_size(rate < 1e18 ? (uint64_t)rate : 0).s);
	return t;
}

static void describe(
	struct parts *out, const struct o2r_progress *p, uint64_t earlier, double seconds)
{
	uint64_t bytes = p->done - MIN(earlier, p->done);
	struct progress_text rate = progress_rate(bytes, seconds);

	memset(out, 0, sizeof(*out));
	if (p->layers)
		snprintf(out->layers, sizeof(out->layers), "%u of %u layers",
			p->layers_done, p->layers);
	if (p->total)
		snprintf(out->bytes, sizeof(out->bytes), "%.30s of %.30s",
			text_size(p->done).s, text_size(p->total).s);
	else
		snprintf(out->bytes, sizeof(out->bytes), "%.30s", text_size(p->done).s);
	snprintf(out->rate, sizeof(out->rate), "%.40s", rate.s);
	if (rate.s[0] && p->total >= p->done && p->total)
		snprintf(out->left, sizeof(out->left), "%.30s left",
			progress_clock(
				(double)(p->total - p->done) * seconds / (double)bytes)
				.s);
}

static struct progress_text join(const struct o2r_progress *p, uint64_t earlier,
	double seconds, unsigned columns, const char *first, const char *separator)
{
	struct progress_text t = {""};
	struct parts parts;

	describe(&parts, p, earlier, seconds);

	const char *const rest[] = {parts.layers, parts.bytes, parts.rate, parts.left};

	if (!add_part(&t, columns, "", p->stage ? p->stage : "work"))
		return t;
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		if (!rest[i][0])
			continue;
		if (!add_part(&t, columns, first, rest[i]))
			break;
		first = separator;
	}
	return t;
}

struct progress_text progress_line(
	const struct o2r_progress *p, double seconds, unsigned columns)
{
	return progress_line_after(p, 0, seconds, columns);
}

struct progress_text progress_sentence(const struct o2r_progress *p, double seconds)
{
	return progress_sentence_after(p, 0, seconds);
}

struct progress_text progress_line_after(
	const struct o2r_progress *p, uint64_t earlier, double seconds, unsigned columns)
{
	return join(p, earlier, seconds, columns, "  ", "  ");
}

struct progress_text progress_sentence_after(
	const struct o2r_progress *p, uint64_t earlier, double seconds)
{
	return join(p, earlier, seconds, sizeof(((struct progress_text *)NULL)->s) - 1,
		": ", ", ");
}

struct progress_text progress_total(
	const char *stage, unsigned layers, unsigned long long bytes, double seconds)
{
	struct progress_text t;
	char of[32] = "";

	if (layers)
		snprintf(of, sizeof(of), "%u %s, ", layers,
			layers == 1 ? "layer" : "layers");
	snprintf(t.s, sizeof(t.s), "%.40s: %s%.30s in %.1f s", stage, of,
		text_size(bytes).s, seconds);
	return t;
}
