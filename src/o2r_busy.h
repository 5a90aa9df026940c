/* Who keeps a mount busy, as far as we may look. */
#ifndef O2R_BUSY_H
#define O2R_BUSY_H

struct busy_text {
	char s[200]; /* "bash (1234), less (1240)", with "and more"; empty: nobody seen */
};

struct busy_text busy_users(const char *mountpoint);

#endif
