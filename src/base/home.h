/* Where the user's own files are. By the environment, else by the user database. */
#ifndef O2R_BASE_HOME_H
#define O2R_BASE_HOME_H

/* $HOME where it is an absolute path, else the effective user's home of the user
 * database: malloc'd, NULL when there is none. */
char *home_dir(void);

/* $XDG_CONFIG_HOME where it is an absolute path, else .config of the home: malloc'd, NULL
 * when there is none. */
char *home_config_dir(void);

#endif
