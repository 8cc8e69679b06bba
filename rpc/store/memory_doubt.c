#include "rpc/store/memory_doubt.h"

#include <string.h>

static size_t size_of(const struct sure_doubt *doubt) {
  return sizeof(struct sure__stored_doubt) + doubt->principal.len + doubt->key.len;
}

bool sure__doubt_add(struct sure__list *doubts, struct sure__pool *pool,
                     const struct sure_store_op *op) {
  struct sure_doubt doubt = {.session = op->session,
                             .sequence = op->sequence,
                             .method = op->method,
                             .principal = op->principal,
                             .key = op->key};
  struct sure__stored_doubt *stored = sure__pool_take(pool, size_of(&doubt));
  if (stored == NULL) {
    return false;
  }
  struct sure_bytes *parts[] = {&doubt.principal, &doubt.key};
  uint8_t *next = stored->bytes;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i]->len > 0) {
      memcpy(next, parts[i]->data, parts[i]->len);
    }
    parts[i]->data = next;
    next += parts[i]->len;
  }
  stored->doubt = doubt;
  sure__list_append(doubts, &stored->link);
  return true;
}

static void drop(struct sure__pool *pool, struct sure__stored_doubt *stored) {
  sure__list_remove(&stored->link);
  sure__pool_give(pool, stored, size_of(&stored->doubt));
}

void sure__doubt_drop(struct sure__list *doubts, struct sure__pool *pool,
                      const struct sure_store_op *op) {
  for (struct sure__list *l = doubts->next; l != doubts; l = l->next) {
    struct sure__stored_doubt *stored = sure__container_of(l, struct sure__stored_doubt, link);
    if (stored->doubt.sequence == op->sequence &&
        memcmp(&stored->doubt.session, &op->session, sizeof op->session) == 0) {
      drop(pool, stored);
      return;
    }
  }
}

void sure__doubts_fini(struct sure__list *doubts, struct sure__pool *pool) {
  while (!sure__list_is_empty(doubts)) {
    drop(pool, sure__container_of(doubts->next, struct sure__stored_doubt, link));
  }
}

static bool copy(struct sure_store_op *op, const struct sure_doubt *doubt) {
  struct sure_doubt *out = &op->doubts[op->doubt_count];
  *out = *doubt;
  return sure_store_op_copy(op, doubt->principal, &out->principal) &&
         sure_store_op_copy(op, doubt->key, &out->key);
}

void sure__doubts_list(const struct sure__list *doubts, struct sure_store_op *op) {
  uint64_t passed = 0;
  op->verdict = SURE_STORE_FULL;
  op->doubt_count = 0;
  op->doubts = sure_store_op_alloc(op, SURE_DOUBTS_MAX * sizeof *op->doubts);
  if (op->doubts == NULL) {
    return;
  }
  for (struct sure__list *l = doubts->next; l != doubts && op->doubt_count < SURE_DOUBTS_MAX;
       l = l->next) {
    if (passed++ < op->sequence) {
      continue;
    }
    if (!copy(op, &sure__container_of(l, struct sure__stored_doubt, link)->doubt)) {
      return;
    }
    op->doubt_count++;
  }
  op->verdict = SURE_STORE_DONE;
}
