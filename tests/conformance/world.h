/* What the conformance tests share: a store of some kind, a small bank behind it, and short ways to
 * make an op, submit it alone and look at its verdict. */
#ifndef SURE_TESTS_CONFORMANCE_WORLD_H
#define SURE_TESTS_CONFORMANCE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sqlite.h>
#include <sure/store.h>

#include <cmocka.h>

struct world;

struct limits {
  uint32_t session_records_max;
  uint32_t sessions_max;
  int64_t key_retention_ms; /* SQLite only */
};

/* A kind of store. */
struct factory {
  const char *name;
  bool durable;
  struct sure_store *(*open)(struct world *world);
  /* Charges that are in force. */
  int (*charges)(struct world *world);
};

/* What the handler of a CALL does, besides charging. */
struct behaviour {
  enum sure_code code; /* that it returns */
  bool keep;           /* whether to record one that is not OK */
  size_t reply_len;
  /* Runs after the charge; for handlers that misbehave. */
  void (*then)(struct world *world, sqlite3 *database);
  uint64_t then_for; /* only for this sequence number; 0: for all */
};

struct world {
  const struct factory *factory;
  struct limits limits;
  struct sure_store *store;
  char directory[64];
  char path[96];
  const char *vfs;
  struct behaviour behaviour;
  int memory_charges;   /* the bank of a store without tables */
  sqlite3_stmt *left;   /* by a handler that misbehaves */
  sqlite3_stmt *early;  /* prepared by the schema function; ends with the store */
  int runs;             /* of handlers */
  int allocations_left; /* op memory fails after so many; negative: never */
  struct block *blocks; /* memory of ops */
};

extern const struct factory memory_factory;
extern const struct factory sqlite_factory;

void world_init(struct world *world, const struct factory *factory);
void world_reopen(struct world *world);
void world_fini(struct world *world);
int world_charges(struct world *world);
/* Forgets the memory of all ops. */
void world_free_ops(struct world *world);

#define SESSION_A 1
#define SESSION_B 2

/* Ops, filled in and not submitted. `session` is one of a few small numbers. */
struct sure_store_op op_make(struct world *world, enum sure_store_op_kind kind, uint8_t session);
struct sure_store_op op_attach(struct world *world, uint8_t session, int64_t now_ms);
struct sure_store_op op_call(struct world *world, uint8_t session, uint64_t sequence);
struct sure_store_op op_key_call(struct world *world, uint8_t session, uint64_t sequence,
                                 const char *key);
struct sure_store_op op_ack(struct world *world, uint8_t session, uint64_t watermark,
                            const struct sure_range *ranges, size_t range_count);
struct sure_store_op op_settle(struct world *world, uint8_t session, uint64_t sequence,
                               const char *key);
struct sure_store_op op_sweep(struct world *world, int64_t now_ms);

void submit(struct world *world, struct sure_store_op *const *ops, size_t count);
/* Submits it alone. */
enum sure_store_verdict verdict_of(struct world *world, struct sure_store_op op);
/* The same, and the op with its answer. */
struct sure_store_op answer_of(struct world *world, struct sure_store_op op);

#define assert_verdict(expected, actual) assert_int_equal(SURE_STORE_##expected, (actual))

#endif
