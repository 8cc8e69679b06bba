#include "rpc/store/memory_row.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"

#define SLOTS_INITIAL 8
/* With room for a reply of 32 bytes, so that most rows never move. */
#define ROW_LEN_MIN (sizeof(struct sure__row) + 32)
/* What a row is counted for its slot, in an array that may be half empty. */
#define SLOT_LEN (2 * sizeof(struct sure__row *))

static size_t bytes_len(const struct sure_record *record) {
  return record->message.len + record->metadata.len + record->reply.len;
}

/* What the row's block was taken for. */
static size_t len_of(const struct sure__row *row) {
  size_t len = sizeof *row + row->message_len + row->metadata_len + row->reply_len;
  return len > ROW_LEN_MIN ? len : ROW_LEN_MIN;
}

static void unref(struct sure__pool *pool, struct sure__row *row) {
  sure__assert(row->ref_count > 0 && "who refers to a row has been counted");
  if (--row->ref_count == 0) {
    sure__pool_give(pool, row, len_of(row));
  }
}

/* ---- slots ---- */

static bool is_at_home(const struct sure__rows *rows, size_t slot) {
  return (rows->slots[slot]->sequence & (rows->capacity - 1)) == slot;
}

/* The slot of `sequence`, or the empty one where it would go. There must be one. */
static size_t slot_of(const struct sure__rows *rows, uint64_t sequence) {
  size_t slot = sequence & (rows->capacity - 1);
  while (rows->slots[slot] != NULL && rows->slots[slot]->sequence != sequence) {
    slot = (slot + 1) & (rows->capacity - 1);
  }
  return slot;
}

struct sure__row *sure__row_find(const struct sure__rows *rows, uint64_t sequence) {
  if (rows->count == 0 || sequence == 0) {
    return NULL;
  }
  struct sure__row *row = rows->slots[sequence & (rows->capacity - 1)];
  if (row != NULL && row->sequence != sequence && rows->displaced_count > 0) {
    row = rows->slots[slot_of(rows, sequence)];
  }
  return row != NULL && row->sequence == sequence ? row : NULL;
}

static void put(struct sure__rows *rows, struct sure__row *row) {
  size_t slot = slot_of(rows, row->sequence);
  rows->slots[slot] = row;
  rows->displaced_count += !is_at_home(rows, slot);
}

static bool grow(struct sure__rows *rows) {
  size_t capacity = rows->capacity == 0 ? SLOTS_INITIAL : 2 * rows->capacity;
  struct sure__row **slots = sure__alloc(capacity * sizeof(struct sure__row *));
  if (slots == NULL) {
    return false;
  }
  struct sure__rows old = *rows;
  rows->slots = slots;
  rows->capacity = capacity;
  rows->displaced_count = 0;
  for (size_t i = 0; i < old.capacity; i++) {
    if (old.slots[i] != NULL) {
      put(rows, old.slots[i]);
    }
  }
  sure__free(old.slots);
  return true;
}

/* A window without collisions may be full: whoever is not in his own slot is not there. */
static bool has_slot_for(const struct sure__rows *rows, uint64_t sequence) {
  bool collides = rows->capacity == 0 || rows->displaced_count > 0 ||
                  rows->slots[sequence & (rows->capacity - 1)] != NULL;
  return !collides || 2 * (rows->count + 1) <= rows->capacity;
}

/* Empties a slot, and moves back what lies behind it and would not be found over the gap. */
static void empty_slot(struct sure__rows *rows, size_t gap) {
  size_t mask = rows->capacity - 1;
  rows->displaced_count -= !is_at_home(rows, gap);
  rows->slots[gap] = NULL;
  for (size_t i = (gap + 1) & mask; rows->displaced_count > 0 && rows->slots[i] != NULL;
       i = (i + 1) & mask) {
    size_t home = rows->slots[i]->sequence & mask;
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      rows->displaced_count -= !is_at_home(rows, i);
      rows->slots[gap] = rows->slots[i];
      rows->slots[i] = NULL;
      rows->displaced_count += !is_at_home(rows, gap);
      gap = i;
    }
  }
}

/* ---- rows ---- */

/* What a row takes from the pool beside its block. */
static size_t room_beside(enum sure__row_state state) {
  return SLOT_LEN + (state == SURE__ROW_INTENT ? SURE__RECORD_RESERVED_LEN : 0);
}

struct sure__row *sure__row_add(struct sure__rows *rows, struct sure__pool *pool, uint64_t sequence,
                                enum sure__row_state state) {
  sure__assert(sequence != 0 && "number 0 counts as acknowledged");
  if ((!has_slot_for(rows, sequence) && !grow(rows)) ||
      !sure__pool_reserve(pool, room_beside(state))) {
    return NULL;
  }
  struct sure__row *row = sure__pool_take(pool, ROW_LEN_MIN);
  if (row == NULL) {
    sure__pool_unreserve(pool, room_beside(state));
    return NULL;
  }
  *row = (struct sure__row){.ref_count = 1, .sequence = sequence, .state = (uint8_t)state};
  rows->count++;
  rows->intent_count += state == SURE__ROW_INTENT;
  put(rows, row);
  return row;
}

void sure__row_drop(struct sure__rows *rows, struct sure__pool *pool, struct sure__row *row) {
  size_t slot = slot_of(rows, row->sequence);
  sure__assert(rows->slots[slot] == row && "the row is one of these");
  rows->intent_count -= row->state == SURE__ROW_INTENT;
  rows->count--;
  sure__pool_unreserve(pool, room_beside(row->state));
  empty_slot(rows, slot);
  unref(pool, row);
}

