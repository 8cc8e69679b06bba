#include "rpc/store/memory_session.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

#define ROWS_INITIAL 8

/* Ids are random and drawn by the server, so any part of one is a good hash. */
static uint64_t hash_id(const struct sure_session_id *id) {
  uint64_t hash;
  memcpy(&hash, id->bytes, sizeof hash);
  return hash;
}

void sure__stored_sessions_init(struct sure__stored_sessions *sessions, size_t count_max) {
  sure__index_init(&sessions->by_id);
  sure__list_init(&sessions->open);
  sure__list_init(&sessions->fenced);
  sessions->count_max = count_max;
}

static struct sure__stored_session *find(const struct sure__stored_sessions *sessions,
                                         const struct sure_session_id *id) {
  struct sure__index_link *link = sure__index_find(&sessions->by_id, hash_id(id));
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure__stored_session *session =
        sure__container_of(link, struct sure__stored_session, by_id);
    if (memcmp(session->id.bytes, id->bytes, sizeof id->bytes) == 0) {
      return session;
    }
  }
  return NULL;
}

struct sure__stored_session *sure__stored_session_find(const struct sure__stored_sessions *sessions,
                                                       const struct sure_session_id *id,
                                                       struct sure_bytes principal) {
  struct sure__stored_session *session = find(sessions, id);
  bool is_own = session != NULL && sure__bytes_equal(session->principal, principal);
  return is_own ? session : NULL;
}

struct sure__stored_session *sure__stored_session_create(struct sure__stored_sessions *sessions,
                                                         const struct sure_session_id *id,
                                                         struct sure_bytes principal,
                                                         int64_t now_ms) {
  if (sessions->by_id.count >= sessions->count_max || find(sessions, id) != NULL) {
    return NULL;
  }
  struct sure__stored_session *session = sure__alloc(sizeof *session + principal.len);
  if (session == NULL) {
    return NULL;
  }
  *session = (struct sure__stored_session){.id = *id, .stamp_ms = now_ms};
  sure__ranges_init(&session->acked);
  uint8_t *copy = (uint8_t *)(session + 1);
  if (principal.len > 0) {
    memcpy(copy, principal.data, principal.len);
  }
  session->principal = (struct sure_bytes){.data = copy, .len = principal.len};
  sure__index_add(&sessions->by_id, &session->by_id, hash_id(id));
  sure__list_append(&sessions->open, &session->link);
  return session;
}

static struct sure__list *list_of(struct sure__stored_sessions *sessions, bool fenced) {
  return fenced ? &sessions->fenced : &sessions->open;
}

struct sure__stored_session *sure__stored_session_oldest(struct sure__stored_sessions *sessions,
                                                         bool fenced) {
  struct sure__list *list = list_of(sessions, fenced);
  return sure__list_is_empty(list)
             ? NULL
             : sure__container_of(list->next, struct sure__stored_session, link);
}

void sure__stored_session_stamp(struct sure__stored_sessions *sessions,
                                struct sure__stored_session *session, bool fenced, int64_t now_ms) {
  sure__list_remove(&session->link);
  session->fenced = session->fenced || fenced;
  session->stamp_ms = now_ms;
  sure__list_append(list_of(sessions, session->fenced), &session->link);
}

static size_t kept_size(size_t message_len, size_t metadata_len, size_t reply_len) {
  return sizeof(struct sure__kept) + message_len + metadata_len + reply_len;
}

static uint8_t *put(uint8_t *place, struct sure_bytes bytes) {
  if (bytes.len > 0) {
    memcpy(place, bytes.data, bytes.len);
  }
  return place + bytes.len;
}

/* A copy with one reference; NULL when the limit is reached or memory is short. */
static struct sure__kept *take_kept(struct sure__pool *pool, const struct sure_record *record) {
  struct sure__kept *kept = sure__pool_take(
      pool, kept_size(record->message.len, record->metadata.len, record->reply.len));
  if (kept == NULL) {
    return NULL;
  }
  *kept = (struct sure__kept){.ref_count = 1,
                              .message_len = (uint32_t)record->message.len,
                              .metadata_len = (uint32_t)record->metadata.len,
                              .reply_len = record->reply.len};
  uint8_t *place = put(kept->bytes, record->message);
  place = put(place, record->metadata);
  put(place, record->reply);
  return kept;
}

