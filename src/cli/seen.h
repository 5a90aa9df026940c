/* Which inodes have been met: a file with several names counts once. */
#ifndef O2R_CLI_SEEN_H
#define O2R_CLI_SEEN_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. */
struct seen {
	unsigned char *bits;
	size_t bytes;
};

/* 1 when the inode is met for the first time, 0 when not, -ENOMEM. */
int seen_first(struct seen *s, uint64_t ino);
void seen_finish(struct seen *s);

#endif
