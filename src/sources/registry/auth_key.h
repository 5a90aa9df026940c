/*
 * Keys of credential files: which entry is for which image. Docker's are hosts or URLs
 * ("ghcr.io", "https://index.docker.io/v1/"), podman's may go on with a part of the
 * repository ("quay.io/org/app"). Pure.
 */
#ifndef O2R_SOURCES_REGISTRY_AUTH_KEY_H
#define O2R_SOURCES_REGISTRY_AUTH_KEY_H

#include <stdbool.h>
#include <stddef.h>

/* What Docker calls its own registry in these files. */
#define AUTH_KEY_HUB "https://index.docker.io/v1/"
#define AUTH_KEY_HUB_NAME "docker.io"

enum {
	AUTH_KEY_NO = -1,
	AUTH_KEY_REGISTRY = 0, /* for the whole registry */
};

/*
 * How much of the repository the key names, in bytes; AUTH_KEY_REGISTRY when it is for
 * the registry as a whole, AUTH_KEY_NO when it is for something else. Hosts are compared
 * without regard to case, with the port as it is written; all names of Docker Hub are
 * one. What follows the host of a URL is no part of it, nor with hosts_only (the format
 * of ~/.dockercfg).
 */
long auth_key_match(
	const char *key, bool hosts_only, const char *registry, const char *repository);

bool auth_key_is_hub(const char *host, size_t n);

#endif
