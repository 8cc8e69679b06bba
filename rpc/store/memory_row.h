/* The rows of a session's calls in the memory store: intents, records, tombstones.
 *
 * A row is one block with its record behind it, 40 bytes and the record. The rows of a session are
 * found by an open-addressed array, at `sequence` modulo its capacity. A client numbers its calls
 * densely, so that in the usual case this is a sliding window without collisions, which may be
 * full; with collisions it is at most half full; and one call that stays open for long does not
 * stretch it. */
#ifndef SURE_STORE_MEMORY_ROW_H
#define SURE_STORE_MEMORY_ROW_H

#include <sure/store.h>

#include "rpc/core/ranges.h"
#include "rpc/store/decide.h"
#include "rpc/store/memory_pool.h"

/* Bytes that an intent holds for the record that it may become (S8). A longer one has to find the
 * rest when it comes. */
#define SURE__RECORD_RESERVED_LEN 512

/* Code and reason have their place from the beginning, so that a refusal whose text finds no memory
 * is never taken for an effect. */
struct sure__row {
  uint32_t ref_count; /* of the session, and of the call's key */
  uint8_t state;      /* enum sure__row_state */
  uint8_t code;       /* enum sure_code, of a record */
  uint8_t reason;     /* enum sure_reason, the same */
  bool in_doubt : 1;  /* an intent whose run has ended, nobody knows how (S15) */
  bool is_whole : 1;  /* a record whose text, metadata and reply are here */
  uint16_t message_len;
  uint16_t metadata_len;
  uint32_t reply_len;
  uint64_t sequence;
  struct sure_fingerprint fingerprint;
  uint8_t bytes[]; /* message, metadata, reply */
};
_Static_assert(sizeof(struct sure__row) == 40, "as docs/performance.md says");

/* A result as it is remembered. */
struct sure__memo {
  enum sure_code code;
  enum sure_reason reason;
  struct sure__row *row; /* that has its bytes; NULL when there was no memory for them */
};

struct sure__rows {
  struct sure__row **slots;
  size_t capacity; /* a power of two, or 0 */
  size_t count;
  size_t displaced_count; /* rows that are not in the slot where they would go first */
  size_t intent_count;
};

/* NULL: absent. */
struct sure__row *sure__row_find(const struct sure__rows *rows, uint64_t sequence);
/* A new row without a record. NULL: the pool's limit, or memory is short. */
struct sure__row *sure__row_add(struct sure__rows *rows, struct sure__pool *pool, uint64_t sequence,
                                enum sure__row_state state);
void sure__row_drop(struct sure__rows *rows, struct sure__pool *pool, struct sure__row *row);
/* An intent becomes a record, without its reply if there is no room for it. Returns where the row
 * is then. */
struct sure__row *sure__row_record(struct sure__rows *rows, struct sure__pool *pool,
                                   struct sure__row *row, const struct sure_record *record);
/* An intent becomes a tombstone. */
void sure__row_bury(struct sure__rows *rows, struct sure__pool *pool, struct sure__row *row);
/* Drops the records and tombstones of all acknowledged numbers. */
void sure__rows_release_acked(struct sure__rows *rows, struct sure__pool *pool,
                              const struct sure__ranges *acked);
/* Drops the records and tombstones among `span`. Intents stay until they are completed (S15). */
void sure__rows_release(struct sure__rows *rows, struct sure__pool *pool, struct sure_range span);
void sure__rows_fini(struct sure__rows *rows, struct sure__pool *pool);

/* What a row that is a record remembers. */
struct sure__memo sure__row_memo(struct sure__row *row);
/* The same of a record that has no row: all of it, or without its bytes if there is no room. */
struct sure__memo sure__memo_take(struct sure__pool *pool, const struct sure_record *record);
/* One more refers to the bytes of a memo, if there are any; one less. */
void sure__memo_ref(const struct sure__memo *memo);
void sure__memo_unref(const struct sure__memo *memo, struct sure__pool *pool);

#endif
