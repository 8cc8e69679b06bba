/* The store: where sessions and completion records live. One contract for all stores, which
 * tests/conformance runs against each of them.
 *
 * Applications open a store (sure_memory_store_open here, sure_sqlite_store_open in sure/sqlite.h),
 * hand it to a server, and free it after the server. The rest of this header is for who writes a
 * store.
 *
 * A call (session, sequence) has at most one row, whose states are
 *
 *     absent --CALL--> record                          effect and record in one transaction
 *     absent --INTENT--> intent --COMPLETE--> record   effect outside a transaction
 *     intent --process dies, or COMPLETE in doubt--> in doubt --RESOLVE--> record or tombstone
 *     absent --SETTLE--> tombstone                     can never run
 *     record, tombstone --ACK--> absent, and its number refused: below the watermark or acked
 *
 * and every decision about it is made inside the transaction of its effect (S6).
 *
 * A call that commits as it goes has no row of its own, as it may go on under another number: its
 * idempotency key has, with a position, which moves in the transaction of each effect (S13):
 *
 *     absent --CLAIM--> claimed, at 0
 *     claimed --ADVANCE--> claimed, further on         effect and position in one transaction
 *     claimed --CLAIM--> claimed by the latest, where it was; whoever had it is TAKEN_OVER
 *     claimed --CONCLUDE--> record, or left where it is, or absent if that is 0 */
#ifndef SURE_STORE_H
#define SURE_STORE_H

#include <sure/base.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SURE_STORE_VERSION 4

/* Records that a volatile store keeps for one session before it refuses new calls, and the bytes
 * for all sessions together. No unacknowledged record is ever evicted. */
#define SURE_SESSION_RECORDS_MAX_DEFAULT  16384
#define SURE_MEMORY_STORE_LEN_MAX_DEFAULT (1024u * 1024 * 1024)
#define SURE_SESSIONS_MAX_DEFAULT         1000000
/* Calls that one DOUBTS lists at most. */
#define SURE_DOUBTS_MAX 64
/* Bytes of an idempotency key. */
#define SURE_KEY_LEN_MAX 255
/* Bytes of a status message that a record keeps. */
#define SURE_STATUS_MESSAGE_LEN_MAX 1024

/* 128 random bits drawn by the server: whoever knows them is the session (S1). Never log whole. */
struct sure_session_id {
  uint8_t bytes[16];
};

/* 128 random bits that name one store for its life (S2). */
struct sure_store_id {
  uint8_t bytes[16];
};

/* XXH3-128 of method id and payload (S3). */
struct sure_fingerprint {
  uint64_t low;
  uint64_t high;
};

/* A run of acknowledged sequence numbers, both ends included. */
struct sure_range {
  uint64_t first;
  uint64_t last;
};

/* A call's result as it is kept. The bytes belong to the op that carries it (sure_store_op_alloc).
 */
struct sure_record {
  enum sure_code code;
  enum sure_reason reason;
  struct sure_bytes message;  /* UTF-8 */
  struct sure_bytes reply;    /* packed; empty unless code is SURE_OK */
  struct sure_bytes metadata; /* packed: what goes with either (docs/protocol.md, section 10) */
};

enum sure_store_op_kind {
  SURE_STORE_ATTACH = 1,   /* create a session, or look one up and renew its lease */
  SURE_STORE_CALL = 2,     /* claim, check, run, record: all in the transaction */
  SURE_STORE_INTENT = 3,   /* claim and check; the run follows outside */
  SURE_STORE_COMPLETE = 4, /* an intent of this process becomes a record, goes, or is in doubt */
  SURE_STORE_ACK = 5,      /* raise watermark and ranges, delete what they cover: together (S9) */
  SURE_STORE_SETTLE = 6,   /* S12 */
  SURE_STORE_CLOSE = 7,    /* the client is done with the session: fence it; forget it if no record
                              is left */
  SURE_STORE_RENEW = 8,    /* renew the lease of one session */
  SURE_STORE_SWEEP = 9,    /* fence expired sessions, forget those past retention (S11) */
  SURE_STORE_DOUBTS = 10,  /* list intents that are in doubt (S15) */
  SURE_STORE_RESOLVE = 11, /* an intent that is in doubt becomes a record, or a tombstone */
  SURE_STORE_CLAIM = 12,   /* claim the key of a call that commits as it goes, whoever had it */
  SURE_STORE_ADVANCE = 13, /* run in the transaction and move the position: for its last claim */
  SURE_STORE_CONCLUDE =
      14, /* the last claim's call becomes a record, or waits for the next claim */
};

/* What came of an op. Each kind answers with those in its line. */
enum sure_store_verdict {
  SURE_STORE_PENDING = 0, /* not decided yet; never after `done` */

  SURE_STORE_OPEN,   /* ATTACH: the session takes calls */
  SURE_STORE_FENCED, /* ATTACH: it answers from its records only */
  SURE_STORE_DONE,   /* COMPLETE, ACK, CLOSE, RENEW, SWEEP, DOUBTS, RESOLVE, ADVANCE, CONCLUDE */

