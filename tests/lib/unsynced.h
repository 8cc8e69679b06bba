/* What a power loss takes: the writes to each file since its last sync (S22).
 *
 * The system's files are the page cache; kept here is what they were before each write. When the
 * power goes, each file keeps some of its writes, in the order in which they were made, and loses
 * the rest. That a file is there, or not, counts as durable at once. */
#ifndef SURE_TESTS_LIB_UNSYNCED_H
#define SURE_TESTS_LIB_UNSYNCED_H

#include <sqlite3.h>
#include <stdint.h>

/* `len` bytes at `offset` of the file at `path` are about to change, or to be cut off. `file` is
 * the system's. */
void unsynced_note(const char *path, sqlite3_file *file, sqlite3_int64 offset, sqlite3_int64 len);
/* All that was written to the file is on the disk, or the file is gone. */
void unsynced_forget(const char *path);
void unsynced_forget_all(void);
/* The power goes. Of n writes to a file, `below(n + 1)` stay; NULL: none. Nobody may have the files
 * open. */
void unsynced_lose(uint64_t (*below)(uint64_t limit));

#endif
