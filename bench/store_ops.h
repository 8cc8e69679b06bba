/* What the benchmarks do in a store directly, without a server. Each returns false when the store
 * decides otherwise. */
#ifndef SURE_BENCH_STORE_OPS_H
#define SURE_BENCH_STORE_OPS_H

#include <stdbool.h>
#include <sure/store.h>

/* Of the reply in each record. */
enum { STORE_REPLY_LEN = 32 };

/* Sessions are told apart by a number. */
bool store_open_session(struct sure_store *store, uint64_t session);
/* A call that runs and is recorded. */
bool store_record(struct sure_store *store, uint64_t session, uint64_t sequence);
/* All calls up to `watermark` are acknowledged. */
bool store_acknowledge(struct sure_store *store, uint64_t session, uint64_t watermark);

#endif
