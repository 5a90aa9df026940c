/*
 * Outputs for the writer: a regular file or block device written at any offset, and a
 * pipe written front to back.
 *
 * Both borrow the descriptor, which stays the caller's to close, and stand in the
 * caller's memory, which must outlive the writer.
 */
#ifndef O2R_EXT4_OUT_H
#define O2R_EXT4_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ext4/ext4.h"

struct ext4_out_file {
	int fd;
};

/* A regular file must be new and have its full length (ftruncate): what is never written
 * reads as zeros. On a device, what must read as zeros is zeroed. Thread-safe. */
struct ext4_out ext4_out_file(struct ext4_out_file *o, int fd, bool block_device);

struct ext4_out_stream {
	int fd;
	uint64_t pos; /* bytes written so far */
};

/* Gaps are written as zeros. One thread at a time. */
struct ext4_out ext4_out_stream(struct ext4_out_stream *o, int fd);

#endif
