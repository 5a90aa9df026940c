/*
 * Reads in flight: each has a reply buffer of a bounded pool, or waits for one in a
 * queue; the thread that took the request from the kernel never waits. Any thread.
 */
#ifndef O2R_FS_VIEW_READS_H
#define O2R_FS_VIEW_READS_H

#include <pthread.h>
#include <stdint.h>

enum {
	VIEW_READ_MAX = 1 << 20, /* bytes of one request */
	VIEW_READS_AT_ONCE = 32, /* with a buffer */
	VIEW_READS_BUFFERS = 8,  /* kept while nobody reads */
};

struct view_read;

struct view_reads {
	pthread_mutex_t lock;
	pthread_cond_t none;            /* in flight */
	struct view_read *first, *last; /* those that wait for a buffer */
	unsigned in_flight, with_buffer, kept_count;
	unsigned char *kept[VIEW_READS_BUFFERS];
};

void view_reads_init(struct view_reads *r);
/* Until all have been answered. */
void view_reads_wait(struct view_reads *r);
void view_reads_finish(struct view_reads *r);

#endif
