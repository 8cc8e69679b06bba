/* A small file system for the database, which only we see: it can be full, or read only. */
#ifndef CHAOS_DISK_H
#define CHAOS_DISK_H

#include <stdbool.h>

#define DISK_DIRECTORY "disk"

/* Mount it, in a mount namespace of our own. False if that is not permitted. */
bool disk_mount(void);

/* Take all the room there is, to the last block; also what has become free since the last time.
 * False if there is some left in the end. */
bool disk_fill(void);
bool disk_free(void);

/* The kernel refuses `true` while somebody has a file open to write. */
bool disk_set_readonly(bool readonly);

#endif
