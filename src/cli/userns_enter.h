/*
 * The user namespace of an ordinary user's images. Container tools that run without root
 * unpack images inside one: what belongs to users of the image has the user's subordinate
 * ids on disk, and may be readable to them alone. Inside, this program is root over those
 * files, and what it writes belongs to the user.
 *
 * Made as `podman unshare` makes it, by newuidmap and newgidmap (package uidmap). For
 * commands that end with their results, never for `mount`: a server's readers are
 * outside.
 */
#ifndef O2R_CLI_USERNS_ENTER_H
#define O2R_CLI_USERNS_ENTER_H

#include "cli/cli.h"

/*
 * Enter, if the reference is a containers-storage:, a docker-store: or the directory of
 * an overlay driver, of this user, and this is an ordinary user in the first namespace.
 * Before there are any threads. Where it cannot be done all stays as it was (said with
 * -vv): a file that then cannot be read is an error of its own.
 */
void userns_enter_for(struct cli *cli, const char *reference);

#endif
