/* A VFS between SQLite and the system's, in which the n-th write or sync goes wrong.
 *
 * It counts the operations on the log (the -wal file) once it is armed. What it does there is one
 * switch (misbehave), to which other disasters can be added. */
#ifndef SURE_TESTS_LIB_SHIM_VFS_H
#define SURE_TESTS_LIB_SHIM_VFS_H

#include <stdbool.h>
#include <stdint.h>

#define SHIM_VFS_NAME "sure-shim"

enum shim_action {
  SHIM_FAIL,       /* is not done, and says so */
  SHIM_LIE,        /* is done, and says that it was not */
  SHIM_LIE_STAY,   /* the same, and the log can't be wound up next: the lie stays in it */
  SHIM_TEAR,       /* is half done, and says that it was not */
  SHIM_FULL,       /* is not done: the disk is full */
  SHIM_KILL,       /* the process is killed just before */
  SHIM_KILL_AFTER, /* ... or just after */
  SHIM_STOP,       /* the same without a process: from here on nothing is written (shim_stop) */
  SHIM_STOP_AFTER
};

/* Once for each process, before a store is opened with the name. */
void shim_register(void);
/* The `n`-th operation from now on, counted from 0, goes wrong. */
void shim_arm(enum shim_action action, int n);
/* Whether it came to that. Nothing goes wrong from now on. */
bool shim_disarm(void);

/* For a process that is only simulated: it is dead, and what its code still does to files fails
 * without an effect, until shim_resume. */
void shim_stop(void);
void shim_resume(void);
bool shim_is_stopped(void);
/* From now on, keep what is not synced (unsynced.h). */
void shim_keep_unsynced(void);

/* What SQL gets as the time: milliseconds since 1970. */
void shim_use_clock(int64_t (*now_ms)(void));

/* How files are opened from now on. */
enum shim_opening { SHIM_OPEN, SHIM_OPEN_READONLY, SHIM_OPEN_NOTHING };
void shim_set_opening(enum shim_opening opening);

#endif
