/* The clocks that lifetimes of tokens are measured by, apart, so that tests have their
 * own. Seconds. */
#ifndef O2R_SOURCES_REGISTRY_NOW_H
#define O2R_SOURCES_REGISTRY_NOW_H

#include <stdint.h>

/* Only grows, also while the machine sleeps. */
int64_t now_steady(void);
/* Since 1970. */
int64_t now_wall(void);

#endif
