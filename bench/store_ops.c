#include "store_ops.h"

#include <stddef.h>
#include <string.h>

static void *alloc_for_op(void *user, size_t size) {
  (void)user;
  static _Alignas(max_align_t) uint8_t memory[4096];
  return size <= sizeof memory ? memory : NULL;
}

static bool reply(void *user, struct sure_store_op *op, void *transaction,
                  struct sure_record *out_record) {
  static const uint8_t bytes[STORE_REPLY_LEN];
  (void)user;
  (void)op;
  (void)transaction;
  *out_record = (struct sure_record){.code = SURE_OK, .reply = {bytes, sizeof bytes}};
  return true;
}

static void decided(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)count;
  *(enum sure_store_verdict *)user = ops[0]->verdict;
}

static bool submit(struct sure_store *store, struct sure_store_op op,
                   enum sure_store_verdict wanted) {
  struct sure_store_op *ops[] = {&op};
  enum sure_store_verdict verdict = SURE_STORE_PENDING;
  op.alloc = alloc_for_op;
  store->ops->submit(store, ops, 1, decided, &verdict);
  return verdict == wanted;
}

/* As random as those that a server draws. */
static struct sure_session_id session_id(uint64_t number) {
  struct sure_session_id id = {{0}};
  uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15);
  mixed ^= mixed >> 29;
  memcpy(id.bytes, &mixed, sizeof mixed);
  memcpy(id.bytes + sizeof mixed, &number, sizeof number);
  return id;
}

bool store_open_session(struct sure_store *store, uint64_t session) {
  return submit(store,
                (struct sure_store_op){
                    .kind = SURE_STORE_ATTACH, .create = true, .session = session_id(session)},
                SURE_STORE_OPEN);
}

bool store_record(struct sure_store *store, uint64_t session, uint64_t sequence) {
  return submit(store,
                (struct sure_store_op){.kind = SURE_STORE_CALL,
                                       .record_wanted = true,
                                       .session = session_id(session),
                                       .sequence = sequence,
                                       .run = reply},
                SURE_STORE_RECORDED);
}

bool store_acknowledge(struct sure_store *store, uint64_t session, uint64_t watermark) {
  return submit(store,
                (struct sure_store_op){
                    .kind = SURE_STORE_ACK, .session = session_id(session), .watermark = watermark},
                SURE_STORE_DONE);
}
