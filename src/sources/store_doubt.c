/* Blobs that were verified once and are not what they were. */
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/store_impl.h"

bool store_drop_blob(struct store *s, const struct digest *d, int fd)
{
	AUTO_FD int folder = store_folder(s, STORE_BLOB, d->algo, false, NULL);

	if (folder < 0 || !store_is_named(folder, store_name(d, "").s, fd))
		return false;
	store_drop(s, STORE_BLOB, d);
	return true;
}

void store_forget_seen(struct store *s, const struct digest *blob)
{
	AUTO_FD int folder = store_folder(s, STORE_INDEX, blob->algo, false, NULL);

	if (folder >= 0)
		(void)unlinkat(
			folder, store_name(blob, store_companion(STORE_INDEX)).s, 0);
}
