#include "watch.h"

#include "entries.h"
#include "ledger.h"
#include "statements.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>
#include <time.h>

enum { LOOK_EVERY_MS = 10, READ_AT_ONCE = 64, BUSY_MS = 1000 };

struct watcher {
  struct watcher *next;
  struct bank_watch *watch;
  struct sure_stream *stream;
  const char *account; /* the request's, which lives as long as the call */
  int64_t after;
};

struct bank_watch {
  pthread_t thread;
  pthread_mutex_t mutex; /* guards what follows */
  sqlite3 *database;
  int64_t last_booking; /* of which those who watch were told */
  struct watcher *watchers;
  bool is_ending;
};

/* ---- the thread that looks ---- */

static void tell_watchers(void *user, int64_t booking, const char *from, const char *to) {
  struct bank_watch *watch = user;
  for (struct watcher *w = watch->watchers; w; w = w->next) {
    if (strcmp(w->account, from) == 0 || strcmp(w->account, to) == 0) {
      sure_stream_wake(w->stream);
    }
  }
  watch->last_booking = booking;
}

/* False: it is time to end. A database that is busy is looked at again. */
static bool look(struct bank_watch *watch) {
  struct ledger_reason why;
  pthread_mutex_lock(&watch->mutex);
  (void)ledger_list_bookings(watch->database, watch->last_booking, tell_watchers, watch, &why);
  bool goes_on = !watch->is_ending;
  pthread_mutex_unlock(&watch->mutex);
  return goes_on;
}

static void *look_again_and_again(void *user) {
  while (look(user)) {
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
  }
  return NULL;
}

struct bank_watch *bank_watch_open(const char *path) {
  struct bank_watch *watch = calloc(1, sizeof *watch);
  if (!watch) {
    return NULL;
  }
  pthread_mutex_init(&watch->mutex, NULL);
  if (sqlite3_open_v2(path, &watch->database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
      sqlite3_busy_timeout(watch->database, BUSY_MS) != SQLITE_OK ||
      (watch->last_booking = ledger_last_booking(watch->database)) < 0 ||
      pthread_create(&watch->thread, NULL, look_again_and_again, watch) != 0) {
    statements_close(watch->database);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
    return NULL;
  }
  return watch;
}

struct bank_watch *bank_watch_free(struct bank_watch *watch) {
  if (!watch) {
    return NULL;
  }
  pthread_mutex_lock(&watch->mutex);
  watch->is_ending = true;
  pthread_mutex_unlock(&watch->mutex);
  pthread_join(watch->thread, NULL);
  statements_close(watch->database);
  pthread_mutex_destroy(&watch->mutex);
  free(watch);
  return NULL;
}

/* ---- those who watch ---- */

static void join(struct watcher *watcher) {
  struct bank_watch *watch = watcher->watch;
  pthread_mutex_lock(&watch->mutex);
  watcher->next = watch->watchers;
  watch->watchers = watcher;
  pthread_mutex_unlock(&watch->mutex);
}

/* Nobody wakes him from here on. */
static void leave(const struct watcher *watcher) {
  struct bank_watch *watch = watcher->watch;
  pthread_mutex_lock(&watch->mutex);
  struct watcher **place = &watch->watchers;
  while (*place != watcher) {
    place = &(*place)->next;
  }
  *place = watcher->next;
  pthread_mutex_unlock(&watch->mutex);
}

/* What he is told next. */
struct news {
  struct entry entries[READ_AT_ONCE];
  size_t count;
};

static bool add_entry(void *user, const struct ledger_entry *entry) {
  struct news *news = user;
  entry_fill(&news->entries[news->count++], entry);
  return true;
}

static enum sure_code read_news(struct watcher *watcher, struct news *news,
                                struct ledger_reason *why) {
  struct bank_watch *watch = watcher->watch;
  news->count = 0;
  pthread_mutex_lock(&watch->mutex);
  enum sure_code code = ledger_list_entries(watch->database, watcher->account, watcher->after,
                                            READ_AT_ONCE, add_entry, news, why);
  pthread_mutex_unlock(&watch->mutex);
  return code;
}

/* As many as are taken; `*out_all`: that was all of them. */
static enum sure_code tell(struct watcher *watcher, struct news *news, bool *out_all) {
  enum sure_code code = SURE_OK;
  *out_all = true;
  for (size_t i = 0; i < news->count && code == SURE_OK && *out_all; i++) {
    const Bank__V1__Entry *entry = &news->entries[i].message;
    code = bank__v1__bank_server__watch_account__try_write(watcher->stream, entry, out_all);
    if (*out_all) {
      watcher->after = entry->booking;
    }
  }
  return code;
}

static enum sure_code go_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct watcher *watcher = user;
  struct ledger_reason why;
  struct news news;
  bool is_told = true;
  enum sure_code code = sure_stream_check(stream);
  do {
    if (code == SURE_OK && (code = read_news(watcher, &news, &why)) != SURE_OK) {
      sure_call_fail(call, code, "%s", why.text);
    }
    code = code == SURE_OK ? tell(watcher, &news, &is_told) : code;
  } while (code == SURE_OK && is_told && news.count == READ_AT_ONCE);
  if (code == SURE_OK) {
    return sure_stream_wait(stream, go_on, watcher);
  }
  leave(watcher);
  return code;
}

enum sure_code bank_watch_account(void *user, struct sure_call *call,
                                  const Bank__V1__WatchAccountRequest *request,
                                  struct sure_stream *stream) {
  if (!user) {
    return sure_call_fail(call, SURE_UNIMPLEMENTED, "a copy of the ledger does not change");
  }
  struct watcher *watcher = sure_call_alloc(call, sizeof *watcher);
  if (!watcher) {
    return sure_call_fail(call, SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  *watcher = (struct watcher){.watch = user,
                              .stream = stream,
                              .account = request->account,
                              .after = request->after_booking};
  join(watcher);
  return go_on(watcher, call, stream);
}