static uint8_t *put_bytes(uint8_t *place, struct sure_bytes bytes) {
  if (bytes.len > 0) {
    memcpy(place, bytes.data, bytes.len);
  }
  return place + bytes.len;
}

/* The row's block has room for it. */
static void fill(struct sure__row *row, const struct sure_record *record) {
  row->message_len = (uint16_t)record->message.len;
  row->metadata_len = (uint16_t)record->metadata.len;
  row->reply_len = (uint32_t)record->reply.len;
  row->is_whole = true;
  uint8_t *place = put_bytes(row->bytes, record->message);
  place = put_bytes(place, record->metadata);
  put_bytes(place, record->reply);
}

/* The row with room for so many bytes, in the slot of the old one; NULL: there is none. */
static struct sure__row *move(struct sure__rows *rows, struct sure__pool *pool,
                              struct sure__row *row, size_t len) {
  struct sure__row *larger = sure__pool_take(pool, sizeof *row + len);
  if (larger != NULL) {
    *larger = *row;
    rows->slots[slot_of(rows, row->sequence)] = larger;
    sure__assert(row->ref_count == 1 && "a key refers to records");
    unref(pool, row);
  }
  return larger;
}

struct sure__row *sure__row_record(struct sure__rows *rows, struct sure__pool *pool,
                                   struct sure__row *row, const struct sure_record *record) {
  sure__assert(row->state == SURE__ROW_INTENT && "only an intent becomes a record");
  sure__pool_unreserve(pool, SURE__RECORD_RESERVED_LEN);
  rows->intent_count--;
  row->state = SURE__ROW_RECORD;
  row->code = (uint8_t)record->code;
  row->reason = (uint8_t)record->reason;
  size_t len = bytes_len(record);
  struct sure__row *whole = sizeof *row + len <= ROW_LEN_MIN ? row : move(rows, pool, row, len);
  if (whole == NULL) {
    return row;
  }
  fill(whole, record);
  return whole;
}

void sure__row_bury(struct sure__rows *rows, struct sure__pool *pool, struct sure__row *row) {
  sure__assert(row->state == SURE__ROW_INTENT && "only an intent is buried");
  sure__pool_unreserve(pool, SURE__RECORD_RESERVED_LEN);
  row->state = SURE__ROW_TOMBSTONE;
  rows->intent_count--;
}

/* ---- acknowledged rows ---- */

void sure__rows_release_acked(struct sure__rows *rows, struct sure__pool *pool,
                              const struct sure__ranges *acked) {
  for (size_t i = 0; i < rows->capacity; i++) {
    struct sure__row *row;
    while ((row = rows->slots[i]) != NULL && row->state != SURE__ROW_INTENT &&
           sure__ranges_contains(acked, row->sequence)) {
      sure__row_drop(rows, pool, row); /* another row may have moved back into this slot */
    }
  }
}

/* A drop moves rows back into slot `i`, which is looked at again, or into slots behind it. */
static void release_by_scan(struct sure__rows *rows, struct sure__pool *pool,
                            struct sure_range span) {
  for (size_t i = 0; i < rows->capacity; i++) {
    struct sure__row *row;
    while ((row = rows->slots[i]) != NULL && span.first <= row->sequence &&
           row->sequence <= span.last && row->state != SURE__ROW_INTENT) {
      sure__row_drop(rows, pool, row);
    }
  }
}

void sure__rows_release(struct sure__rows *rows, struct sure__pool *pool, struct sure_range span) {
  if (span.last - span.first >= rows->capacity) {
    release_by_scan(rows, pool, span);
    return;
  }
  for (uint64_t sequence = span.first; sequence <= span.last; sequence++) {
    struct sure__row *row = sure__row_find(rows, sequence);
    if (row != NULL && row->state != SURE__ROW_INTENT) {
      sure__row_drop(rows, pool, row);
    }
  }
}

void sure__rows_fini(struct sure__rows *rows, struct sure__pool *pool) {
  for (size_t i = 0; i < rows->capacity; i++) {
    if (rows->slots[i] != NULL) {
      sure__pool_unreserve(pool, room_beside(rows->slots[i]->state));
      unref(pool, rows->slots[i]);
    }
  }
  sure__free(rows->slots);
}

/* ---- what is remembered ---- */

struct sure__memo sure__row_memo(struct sure__row *row) {
  return (struct sure__memo){.code = (enum sure_code)row->code,
                             .reason = (enum sure_reason)row->reason,
                             .row = row->is_whole ? row : NULL};
}

struct sure__memo sure__memo_take(struct sure__pool *pool, const struct sure_record *record) {
  size_t len = sizeof(struct sure__row) + bytes_len(record);
  struct sure__row *row = sure__pool_take(pool, len > ROW_LEN_MIN ? len : ROW_LEN_MIN);
  if (row != NULL) {
    *row = (struct sure__row){.ref_count = 1};
    fill(row, record);
  }
  return (struct sure__memo){record->code, record->reason, row};
}

void sure__memo_ref(const struct sure__memo *memo) {
  if (memo->row != NULL) {
    memo->row->ref_count++;
  }
}

void sure__memo_unref(const struct sure__memo *memo, struct sure__pool *pool) {
  if (memo->row != NULL) {
    unref(pool, memo->row);
  }
}
