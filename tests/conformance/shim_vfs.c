#include "tests/conformance/shim_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

struct shim_file {
  sqlite3_file base;
  bool is_log;
  void *real[]; /* the system's own file object */
};

static sqlite3_vfs *real_vfs;
static enum shim_action armed_action;
static int operations_left = -1; /* until it goes wrong; negative: never */
static int syncs_to_fail;
static bool fired;
static enum shim_opening opening;

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

static int real_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
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
  }
  return SQLITE_IOERR_WRITE;
}

static int shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {

  return is_the_one(file) ? misbehave(file, data, len, offset)
                          : real_write(file, data, len, offset);
}

static int shim_sync(sqlite3_file *file, int flags) {
  bool wrong = is_the_one(file);
  if (wrong && armed_action == SHIM_KILL) {
    (void)raise(SIGKILL);
  }
  int code = real_of(file)->pMethods->xSync(real_of(file), flags);
  if (wrong && armed_action == SHIM_KILL_AFTER) {
    (void)raise(SIGKILL);
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
PASS(Truncate, (sqlite3_file * file, sqlite3_int64 size), size)
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
    .xTruncate = shim_Truncate,
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
  int code = real_vfs->xOpen(real_vfs, name, real_of(file), flags, out_flags);
  file->pMethods = real_of(file)->pMethods != NULL ? &shim_methods : NULL;
  return code;
}

void shim_register(void) {
  static sqlite3_vfs shim;
  real_vfs = sqlite3_vfs_find(NULL);
  shim = *real_vfs; /* its other functions do not look at the vfs they are called with */
  shim.zName = SHIM_VFS_NAME;
  shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
  shim.xOpen = shim_open;
  (void)sqlite3_vfs_register(&shim, 0);
}
