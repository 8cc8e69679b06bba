/* SETTLE and SETTLED (docs/protocol.md, section 7; S12). */
#include <string.h>

#include "rpc/core/fingerprint.h"
#include "rpc/core/server_private.h"

enum { NOT_YET_RETRY_AFTER_MS = 20 };

static void send_settled(struct sure__server *server, struct sure__peer *peer, uint64_t nonce,
                         unsigned flags, const struct sure__settled_body *body,
                         const struct sure_record *record) {
  sure__peer_send(server, peer,
                  &(struct sure__frame){.type = SURE__SETTLED,
                                        .clock = sure__server_stamp(server),
                                        .flags = (uint16_t)flags,
                                        .sequence = nonce,
                                        .metadata = record->metadata,
                                        .payload = record->reply,
                                        .settled = *body});
}

static void send_not_yet(struct sure__server *server, struct sure__peer *peer, uint64_t nonce) {
  struct sure__settled_body body = {.verdict = SURE__SETTLED_NOT_YET,
                                    .result = {.retry_after_ms = NOT_YET_RETRY_AFTER_MS}};
  send_settled(server, peer, nonce, 0, &body, &(struct sure_record){0});
}

void sure__settle_on_frame(struct sure__server *server, struct sure__peer *peer,
                           const struct sure__frame *frame) {
  const struct sure__settle_body *settle = &frame->settle;
  struct sure__task *task =
      sure__peer_may_ask(peer) ? sure__task_new(server, SURE_STORE_SETTLE) : NULL;
  struct sure_bytes principal = {peer->principal.data, peer->principal.len};
  if (task == NULL || !sure__arena_copy(&task->arena, settle->key, &task->op.key) ||
      !sure__task_set_principal(task, principal)) {
    send_not_yet(server, peer, frame->sequence);
    if (task != NULL) {
      sure__task_free(server, task);
    }
    return;
  }
  task->nonce = frame->sequence;
  task->reply_held = settle->reply_held;
  task->reply_hash = settle->reply_hash;
  task->op.session = settle->session;
  task->op.sequence = settle->target;
  task->op.method = settle->method;
  task->op.fingerprint = settle->fingerprint;
  sure__task_set_peer(task, peer);
  struct sure__server_session *session =
      settle->target == 0 ? NULL : sure__server_session_find(server, &settle->session);
  struct sure_call *running =
      session == NULL ? NULL : sure__call_find_running(session, settle->target);
  if (running != NULL && running->step != SURE__CALL_LINGERS) {
    sure__list_append(&running->parked, &task->link); /* asked when the run has ended */
  } else {
    sure__task_submit(server, task);
  }
}

static enum sure__settle_verdict verdict_of(enum sure_store_verdict verdict) {
  switch (verdict) {
  case SURE_STORE_REPLAYED:
    return SURE__SETTLED_RECORD;
  case SURE_STORE_TOMBSTONE:
    return SURE__SETTLED_TOMBSTONE;
  case SURE_STORE_STALE:
    return SURE__SETTLED_ALREADY_ACKED;
  case SURE_STORE_IN_DOUBT:
    return SURE__SETTLED_IN_DOUBT;
  case SURE_STORE_KEY_REUSED:
    return SURE__SETTLED_KEY_REUSED;
  case SURE_STORE_LOST:
    return SURE__SETTLED_UNKNOWN;
  default: /* IN_PROGRESS, BUSY, FULL and what else there is: ask again */
    return SURE__SETTLED_NOT_YET;
  }
}

/* The client has the beginning of this very reply. A record stays as it is; but a key may be
 * forgotten and used again. */
static bool has_beginning(const struct sure__task *task, struct sure_bytes reply) {
  return task->reply_held > 0 && task->reply_held < reply.len &&
         sure__reply_hash((struct sure_bytes){reply.data, task->reply_held}) == task->reply_hash;
}

void sure__settle_answer(struct sure__server *server, struct sure__task *task) {
  struct sure__peer *peer = task->peer;
  if (peer == NULL) {
    return;
  }
  if (task->op.verdict == SURE_STORE_FAILED) {
    sure__peer_close(server, peer, 0, "the store failed");
    return;
  }
  enum sure__settle_verdict verdict = verdict_of(task->op.verdict);
  if (verdict == SURE__SETTLED_NOT_YET) {
    send_not_yet(server, peer, task->nonce);
    return;
  }
  struct sure__settled_body body = {.verdict = (uint8_t)verdict};
  struct sure_record record = {0};
  unsigned flags = 0;
  if (verdict == SURE__SETTLED_RECORD) {
    record = task->op.record;
    body.result =
        (struct sure__result){.code = record.code, .reason = record.reason, .text = record.message};
    flags = SURE__RECORDED;
    if (record.reply.len > peer->message_len_max) {
      body.result.code = SURE_RESOURCE_EXHAUSTED;
      body.result.reason = SURE_REASON_REPLY_LOST;
      record.reply = (struct sure_bytes){0};
    }
  }
  if (has_beginning(task, record.reply)) {
    flags |= SURE__RESUMED;
    body.result.held = task->reply_held;
    record.reply.data += task->reply_held;
    record.reply.len -= task->reply_held;
  }
  send_settled(server, peer, task->nonce, flags, &body, &record);
}
