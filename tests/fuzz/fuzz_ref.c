/*
 * References, names, platforms and times: one line each, separated by newlines. Two lines
 * are a pair: as names of images, and as platforms.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/name.h"
#include "sources/platform.h"
#include "sources/ref.h"
#include "sources/rfc3339.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool is_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_name(const struct name *n)
{
	must(n->domain[0] && n->path[0]);
	must(strlen(n->domain) + 1 + strlen(n->path) <= NAME_MAX_BYTES);
	must(!strchr(n->domain, '/') && !strchr(n->path, ':'));
	must(n->tag || n->digest.algo != DIGEST_NONE);
	must(!n->tag || (n->tag[0] && strlen(n->tag) <= NAME_TAG_MAX));
	must(strcmp(n->domain, "index.docker.io") != 0);
	must(strcmp(n->domain, "docker.io") != 0 || strchr(n->path, '/'));
}

/* A name that is written out whole is the same one, and is written so again. */
static void try_name(const char *text)
{
	CLEANUP(name_finish) struct name n = {0};
	CLEANUP(name_finish) struct name again = {0};
	struct o2r_err err = {0};

	if (name_parse(text, &n, &err) < 0) {
		must(err.cls == ERR_USAGE && err.text[0] && !strchr(err.text, '\n'));
		must(!n.domain && !n.path && !n.tag);
		return;
	}
	check_name(&n);

	AUTO_FREE char *full = name_format(&n);

	must(full && name_parse(full, &again, &err) == 0);
	must(is_text(n.domain, again.domain) && is_text(n.path, again.path));
	must(is_text(n.tag, again.tag) && digest_equal(&n.digest, &again.digest));

	AUTO_FREE char *twice = name_format(&again);

	must(is_text(full, twice));
	must(ref_same_image(text, full));
}

/* Which parts a reference of each kind has. */
static void check_parts(const struct ref *ref)
{
	bool path = ref->path && ref->path[0], tag = ref->tag && ref->tag[0];

	must(!ref->path == !path && !ref->tag == !tag);
	must(!tag || ref->index < 0);
	must(!ref->short_path || (ref->short_index >= 0 && ref->short_path[0]));
	if (ref->kind != REF_REGISTRY)
		must(!ref->name.domain);
	switch (ref->kind) {
	case REF_LAYOUT:
	case REF_OCI_ARCHIVE:
	case REF_DOCKER_ARCHIVE:
		must(path && !strchr(ref->path, ':'));
		return;
	case REF_PATH:
	case REF_OVERLAY:
		must(path && !tag && ref->index < 0 && !ref->short_path);
		return;
	case REF_DOCKER_STORE:
	case REF_CONTAINERS:
	case REF_DOCKER_DAEMON:
		must(tag && ref->index < 0 && !ref->short_path);
		return;
	case REF_SCRATCH:
		must(!path && !tag && ref->index < 0 && !ref->short_path);
		return;
	case REF_REGISTRY:
		must(!path && !tag && ref->index < 0 && !ref->short_path);
		check_name(&ref->name);
		return;
	}
	must(false);
}

static void try_ref(const char *text)
{
	CLEANUP(ref_finish) struct ref ref = {0};
	struct o2r_err err = {0};

	if (ref_parse(text, &ref, &err) == 0) {
		check_parts(&ref);
		return;
	}
	must(err.cls == ERR_USAGE && err.text[0] && !strchr(err.text, '\n'));
	must(!ref.path && !ref.tag && !ref.short_path && !ref.name.domain);
}

static bool same(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 &&
	       strcmp(a->variant, b->variant) == 0;
}

/* A normalised name is normal, and suits itself best. */
static bool try_platform(const char *text, struct platform *p)
{
	struct o2r_err err = {0};
	struct platform again;

	if (platform_parse(text, p, &err) < 0)
		return false;
	must(platform_parse(platform_format(p).s, &again, &err) == 0);
	must(same(p, &again));
	must(platform_rank(p, p) == 0);
	must(platform_make(p->os, p->arch, p->variant, &again, &err) == 1);
	must(same(p, &again));
	platform_is_unknown(p);
	return true;
}

/* What suits one way round only suits in one order; equal ranks are equal names. */
static void try_pair(const char *a, const char *b)
{
	struct platform pa = {0}, pb = {0};

	must(ref_same_image(a, b) == ref_same_image(b, a));
	if (!try_platform(a, &pa) || !try_platform(b, &pb))
		return;

	int ab = platform_rank(&pa, &pb), ba = platform_rank(&pb, &pa);

	must(ab <= 0 || ba < 0);
	must((ab == 0) == (ba == 0));
	must(ab < 0 || (strcmp(pa.os, pb.os) == 0 && strcmp(pa.arch, pb.arch) == 0));
}

static void try_time(const char *text)
{
	int64_t sec;
	uint32_t nsec;

	if (rfc3339_parse(text, &sec, &nsec))
		must(nsec < 1000000000 && sec > -62200000000 && sec < 253500000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = strndup((const char *)data, size);
	char *rest = text;
	const char *last = "";

	must(text);
	for (char *line; (line = strsep(&rest, "\n")); last = line) {
		try_ref(line);
		try_name(line);
		try_time(line);
		try_pair(last, line);
	}
	return 0;
}
