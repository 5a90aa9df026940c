/* The kinds of warnings that merging gives (warn.h counts each), private to this room. */
#ifndef O2R_FS_MERGE_WARN_H
#define O2R_FS_MERGE_WARN_H

#include "fs/warn.h"

enum merge_warn {
	MERGE_WARN_DIR_REPLACED,
	MERGE_WARN_LINK_BELOW,
	MERGE_WARN_LINK_HIDDEN,
	MERGE_WARN_LINK_XATTR,
};

#define MERGE_WARN_NAMES                                                                 \
	{                                                                                \
		[MERGE_WARN_DIR_REPLACED] = "directories replaced in the same layer",    \
		[MERGE_WARN_LINK_BELOW] = "hard links to files of lower layers",         \
		[MERGE_WARN_LINK_HIDDEN] = "symbolic links hidden by directories",       \
		[MERGE_WARN_LINK_XATTR] =                                                \
			"attributes of hard links to what cannot have them left out",    \
	}

#endif
