/*
 * References: what the user types to name an image, taken apart by its form alone (no
 * file is looked at). Forms of other tools that are not read ("dir:") are recognised so
 * that the error can say what to do.
 */
#ifndef O2R_SOURCES_REF_H
#define O2R_SOURCES_REF_H

#include <stdbool.h>

#include "base/err.h"
#include "sources/name.h"

enum ref_kind {
	REF_LAYOUT,         /* oci:DIR[:TAG|:@N] */
	REF_OCI_ARCHIVE,    /* oci-archive:FILE[:TAG|:@N] */
	REF_DOCKER_ARCHIVE, /* docker-archive:FILE[:NAME|:@N] */
	REF_PATH,           /* a path, whose kind the files there tell; "-" */
	REF_OVERLAY,        /* overlay:DIR */
	REF_DOCKER_STORE,   /* docker-store:[ROOT]NAME: path is ROOT or NULL, tag NAME */
	REF_CONTAINERS,     /* containers-storage:[ROOT]NAME, likewise */
	REF_DOCKER_DAEMON,  /* docker-daemon:NAME: tag is NAME */
	REF_SCRATCH,        /* the empty image */
	REF_REGISTRY,       /* [docker://]NAME: only name is filled in */
};

/*
 * Behind the first three prefixes the path ends at the first colon, as in skopeo and
 * podman; "-" is standard input. What follows is the tag (it may hold more colons), or
 * "@N", the entry of index.json counted from 0. "oci:DIR@N" without a colon is either a
 * directory of that name or entry N of DIR: path is the former, short_path the latter,
 * for who looks at the files to decide.
 */
struct ref {
	enum ref_kind kind;
	char *path;
	char *tag;        /* NULL: none given */
	long index;       /* -1: none given */
	char *short_path; /* NULL unless the path ends in "@N" */
	long short_index;
	struct name name;
};

/* Anything but these kinds is of class USAGE and says how to get there. */
int ref_parse(const char *text, struct ref *out, struct o2r_err *err) O2R_MUST_CHECK;
void ref_finish(struct ref *ref);

/*
 * Do two names mean the same image? "nginx", "nginx:latest" and
 * "docker.io/library/nginx:latest" do (the rules are name.h's); with digests the tags do
 * not matter. A bare tag is not a name: "latest" means "docker.io/library/latest:latest"
 * here. What is no name is the same only as the same text.
 */
bool ref_same_image(const char *a, const char *b);
/* Is `has` the name localhost/wanted? podman and buildah give it to what is built here
 * under the name `wanted`. */
bool ref_same_local(const char *wanted, const char *has);

#endif
