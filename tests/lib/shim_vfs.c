#include "tests/lib/shim_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

#include "tests/lib/unsynced.h"

struct shim_file {
  sqlite3_file base;
  bool is_log;
  const char *path; /* NULL: a temporary file */
  void *real[];     /* the system's own file object */
};

static sqlite3_vfs *real_vfs;
static enum shim_action armed_action;
static int operations_left = -1; /* until it goes wrong; negative: never */
static int syncs_to_fail;
static bool fired;
static enum shim_opening opening;
static bool is_stopped;
static bool keeps_unsynced;
static int64_t (*clock_ms)(void); /* NULL: the system's */

void shim_set_opening(enum shim_opening new_opening) {
  opening = new_opening;
}

void shim_arm(enum shim_action action, int n) {
  armed_action = action;
  operations_left = n;
  fired = false;
}

bool shim_disarm(void) {
  operations_left = -1;
  syncs_to_fail = 0;
  return fired;
}

void shim_stop(void) {
  is_stopped = true;
}

void shim_resume(void) {
  is_stopped = false;
}

bool shim_is_stopped(void) {
  return is_stopped;
}

void shim_keep_unsynced(void) {
  keeps_unsynced = true;
}

void shim_use_clock(int64_t (*now_ms)(void)) {
  clock_ms = now_ms;
}

static sqlite3_file *real_of(sqlite3_file *file) {
  return (sqlite3_file *)((struct shim_file *)file)->real;
}

/* Whether this operation on the file is the one. */
static bool is_the_one(sqlite3_file *file) {
  if (!((struct shim_file *)file)->is_log || operations_left < 0) {
    return false;
  }
  fired = operations_left-- == 0;
  return fired;
}

static void note(sqlite3_file *file, sqlite3_int64 offset, sqlite3_int64 len) {
  const struct shim_file *shim = (struct shim_file *)file;
  if (keeps_unsynced && shim->path != NULL) {
    unsynced_note(shim->path, real_of(file), offset, len);
  }
}

static int real_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
  note(file, offset, len);
  return real_of(file)->pMethods->xWrite(real_of(file), data, len, offset);
}

static int misbehave(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
  switch (armed_action) {
  case SHIM_FAIL:
    return SQLITE_IOERR_WRITE;
  case SHIM_LIE_STAY:
    syncs_to_fail = 1;
    /* fall through */
  case SHIM_LIE:
    (void)real_write(file, data, len, offset);
    return SQLITE_IOERR_WRITE;
  case SHIM_TEAR:
    (void)real_write(file, data, len / 2, offset);
    return SQLITE_IOERR_WRITE;
  case SHIM_FULL:
    return SQLITE_FULL;
  case SHIM_KILL:
    (void)raise(SIGKILL);
    break;
  case SHIM_KILL_AFTER:
    (void)real_write(file, data, len, offset);
    (void)raise(SIGKILL);
    break;
  case SHIM_STOP_AFTER:
    (void)real_write(file, data, len, offset);
    /* fall through */
  case SHIM_STOP:
    shim_stop();
    break;
  }
  return SQLITE_IOERR_WRITE;
}

static int shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
  if (is_stopped) {
    return SQLITE_IOERR_WRITE;
  }
  return is_the_one(file) ? misbehave(file, data, len, offset)
                          : real_write(file, data, len, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
  sqlite3_int64 before = 0;
  if (is_stopped || real_of(file)->pMethods->xFileSize(real_of(file), &before) != SQLITE_OK) {
    return SQLITE_IOERR_TRUNCATE;
  }
  note(file, size, before > size ? before - size : 0);
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int real_sync(sqlite3_file *file, int flags) {
  const struct shim_file *shim = (struct shim_file *)file;
  int code = real_of(file)->pMethods->xSync(real_of(file), flags);
  if (code == SQLITE_OK && keeps_unsynced && shim->path != NULL) {
    unsynced_forget(shim->path);
  }
  return code;
}

static int shim_sync(sqlite3_file *file, int flags) {
  if (is_stopped) {
    return SQLITE_IOERR_FSYNC;
  }
  bool wrong = is_the_one(file);
  if (wrong && armed_action == SHIM_KILL) {
    (void)raise(SIGKILL);
  }
  if (wrong && armed_action == SHIM_STOP) {
    shim_stop();
    return SQLITE_IOERR_FSYNC;
  }
  int code = real_sync(file, flags);
  if (wrong && armed_action == SHIM_KILL_AFTER) {
    (void)raise(SIGKILL);
  }
  if (wrong && armed_action == SHIM_STOP_AFTER) {
    shim_stop();
  }
  if (((struct shim_file *)file)->is_log && syncs_to_fail > 0) {
    syncs_to_fail--;
    wrong = true;
  }
  return wrong ? SQLITE_IOERR_FSYNC : code;
}

/* The rest goes through. */
#define PASS(name, parameters, ...)                                                                \
  static int shim_##name parameters {                                                              \
    return real_of(file)->pMethods->x##name(real_of(file), __VA_ARGS__);                           \
  }
