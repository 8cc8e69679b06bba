/* What a verdict of the store becomes on the wire (docs/protocol.md 4.4 to 4.6; S17, S19). */
#include <string.h>

#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"

struct answer {
  struct sure__result result;
  struct sure_bytes metadata;
  struct sure_bytes reply;
  unsigned flags;
  bool is_silent; /* nothing may be said: the connections of all who wait are closed (S20) */
};

static struct sure_bytes text_bytes(const char *text) {
  return (struct sure_bytes){(const uint8_t *)text, strlen(text)};
}

static struct answer refusal(enum sure_code code, enum sure_reason reason, unsigned flags,
                             const char *text) {
  return (struct answer){
      .result = {.code = code, .reason = reason, .text = text_bytes(text)},
      .flags = flags,
  };
}

static struct answer from_record(const struct sure_record *record, unsigned flags) {
  return (struct answer){
      .result = {.code = record->code, .reason = record->reason, .text = record->message},
      .metadata = record->metadata,
      .reply = record->reply,
      .flags = flags,
  };
}

/* A run of which nothing is kept. Where only the reply is lost, the effect stands. */
static struct answer from_unrecorded(const struct sure_call *call) {
  const struct sure__plan *plan = &call->method->plan;
  const struct sure_record *record = &call->op.record;
  bool stands = record->reason == SURE_REASON_REPLY_LOST;
  bool is_undone =
      record->code != SURE_OK && (!stands || SURE__MUTANT(ROLLED_BACK_THOUGH_IT_STANDS));
  bool is_empty = !plan->advances || call->op.position == 0;
  bool rolled_back = is_undone && (plan->in_store || plan->claims) && is_empty;
  struct answer answer = from_record(record, rolled_back ? SURE__ROLLED_BACK : 0);
  answer.result.retry_after_ms = record->code != SURE_OK ? call->retry_after_ms : 0;
  return answer;
}

static struct answer from_verdict(const struct sure_call *call) {
  switch (call->op.verdict) {
  case SURE_STORE_RECORDED:
    return from_record(&call->op.record, SURE__RECORDED);
  case SURE_STORE_REPLAYED:
    return from_record(&call->op.record, SURE__RECORDED | SURE__REPLAYED);
  case SURE_STORE_UNRECORDED:
    return from_unrecorded(call);
  case SURE_STORE_TOMBSTONE:
    return refusal(SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED,
                   "the call was settled as never applied");
  case SURE_STORE_STALE:
    return refusal(SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0,
                   "the call's result was acknowledged before");
  case SURE_STORE_LOST:
    return refusal(SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0,
                   "the session is fenced or forgotten");
  case SURE_STORE_CALL_REUSED:
    return refusal(SURE_FAILED_PRECONDITION, SURE_REASON_SEQUENCE_REUSED, 0,
                   "another request came under the same call id");
  case SURE_STORE_KEY_REUSED:
    return refusal(SURE_FAILED_PRECONDITION, SURE_REASON_KEY_REUSED, SURE__NOT_RUN,
                   "another request came under the same idempotency key; use a new key");
  case SURE_STORE_TAKEN_OVER:
    return refusal(SURE_ABORTED, SURE_REASON_TAKEN_OVER, 0,
                   "another call goes on with the stream of this key");
  case SURE_STORE_FULL:
    return refusal(SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN,
                   "the store is at a limit");
  case SURE_STORE_BUSY:
    return refusal(SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN,
                   "the store is held by someone else");
  case SURE_STORE_BROKE:
    return refusal(SURE_INTERNAL, SURE_REASON_HANDLER_BROKE_TRANSACTION, SURE__ROLLED_BACK,
                   "the handler left or spoilt its transaction");
  case SURE_STORE_IN_PROGRESS:
    return refusal(SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0,
                   "another process is at the call's effect outside the store");
  case SURE_STORE_IN_DOUBT:
    return refusal(SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0,
                   "the call's effect outside the store is not resolved");
  case SURE_STORE_PENDING:
  case SURE_STORE_OPEN:
  case SURE_STORE_FENCED:
  case SURE_STORE_DONE:
  case SURE_STORE_GRANTED:
  case SURE_STORE_FAILED:
    break;
  }
  return (struct answer){.is_silent = true};
}

