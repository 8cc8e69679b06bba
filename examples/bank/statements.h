/* Prepared statements that are made once a database connection. */
#ifndef BANK_STATEMENTS_H
#define BANK_STATEMENTS_H

#include <sqlite3.h>
#include <stddef.h>

/* The statement for `sql` on this connection, prepared at its first use and reset, with no
 * parameters bound. NULL: see sqlite3_errmsg. It belongs to the connection: reset it after use
 * (statement_done), never finalize it; it goes with the connection (statements_close).
 *
 * SQLite already lists the statements of each connection, so that list is the cache. It can't
 * outlive its connection, and needs no lock, as a connection has one user at a time. */
sqlite3_stmt *statement_get(sqlite3 *database, const char *sql);

/* Finalizes them all and closes the connection, for those who have one of their own. Accepts NULL.
 */
void statements_close(sqlite3 *database);

/* Ends the use of a statement, so that it holds no row and no lock. Returns the result code of its
 * last step: SQLITE_OK, or what failed. Accepts NULL. */
int statement_done(sqlite3_stmt *statement);

/* Bind text that stays where it is until statement_done. Returns SQLite's result code. */
int statement_bind_text(sqlite3_stmt *statement, int index, const char *text);

/* Copy a column's text, cut to `size` bytes. If memory is short the copy is empty and
 * statement_done says so. */
void statement_copy_text(sqlite3_stmt *statement, int column, char *copy, size_t size);

#endif
