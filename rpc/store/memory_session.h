/* Sessions of the memory store, and the rows of their calls.
 *
 * Rows lie in one open-addressed array per session, at `sequence` modulo its capacity. A client
 * numbers its calls densely, so that in the usual case this is a sliding window without collisions;
 * and one call that stays open for long does not stretch it. */
#ifndef SURE_STORE_MEMORY_SESSION_H
#define SURE_STORE_MEMORY_SESSION_H

#include <sure/store.h>

#include "rpc/core/index.h"
#include "rpc/core/list.h"
#include "rpc/core/ranges.h"
#include "rpc/store/decide.h"
#include "rpc/store/memory_pool.h"

/* Bytes that an intent holds for the record that it may become (S8). A longer one has to find the
 * rest when it comes. */
#define SURE__RECORD_RESERVED_LEN 512

/* A record as it is kept. A keyed call's row and its key share one. */
struct sure__kept {
  uint32_t ref_count;
  uint32_t message_len;
  uint32_t metadata_len;
  size_t reply_len;
  uint8_t bytes[]; /* message, metadata, reply */
};

/* A result as it is remembered. Code and reason have their place from the beginning, so that a
 * refusal whose text finds no memory is never taken for an effect. */
struct sure__memo {
  enum sure_code code;
  enum sure_reason reason;
  struct sure__kept *kept; /* text and reply; NULL when there was no memory for them */
};

struct sure__row {
  uint64_t sequence; /* 0: an empty slot */
  struct sure_fingerprint fingerprint;
  struct sure__memo memo; /* of a record */
  enum sure__row_state state;
  bool in_doubt; /* an intent whose run has ended, nobody knows how (S15) */
};

struct sure__stored_session {
  struct sure__index_link by_id;
  struct sure__list link; /* of `open` or `fenced` */
  struct sure_session_id id;
  bool fenced;
  int64_t stamp_ms; /* when it was renewed last, or fenced */
  struct sure__ranges acked;
  struct sure__row *rows;
  size_t row_capacity; /* a power of two, or 0 */
  size_t row_count;
  size_t displaced_count; /* rows that are not in the slot where they would go first */
  size_t intent_count;
  struct sure_bytes principal; /* in the same block */
};

/* Both lists are in the order of their sessions' stamps, oldest first. */
struct sure__stored_sessions {
  struct sure__index by_id;
  struct sure__list open;
  struct sure__list fenced;
  size_t count_max;
};

void sure__stored_sessions_init(struct sure__stored_sessions *sessions, size_t count_max);
void sure__stored_sessions_fini(struct sure__stored_sessions *sessions, struct sure__pool *pool);

/* NULL unless there is one and it belongs to `principal` (S5). */
struct sure__stored_session *sure__stored_session_find(const struct sure__stored_sessions *sessions,
                                                       const struct sure_session_id *id,
                                                       struct sure_bytes principal);
/* NULL: at the limit, the id is taken by another principal, or memory is short. */
struct sure__stored_session *sure__stored_session_create(struct sure__stored_sessions *sessions,
                                                         const struct sure_session_id *id,
                                                         struct sure_bytes principal,
                                                         int64_t now_ms);
/* The oldest of the open or of the fenced ones; NULL: none. */
struct sure__stored_session *sure__stored_session_oldest(struct sure__stored_sessions *sessions,
                                                         bool fenced);
/* Stamps it, open or fenced, and puts it at the end of its list. A fenced session stays so. */
void sure__stored_session_stamp(struct sure__stored_sessions *sessions,
                                struct sure__stored_session *session, bool fenced, int64_t now_ms);
/* Frees it with its rows. */
void sure__stored_session_forget(struct sure__stored_sessions *sessions, struct sure__pool *pool,
                                 struct sure__stored_session *session);

/* NULL: absent. A row stays where it is until the next add or drop in its session. */
struct sure__row *sure__row_find(const struct sure__stored_session *session, uint64_t sequence);
/* A new row without a record. NULL: the pool's limit, or memory is short. */
struct sure__row *sure__row_add(struct sure__stored_session *session, struct sure__pool *pool,
                                uint64_t sequence, enum sure__row_state state);
void sure__row_drop(struct sure__stored_session *session, struct sure__pool *pool,
                    struct sure__row *row);
/* An intent becomes a record, without its reply if there is no room for it. */
void sure__row_record(struct sure__stored_session *session, struct sure__pool *pool,
                      struct sure__row *row, const struct sure_record *record);
/* An intent becomes a tombstone. */
void sure__row_bury(struct sure__stored_session *session, struct sure__pool *pool,
                    struct sure__row *row);
/* Drops the records and tombstones of all acknowledged numbers. */
void sure__rows_release_acked(struct sure__stored_session *session, struct sure__pool *pool);
/* Drops the records and tombstones among `span`. Intents stay until they are completed (S15). */
void sure__rows_release(struct sure__stored_session *session, struct sure__pool *pool,
                        struct sure_range span);

/* What is remembered of a record: all of it, or without its text and reply if there is no room. */
struct sure__memo sure__memo_take(struct sure__pool *pool, const struct sure_record *record);
void sure__kept_unref(struct sure__pool *pool, struct sure__kept *kept);

#endif