struct sure__memo sure__memo_take(struct sure__pool *pool, const struct sure_record *record) {
  return (struct sure__memo){record->code, record->reason, take_kept(pool, record)};
}

void sure__kept_unref(struct sure__pool *pool, struct sure__kept *kept) {
  if (kept != NULL && --kept->ref_count == 0) {
    sure__pool_give(pool, kept, kept_size(kept->message_len, kept->metadata_len, kept->reply_len));
  }
}

static void free_session(struct sure__pool *pool, struct sure__stored_session *session) {
  for (size_t i = 0; i < session->row_capacity; i++) {
    if (session->rows[i].sequence != 0) {
      sure__kept_unref(pool, session->rows[i].memo.kept);
    }
  }
  sure__pool_unreserve(pool, session->row_count * sizeof(struct sure__row));
  sure__pool_unreserve(pool, session->intent_count * SURE__RECORD_RESERVED_LEN);
  sure__free(session->rows);
  sure__ranges_fini(&session->acked);
  sure__free(session);
}

void sure__stored_session_forget(struct sure__stored_sessions *sessions, struct sure__pool *pool,
                                 struct sure__stored_session *session) {
  sure__list_remove(&session->link);
  sure__index_remove(&sessions->by_id, &session->by_id);
  free_session(pool, session);
}

void sure__stored_sessions_fini(struct sure__stored_sessions *sessions, struct sure__pool *pool) {
  for (int fenced = 0; fenced <= 1; fenced++) {
    struct sure__stored_session *session;
    while ((session = sure__stored_session_oldest(sessions, fenced)) != NULL) {
      sure__stored_session_forget(sessions, pool, session);
    }
  }
  sure__index_fini(&sessions->by_id);
}

/* The slot of `sequence`, or the empty one where it would go. */
static size_t slot_of(const struct sure__stored_session *session, uint64_t sequence) {
  size_t slot = sequence & (session->row_capacity - 1);
  while (session->rows[slot].sequence != 0 && session->rows[slot].sequence != sequence) {
    slot = (slot + 1) & (session->row_capacity - 1);
  }
  return slot;
}

static bool is_displaced(const struct sure__stored_session *session, size_t slot) {
  return (session->rows[slot].sequence & (session->row_capacity - 1)) != slot;
}

static struct sure__row *put_row(struct sure__stored_session *session, struct sure__row row) {
  size_t slot = slot_of(session, row.sequence);
  session->rows[slot] = row;
  session->displaced_count += is_displaced(session, slot);
  return &session->rows[slot];
}

struct sure__row *sure__row_find(const struct sure__stored_session *session, uint64_t sequence) {
  if (session->row_count == 0 || sequence == 0) {
    return NULL;
  }
  struct sure__row *row = &session->rows[slot_of(session, sequence)];
  return row->sequence == sequence ? row : NULL;
}

/* What a row takes from the pool, apart from its record. */
static size_t room_of(enum sure__row_state state) {
  return sizeof(struct sure__row) + (state == SURE__ROW_INTENT ? SURE__RECORD_RESERVED_LEN : 0);
}

static bool grow_rows(struct sure__stored_session *session) {
  size_t capacity = session->row_capacity == 0 ? ROWS_INITIAL : 2 * session->row_capacity;
  struct sure__row *rows = sure__alloc(capacity * sizeof *rows);
  if (rows == NULL) {
    return false;
  }
  struct sure__row *old = session->rows;
  size_t old_capacity = session->row_capacity;
  session->rows = rows;
  session->row_capacity = capacity;
  session->displaced_count = 0;
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].sequence != 0) {
      put_row(session, old[i]);
    }
  }
  sure__free(old);
  return true;
}

