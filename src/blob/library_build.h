/*
 * Which build of a library is loaded: told by the build-id of the object that holds one
 * of its functions (the note that linkers leave), or, where it has none, by the file that
 * the object was loaded from. Pure; any thread.
 */
#ifndef O2R_BLOB_LIBRARY_BUILD_H
#define O2R_BLOB_LIBRARY_BUILD_H

struct library_build {
	char text[160];
};

/* fn: the address of a function in it. -ENOENT: it cannot be told. */
int library_build(const void *fn, struct library_build *out);

#endif