static void count(struct sure__server *server, const struct answer *answer) {
  if ((answer->flags & SURE__REPLAYED) != 0) {
    server->stats.replayed++;
  }
  if ((answer->flags & SURE__NOT_RUN) != 0) {
    server->stats.refused++;
  }
  if (answer->result.reason == SURE_REASON_STALE) {
    server->stats.stale++;
  }
}

static void send(struct sure__server *server, struct sure__peer *peer, uint64_t sequence,
                 uint32_t attempt, const struct answer *answer) {
  sure__peer_send(server, peer,
                  &(struct sure__frame){.type = SURE__RESPONSE,
                                        .clock = sure__server_stamp(server),
                                        .flags = (uint16_t)answer->flags,
                                        .sequence = sequence,
                                        .attempt = attempt,
                                        .metadata = answer->metadata,
                                        .payload = answer->reply,
                                        .response = answer->result});
  count(server, answer);
}

void sure__answer_refusal(struct sure__server *server, struct sure__peer *peer, uint64_t sequence,
                          uint32_t attempt, enum sure_code code, enum sure_reason reason,
                          unsigned flags, const char *text) {
  struct answer answer = refusal(code, reason, flags, text);
  send(server, peer, sequence, attempt, &answer);
}

void sure__answer_overload(struct sure__server *server, struct sure__peer *peer,
                           const struct sure_call *call, const char *text,
                           uint32_t retry_after_ms) {
  struct answer answer =
      refusal(SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN, text);
  answer.result.retry_after_ms = retry_after_ms;
  server->stats.shed++;
  send(server, peer, call->op.sequence, call->attempt, &answer);
}

/* A long answer may wait for its turn: so that its client does not take that for silence. */
static void accept_first(struct sure__server *server, const struct sure_call *call,
                         const struct sure__waiter *waiter) {
  sure__peer_send(server, waiter->peer,
                  &(struct sure__frame){.type = SURE__ACCEPTED,
                                        .sequence = call->op.sequence,
                                        .attempt = waiter->attempt});
}

static void answer_waiter(struct sure__server *server, const struct sure_call *call,
                          const struct sure__waiter *waiter, struct answer answer) {
  if (answer.is_silent) {
    sure__peer_close(server, waiter->peer, 0, "the store failed");
    return;
  }
  if (answer.reply.len > waiter->peer->message_len_max) {
    answer = refusal(SURE_RESOURCE_EXHAUSTED, SURE_REASON_REPLY_LOST, answer.flags,
                     "the reply is over the client's limit");
  }
  if (waiter->has_joined) {
    answer.flags |= SURE__JOINED;
  }
  if (!waiter->is_accepted && sure__is_long(answer.reply.len)) {
    accept_first(server, call, waiter);
  }
  send(server, waiter->peer, call->op.sequence, waiter->attempt, &answer);
}

void sure__answer_arrival(struct sure__server *server, struct sure__peer *peer,
                          const struct sure_call *call) {
  struct answer answer = from_record(&call->op.record, SURE__NOT_RUN);
  answer.result.retry_after_ms = call->retry_after_ms;
  send(server, peer, call->op.sequence, call->attempt, &answer);
}

void sure__answer_call(struct sure__server *server, struct sure_call *call) {
  struct answer answer = from_verdict(call);
  while (!sure__list_is_empty(&call->waiters)) {
    struct sure__waiter *waiter =
        sure__container_of(call->waiters.next, struct sure__waiter, of_call);
    answer_waiter(server, call, waiter, answer);
    sure__call_remove_waiter(waiter);
  }
}