PASS(Read, (sqlite3_file * file, void *data, int len, sqlite3_int64 offset), data, len, offset)
PASS(FileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
PASS(Lock, (sqlite3_file * file, int level), level)
PASS(Unlock, (sqlite3_file * file, int level), level)
PASS(CheckReservedLock, (sqlite3_file * file, int *out), out)
PASS(FileControl, (sqlite3_file * file, int op, void *argument), op, argument)
PASS(ShmMap, (sqlite3_file * file, int page, int size, int extend, void volatile **out), page, size,
     extend, out)
PASS(ShmLock, (sqlite3_file * file, int offset, int n, int flags), offset, n, flags)
PASS(ShmUnmap, (sqlite3_file * file, int delete_flag), delete_flag)
#undef PASS

static void shim_ShmBarrier(sqlite3_file *file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_SectorSize(sqlite3_file *file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_DeviceCharacteristics(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_Close(sqlite3_file *file) {
  return real_of(file)->pMethods->xClose(real_of(file));
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_Close,
    .xRead = shim_Read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_FileSize,
    .xLock = shim_Lock,
    .xUnlock = shim_Unlock,
    .xCheckReservedLock = shim_CheckReservedLock,
    .xFileControl = shim_FileControl,
    .xSectorSize = shim_SectorSize,
    .xDeviceCharacteristics = shim_DeviceCharacteristics,
    .xShmMap = shim_ShmMap,
    .xShmLock = shim_ShmLock,
    .xShmBarrier = shim_ShmBarrier,
    .xShmUnmap = shim_ShmUnmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags) {
  (void)vfs;
  struct shim_file *shim = (struct shim_file *)file;
  file->pMethods = NULL;
  if (opening == SHIM_OPEN_NOTHING) {
    return SQLITE_CANTOPEN;
  }
  if (opening == SHIM_OPEN_READONLY && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    flags |= SQLITE_OPEN_READONLY;
  }
  shim->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  shim->path = name; /* which SQLite keeps as long as the file is open */
  int code = real_vfs->xOpen(real_vfs, name, real_of(file), flags, out_flags);
  file->pMethods = real_of(file)->pMethods != NULL ? &shim_methods : NULL;
  return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync_directory) {
  (void)vfs;
  if (is_stopped) {
    return SQLITE_IOERR_DELETE;
  }
  unsynced_forget(name);
  return real_vfs->xDelete(real_vfs, name, sync_directory);
}

/* SQLite counts from noon of a day in 4714 BC. */
static int shim_time(sqlite3_vfs *vfs, sqlite3_int64 *out_ms) {
  (void)vfs;
  if (clock_ms == NULL) {
    return real_vfs->xCurrentTimeInt64(real_vfs, out_ms);
  }
  *out_ms = clock_ms() + INT64_C(210866760000000);
  return SQLITE_OK;
}

void shim_register(void) {
  static sqlite3_vfs shim;
  real_vfs = sqlite3_vfs_find(NULL);
  shim = *real_vfs; /* its other functions do not look at the vfs they are called with */
  shim.zName = SHIM_VFS_NAME;
  shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
  shim.xOpen = shim_open;
  shim.xDelete = shim_delete;
  shim.xCurrentTimeInt64 = shim_time;
  (void)sqlite3_vfs_register(&shim, 0);
}
