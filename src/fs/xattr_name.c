#include "fs/xattr_name.h"

#include <string.h>

static bool begins(const char *p, size_t n, const char *prefix)
{
	size_t len = strlen(prefix);

	return n >= len && memcmp(p, prefix, len) == 0;
}

static bool equals(const char *p, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(p, name, n) == 0;
}

bool xattr_name_is_dropped(const char *name, size_t n)
{
	return begins(name, n, "trusted.") || begins(name, n, "user.overlay.") ||
	       equals(name, n, "security.selinux");
}

bool xattr_name_is_access_acl(const char *name, size_t n)
{
	return equals(name, n, "system.posix_acl_access");
}

bool xattr_name_is_default_acl(const char *name, size_t n)
{
	return equals(name, n, "system.posix_acl_default");
}

bool xattr_name_is_user(const char *name, size_t n)
{
	return begins(name, n, "user.");
}

bool xattr_name_is_ext4(const char *name, size_t n)
{
	return xattr_name_is_access_acl(name, n) || xattr_name_is_default_acl(name, n) ||
	       (n > 5 && xattr_name_is_user(name, n)) ||
	       (n > 9 && begins(name, n, "security."));
}

bool xattr_kind_has_user(enum entry_kind kind)
{
	return kind == ENTRY_FILE || kind == ENTRY_DIR || kind == ENTRY_HARDLINK;
}
