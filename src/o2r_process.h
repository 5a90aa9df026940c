/*
 * Processes by number and start time, so that a number that is used again is not taken
 * for the process that had it before. Pure look-ups in /proc; any thread.
 */
#ifndef O2R_PROCESS_H
#define O2R_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct process {
	int pid;
	uint64_t start; /* ticks since boot: field 22 of /proc/PID/stat (proc(5)) */
};

struct boot_id {
	char s[37]; /* a UUID */
};

int process_self(struct process *out, struct o2r_err *err) O2R_MUST_CHECK;
/* Still there, and the same one; a zombie is not. */
bool process_alive(const struct process *p);
/* Until it has ended, at most so long. */
void process_wait(const struct process *p, unsigned milliseconds);
/* Is it in our mount namespace? True when that cannot be told. */
bool process_sees_our_mounts(const struct process *p);

int boot_id_read(struct boot_id *out, struct o2r_err *err) O2R_MUST_CHECK;
bool boot_id_valid(const char *s);

#endif
