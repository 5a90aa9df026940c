/*
 * Opening what lies below a directory that others may change meanwhile: no symbolic link
 * on the way is followed, nothing outside is reached.
 */
#ifndef O2R_BASE_BENEATH_H
#define O2R_BASE_BENEATH_H

/* path is relative; "" or "." is the directory itself. flags as for open(2); O_CLOEXEC
 * and O_NOFOLLOW are added. A descriptor or a negative errno (-ELOOP: a link is in the
 * way). */
int open_beneath(int dirfd, const char *path, int flags);

#endif
