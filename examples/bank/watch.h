/* Whoever watches an account: entries from a position on, then each new one as it is booked.
 *
 * A thread looks every few milliseconds for new bookings, by whatever process, and wakes those who
 * watch their accounts; each of them reads what is behind his position. So nobody is told of a
 * booking before it is committed, and any number of watchers need no thread of their own. */
#ifndef BANK_WATCH_H
#define BANK_WATCH_H

#include <stdbool.h>

#include "bank.sure.h"

struct bank_watch;

/* Begins to look at the ledger in the file `path`. NULL: it can't be read, or memory is short. */
struct bank_watch *bank_watch_open(const char *path);
/* After the server is freed. Accepts NULL; returns NULL. */
struct bank_watch *bank_watch_free(struct bank_watch *watch);

/* The handler of WatchAccount; `user` is the bank_watch, or NULL where nothing changes. */
enum sure_code bank_watch_account(void *user, struct sure_call *call,
                                  const Bank__V1__WatchAccountRequest *request,
                                  struct sure_stream *stream);

#endif
