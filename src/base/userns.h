/* Which user namespace we are in. */
#ifndef O2R_BASE_USERNS_H
#define O2R_BASE_USERNS_H

#include <stdbool.h>
#include <sys/types.h>

/* The first one, where ids are the machine's. */
bool userns_is_initial(void);
/* This user's number one namespace further out (user_namespaces(7)); in the first one,
 * and where it cannot be told, the number that it has here. */
uid_t userns_outer_uid(void);
/* May this process see and set attributes in trusted.*? */
bool userns_sees_trusted(void);

#endif
