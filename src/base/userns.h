/* Which user namespace we are in. */
#ifndef O2R_BASE_USERNS_H
#define O2R_BASE_USERNS_H

#include <stdbool.h>

/* The first one, where ids are the machine's. */
bool userns_is_initial(void);
/* May this process see and set attributes in trusted.*? */
bool userns_sees_trusted(void);

#endif