  SURE_STORE_RECORDED,    /* CALL: it ran now and the record in `record` is committed */
  SURE_STORE_UNRECORDED,  /* CALL: it ran now and was rolled back (or has record_wanted false):
                             `record`  holds the status, nothing is kept. ADVANCE: rolled back */
  SURE_STORE_GRANTED,     /* INTENT: run it. CLAIM: run it from `position` on */
  SURE_STORE_REPLAYED,    /* CALL, INTENT, CLAIM, SETTLE: `record` was there */
  SURE_STORE_TOMBSTONE,   /* the same: it is settled as never applied */
  SURE_STORE_IN_PROGRESS, /* the same: an intent of a process that is alive */
  SURE_STORE_IN_DOUBT,    /* the same: its effect may have happened, and nobody is at it */
  SURE_STORE_STALE, /* CALL, INTENT, CLAIM, SETTLE: below the watermark or in the acked ranges.
                             RESOLVE: no such call is in doubt */
  SURE_STORE_LOST,  /* any: the session is forgotten or was never there; CALL, INTENT, CLAIM: or it
                      is fenced and has no row for this call */
  SURE_STORE_CALL_REUSED, /* CALL, INTENT, CLAIM: the row has another fingerprint */
  SURE_STORE_KEY_REUSED,  /* CALL, INTENT, CLAIM, SETTLE: the key has another fingerprint */
  SURE_STORE_TAKEN_OVER,  /* ADVANCE, CONCLUDE: there is a later claim, or none; nothing changed */

  SURE_STORE_FULL,  /* any: a limit is reached; nothing changed */
  SURE_STORE_BUSY,  /* any: the store is held by someone else; nothing changed */
  SURE_STORE_BROKE, /* CALL, ADVANCE: the handler left or spoilt its transaction (S21); rolled back,
                        nothing kept */
  SURE_STORE_FAILED, /* any: the store is broken and nothing is known; the server must stop */
};

/* A call that is in doubt. Its bytes belong to the op that lists it. */
struct sure_doubt {
  struct sure_session_id session;
  uint64_t sequence;
  uint64_t method;
  struct sure_bytes principal;
  struct sure_bytes key;
};

struct sure_store_op;

/* Runs the handler of a CALL inside the transaction and packs its reply; or does what an ADVANCE
 * is for. `transaction` is the store's own (sqlite3 * for SQLite, NULL for memory). Fills
 * `out_record`; its bytes come from sure_store_op_alloc. Returns whether a status that is not
 * SURE_OK is to be recorded (S17); OK always is. May be called again for the same op after the
 * first run was rolled back. */
typedef bool sure_store_run_fn(void *user, struct sure_store_op *op, void *transaction,
                               struct sure_record *out_record);

/* One thing asked of a store. The caller fills the first part, the store the second. It stays where
 * it is, untouched by the caller, from submit to `done`. */
struct sure_store_op {
  enum sure_store_op_kind kind;
  /* ATTACH: create `session` (drawn by the caller, as the store has no randomness). */
  bool create;
  /* CALL: a row is claimed and written. False for methods of other semantics, which run in the
   * transaction and leave no trace. */
  bool record_wanted;
  struct sure_session_id session;
  uint64_t sequence; /* SETTLE: 0 when only the key is known. DOUBTS: pass over so many */
  uint64_t method;
  struct sure_fingerprint fingerprint;
  struct sure_bytes principal; /* at most 255 bytes; empty until there is authentication; a session
                                  of another principal is as good as lost (S5) */
  struct sure_bytes key;       /* empty: not keyed */
  /* ACK: all numbers below `watermark` are acknowledged, and these ranges above it: ascending,
   * disjoint, not touching. */
  uint64_t watermark;
  const struct sure_range *ranges;
  size_t range_count;
  /* ATTACH, RENEW, CLOSE, SWEEP: milliseconds of the clock that leases are counted in (S11). */
  int64_t now_ms;
  int64_t lease_ms;       /* SWEEP */
  int64_t retention_ms;   /* SWEEP */
  sure_store_run_fn *run; /* CALL, ADVANCE */
  void *run_user;
  /* CLAIM: what it has got. ADVANCE, CONCLUDE: what the CLAIM got. They name session, principal,
   * method and key as it did. */
  uint64_t claim;
  /* CLAIM: what is committed of the call. ADVANCE: what is, if this is committed. */
  uint64_t position;
  /* COMPLETE: names session, sequence, principal, method and key as its INTENT did. The record to
   * keep is in `record`; keep it (record_wanted), drop the intent, or leave it in doubt.
   * CONCLUDE: keep `record` (record_wanted), or leave the call to the next claim.
   * RESOLVE: names them as its doubt did; `record` if record_wanted, else a tombstone. */
  bool in_doubt; /* COMPLETE */