struct sure__row *sure__row_add(struct sure__stored_session *session, struct sure__pool *pool,
                                uint64_t sequence, enum sure__row_state state) {
  sure__assert(sequence != 0 && "number 0 counts as acknowledged");
  bool half_full = 2 * (session->row_count + 1) > session->row_capacity;
  if ((half_full && !grow_rows(session)) || !sure__pool_reserve(pool, room_of(state))) {
    return NULL;
  }
  session->row_count++;
  session->intent_count += state == SURE__ROW_INTENT;
  return put_row(session, (struct sure__row){.sequence = sequence, .state = state});
}

/* Empties a slot, and moves back what lies behind it and would not be found over the gap. Numbers
 * come in ascending order, so mostly each row is in its own slot and nothing has to be looked for.
 */
static void empty_slot(struct sure__stored_session *session, size_t gap) {
  size_t mask = session->row_capacity - 1;
  session->displaced_count -= is_displaced(session, gap);
  for (size_t i = (gap + 1) & mask; session->displaced_count > 0 && session->rows[i].sequence != 0;
       i = (i + 1) & mask) {
    size_t home = session->rows[i].sequence & mask;
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      session->displaced_count -= is_displaced(session, i);
      session->rows[gap] = session->rows[i];
      session->displaced_count += is_displaced(session, gap);
      gap = i;
    }
  }
  session->rows[gap].sequence = 0;
}

void sure__row_drop(struct sure__stored_session *session, struct sure__pool *pool,
                    struct sure__row *row) {
  sure__kept_unref(pool, row->memo.kept);
  session->intent_count -= row->state == SURE__ROW_INTENT;
  session->row_count--;
  sure__pool_unreserve(pool, room_of(row->state));
  empty_slot(session, (size_t)(row - session->rows));
}

void sure__row_record(struct sure__stored_session *session, struct sure__pool *pool,
                      struct sure__row *row, const struct sure_record *record) {
  sure__assert(row->state == SURE__ROW_INTENT && "only an intent becomes a record");
  sure__pool_unreserve(pool, SURE__RECORD_RESERVED_LEN);
  row->state = SURE__ROW_RECORD;
  row->memo = sure__memo_take(pool, record);
  session->intent_count--;
}

void sure__row_bury(struct sure__stored_session *session, struct sure__pool *pool,
                    struct sure__row *row) {
  sure__assert(row->state == SURE__ROW_INTENT && "only an intent is buried");
  sure__pool_unreserve(pool, SURE__RECORD_RESERVED_LEN);
  row->state = SURE__ROW_TOMBSTONE;
  session->intent_count--;
}

static void release(struct sure__stored_session *session, struct sure__pool *pool,
                    uint64_t sequence) {
  struct sure__row *row = sure__row_find(session, sequence);
  if (row != NULL && row->state != SURE__ROW_INTENT) {
    sure__row_drop(session, pool, row);
  }
}

void sure__rows_release_acked(struct sure__stored_session *session, struct sure__pool *pool) {
  for (size_t i = 0; i < session->row_capacity; i++) {
    struct sure__row *row = &session->rows[i];
    while (row->sequence != 0 && row->state != SURE__ROW_INTENT &&
           sure__ranges_contains(&session->acked, row->sequence)) {
      sure__row_drop(session, pool, row); /* another row may have moved back into this slot */
    }
  }
}

/* A drop moves rows back into slot `i`, which is looked at again, or into slots behind it. */
static void release_by_scan(struct sure__stored_session *session, struct sure__pool *pool,
                            struct sure_range span) {
  for (size_t i = 0; i < session->row_capacity; i++) {
    struct sure__row *row = &session->rows[i];
    while (span.first <= row->sequence && row->sequence <= span.last &&
           row->state != SURE__ROW_INTENT) {
      sure__row_drop(session, pool, row);
    }
  }
}

void sure__rows_release(struct sure__stored_session *session, struct sure__pool *pool,
                        struct sure_range span) {
  if (span.last - span.first >= session->row_capacity) {
    release_by_scan(session, pool, span);
    return;
  }
  for (uint64_t sequence = span.first; sequence <= span.last; sequence++) {
    release(session, pool, sequence);
  }
}
