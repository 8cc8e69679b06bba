/* Ops for a store out of any bytes, the same for the dumb model of a store, and the comparison. */
#ifndef TESTS_LIB_STORE_SCRIPT_H
#define TESTS_LIB_STORE_SCRIPT_H

#include "tests/lib/store_model.h"

enum { SCRIPT_RECORDS_MAX = 5 }; /* of a session; the store must have the same limit */

/* Where the bytes come from, and what is different between stores. */
struct store_script {
  struct sure_store *store;
  struct model model;
  uint64_t claims[2][2]; /* of each key, the last one and the one before */
  const uint8_t *data;
  size_t len;
  int64_t now_ms;
  uint64_t run_count;        /* of handlers */
  uint64_t run_reply;        /* what the last one replied */
  struct model_run next_run; /* what the next one does */
  /* The process dies and another opens the store; NULL: it does not. */
  struct sure_store *(*reopen)(void *user);
  void *user;
  char problem[256]; /* what was different; empty: nothing */
};

/* One op, or one reopening. False at the end of the bytes, or when the two differ. */
bool store_script_step(struct store_script *script);

#endif