  enum sure_store_verdict verdict;
  struct sure_record record;
  uint64_t swept_count;      /* SWEEP: sessions fenced or forgotten */
  struct sure_doubt *doubts; /* DOUBTS: SURE_DOUBTS_MAX at most, always in the same order */
  size_t doubt_count;

  /* Stamps of the hybrid logical clock (sure/clock.h). Before `run` the store puts the highest one
   * here that is committed, by whomever; `run` puts its own in place, and the store keeps the
   * highest with the effect, in one transaction. COMPLETE brings that of its run. When the op is
   * decided: the highest that is committed. */
  uint64_t clock;

  /* Memory for what the store returns and `run` makes; lives as long as the op. */
  void *(*alloc)(void *alloc_user, size_t size);
  void *alloc_user;
};

/* `size` bytes that live as long as the op; NULL when memory is short. Stores and run functions
 * only. */
SURE_API void *sure_store_op_alloc(struct sure_store_op *op, size_t size);
/* Copies `bytes` into such memory. False when memory is short. */
SURE_API bool sure_store_op_copy(struct sure_store_op *op, struct sure_bytes bytes,
                                 struct sure_bytes *out_copy);

struct sure_store;
struct sure_store_ops;
struct sure_call;

/* The transaction that `call` runs in, if its server's store has the operations `ops`; else, and
 * outside of a transaction, NULL. For accessors like sure_call_sqlite. */
SURE_API void *sure_call_transaction(const struct sure_call *call,
                                     const struct sure_store_ops *ops);

/* All ops of one submit are decided and durable. Called once a submit, on any thread, possibly
 * before submit returns. */
typedef void sure_store_done_fn(void *user, struct sure_store_op *const *ops, size_t count);
/* Reads under a snapshot; `transaction` as for run. */
typedef void sure_store_read_fn(void *user, void *transaction);

/* A store's operations. */
struct sure_store_ops {
  uint32_t version; /* SURE_STORE_VERSION */
  const char *name; /* "memory", "sqlite" */

  /* Decide `count` ops in their order, in one transaction, and call `done`. From one thread at a
   * time if it blocks, never from `run`. May block (see sure_store.blocks). When `done` is called
   * every verdict is set, and every effect and record that a verdict speaks of is durable:
   * answering first and committing later silently loses charges. An op that fails takes no other
   * one with it. */
  void (*submit)(struct sure_store *store, struct sure_store_op *const *ops, size_t count,
                 sure_store_done_fn *done, void *user);

  /* Run `fn` with a snapshot of committed data that is begun after this call starts (S7). From any
   * number of threads, while submit runs. May block.
   * SURE_UNAVAILABLE: the store is busy, `fn` did not run. NULL in a store without transactions of
   * its own. */
  enum sure_code (*read)(struct sure_store *store, sure_store_read_fn *fn, void *user);

  /* When what the snapshot `transaction` shows was the original's, in Unix milliseconds. NULL in a
   * store that is the original. */
  int64_t (*as_of_ms)(const struct sure_store *store, void *transaction);

  /* The highest stamp of what the snapshot `transaction` shows. NULL in a store without
   * transactions of its own. */
  uint64_t (*clock)(const struct sure_store *store, void *transaction);

  /* No submit or read may be running. */
  void (*free)(struct sure_store *store);
};

/* The part of a store that everybody sees; a store's own struct begins with it. */
struct sure_store {
  const struct sure_store_ops *ops;
  struct sure_store_id id;
  bool durable; /* records survive the end of the process */
  bool blocks;  /* submit does I/O: give it a thread of its own. A store that does not block takes
                   submits from several threads at once, and calls `done` before submit returns */
  bool allow_volatile_keys; /* S13; always true for durable stores */
  bool replica; /* a dated copy of the store `id`, for reading; its server keeps no sessions */
};

/* Zero in any field means the default that is named beside it. */
struct sure_memory_store_options {
  uint32_t session_records_max; /* 16 384 */
  uint32_t sessions_max;        /* 1 000 000 */
  uint64_t len_max;             /* bytes of all records: 1 GiB */
  bool allow_volatile_keys;     /* take methods with idempotency keys, though the keys are forgotten
                                   when the process ends */
};

/* A store in memory. When its process ends, everything in it is gone and the store id with it:
 * sessions end, calls that may have run come out UNKNOWN, and the next process has no way to know
 * what this one did. It deduplicates through lost messages and connections, not through a lost
 * server. `options` may be NULL. On SURE_OK the caller owns `*out_store`.
 * SURE_RESOURCE_EXHAUSTED: memory.
 * SURE_UNAVAILABLE: the system has no random numbers. */
SURE_API enum sure_code sure_memory_store_open(const struct sure_memory_store_options *options,
                                               struct sure_store **out_store);

/* Accepts NULL; returns NULL. After the servers that use it. */
SURE_API struct sure_store *sure_store_free(struct sure_store *store);

#ifdef __cplusplus
}
#endif

#endif
