/* What the user says about registries on the command line. Plain data; strings are
 * borrowed, and outlive whatever is made with them. */
#ifndef O2R_SOURCES_REGISTRY_SETTINGS_H
#define O2R_SOURCES_REGISTRY_SETTINGS_H

#include <stdbool.h>

enum tls_choice {
	TLS_AS_CONFIGURED, /* verified, unless registries.conf calls it insecure */
	TLS_VERIFY,        /* --tls-verify=true, whatever registries.conf says */
	TLS_INSECURE, /* --insecure, --tls-verify=false: https unverified, then http */
};

enum {
	REGISTRY_PARALLEL = 4, /* transfers at once, unless told */
	REGISTRY_PARALLEL_MAX = 32,
};

struct registry_settings {
	const char *username, *password; /* NULL: from credential files */
	const char *authfile;            /* NULL: $REGISTRY_AUTH_FILE, the usual ones */
	const char *cert_dir;            /* NULL: certs.d */
	enum tls_choice tls;
	unsigned parallel; /* 0: REGISTRY_PARALLEL */
	bool offline;      /* only what the store has */
};

#endif
