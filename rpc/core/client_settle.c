/* Settling: learning what became of a call whose end was lost (S12, S19, protocol 7). The runtime
 * does it for a call that it gives up in doubt, within the time that remains, and for the
 * application later. */
#include <string.h>

#include "rpc/core/client_state.h"
#include "rpc/core/fingerprint.h"
#include "rpc/core/mutant.h"
#include "rpc/core/random.h"

enum { ASK_AGAIN_MS = 50, ASK_AGAIN_MS_MAX = 1000 };

static struct sure__refusal too_late(enum sure_reason reason, const char *text) {
  return (struct sure__refusal){SURE_FAILED_PRECONDITION, reason, text};
}

/* By its id: the entry that the call left when it ended UNKNOWN. */
static struct sure__refusal find_entry(const struct sure__client *client,
                                       struct sure__client_call *call) {
  struct sure__client_session *session = sure__client_find_session(client, call->settle_id.epoch);
  if (session == NULL) {
    return too_late(SURE_REASON_SESSION_LOST, "the call's session is gone");
  }
  struct sure__client_call *entry = sure__client_session_find(session, call->settle_id.sequence);
  if (entry == NULL) {
    return too_late(SURE_REASON_STALE, "the call is acknowledged or released");
  }
  if (!entry->unresolved) {
    return sure__refuse(SURE_FAILED_PRECONDITION, "the call has not ended");
  }
  if (entry->method != call->method) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "the call is one of another method");
  }
  call->target = entry->target;
  if (call->key.len == 0 && !sure__arena_copy(&call->arena, entry->key, &call->key)) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "memory is short");
  }
  return (struct sure__refusal){0};
}

struct sure__refusal sure__client_find_target(const struct sure__client *client,
                                              struct sure__client_call *call) {
  if (call->method->semantics != SURE_EXACTLY_ONCE) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "only EXACTLY_ONCE methods can be settled");
  }
  if (call->settle_id.epoch != 0) {
    return find_entry(client, call);
  }
  return call->key.len > 0
             ? (struct sure__refusal){0}
             : sure__refuse(SURE_INVALID_ARGUMENT, "neither a call nor a key to settle");
}

void sure__client_set_target(struct sure__client_call *call) {
  call->target = (struct sure__settle_target){
      .id = {call->session->epoch, call->sequence},
      .session = call->session->id,
      .store = call->session->store,
      .fingerprint = sure__fingerprint(call->method->id, call->request),
  };
}

void sure__client_enqueue_settle(struct sure__client *client, struct sure__client_call *call) {
  sure__list_remove(&call->link);
  sure__list_append(&client->settle_queue, &call->link);
  sure__timers_set(&client->timers, &call->timer, call->deadline_ms);
}

void sure__client_begin_settle(struct sure__client *client, struct sure__client_call *call) {
  if (!call->is_settle) {
    sure__client_set_target(call);
  }
  call->phase = SURE__CALL_SETTLING;
  sure__client_enqueue_settle(client, call);
}

static void send_settle(struct sure__client *client, struct sure__client_call *call,
                        struct sure__link *link, uint64_t now_ms) {
  call->settle_count++;
  call->is_asked = true;
  sure__client_keep_parts(call, &call->first_attempt.assembly);
  struct sure_bytes held = {call->reply_held.data, call->reply_held.len};
  sure__client_put(client, link,
                   &(struct sure__frame){
                       .type = SURE__SETTLE,
                       .clock = sure__client_stamp(client, now_ms),
                       .sequence = call->handle,
                       .settle = {.session = call->target.session,
                                  .target = call->target.id.sequence,
                                  .method = call->method->id,
                                  .fingerprint = call->target.fingerprint,
                                  .reply_held = (uint32_t)held.len,
                                  .reply_hash = held.len == 0 ? 0 : sure__reply_hash(held),
                                  .key = call->key},
                   });
  sure__client_watch(client, link, now_ms);
  sure__list_append(&link->settle_sent, &call->link);
}

/* The application settled the entry of a call that had ended before: no more can be learned. */
static void resolve_entry(struct sure__client *client, const struct sure__client_call *call,
                          uint64_t now_ms) {
  if (call->is_settle && call->target.id.epoch != 0) {
    sure__client_release(client, call->target.id, now_ms);
  }
}

bool sure__client_is_elsewhere(const struct sure__link *link,
                               const struct sure__client_call *call) {
  return memcmp(&call->target.store, &link->store, sizeof link->store) != 0;
}

/* Another store knows nothing of the call, and would say of its key that it never was used (S2). */
static bool must_not_ask(const struct sure__link *link, const struct sure__client_call *call) {
  return !SURE__MUTANT(SETTLE_IN_ANOTHER_STORE) && call->target.id.epoch != 0 &&
         sure__client_is_elsewhere(link, call);
}

void sure__client_end_elsewhere(struct sure__client *client, struct sure__client_call *call,
                                uint64_t now_ms) {
  struct sure__answer answer = {
      .code = call->is_settle ? SURE_FAILED_PRECONDITION : SURE_UNAVAILABLE,
      .reason = SURE_REASON_WRONG_STORE,
      .final = true,
      .text = sure__bytes_of("the endpoint serves another store now"),
  };
  resolve_entry(client, call, now_ms);
  sure__client_end(client, call, &answer, now_ms);
}

void sure__client_send_settles(struct sure__client *client, uint64_t now_ms) {
  while (!sure__list_is_empty(&client->settle_queue)) {
    struct sure__client_call *call =
        sure__container_of(client->settle_queue.next, struct sure__client_call, link);
    struct sure__link *link = sure__client_pick(client, call, now_ms);
    if (link == NULL) {
      return;
    }
    sure__list_remove(&call->link);
    if (must_not_ask(link, call)) {
      sure__client_end_elsewhere(client, call, now_ms);
    } else {
      send_settle(client, call, link, now_ms);
    }
  }
}

static void ask_again(struct sure__client *client, struct sure__client_call *call,
                      uint32_t retry_after_ms, uint64_t now_ms) {
  uint64_t pause_ms = retry_after_ms;
  if (pause_ms == 0 || retry_after_ms == SURE__RETRY_AFTER_NEVER_MS) {
    pause_ms = (uint64_t)ASK_AGAIN_MS * call->settle_count;
  }
  if (pause_ms > ASK_AGAIN_MS_MAX) {
    pause_ms = ASK_AGAIN_MS_MAX;
  }
  uint64_t at_ms = now_ms + sure__random_jitter(&client->random, pause_ms);
  sure__list_remove(&call->link);
  sure__timers_set(&client->timers, &call->timer,
                   at_ms < call->deadline_ms ? at_ms : call->deadline_ms);
}

/* What a verdict says; NOT_YET is none. */
static struct sure__answer verdict_answer(const struct sure__client_call *call,
                                          const struct sure__frame *frame) {
  const struct sure__result *result = &frame->settled.result;
  struct sure__answer answer = {
      .answered = true, .settled = true, .final = true, .stamp = frame->clock};
  switch ((enum sure__settle_verdict)frame->settled.verdict) {
  case SURE__SETTLED_RECORD:
    answer.code = result->code;
    answer.reason = result->reason;
    answer.recorded = true;
    answer.replayed = true;
    answer.text = result->text;
    answer.metadata = frame->metadata;
    answer.reply = frame->payload;
    break;
  case SURE__SETTLED_TOMBSTONE:
    answer.code = SURE_ABORTED;
    answer.reason = SURE_REASON_TOMBSTONE;
    answer.recorded = true;
    answer.text = sure__bytes_of("settled: it had not run, and never will");
    break;
  case SURE__SETTLED_KEY_REUSED:
    answer.code = SURE_FAILED_PRECONDITION;
    answer.reason = SURE_REASON_KEY_REUSED;
    answer.text = sure__bytes_of("another request came under the same idempotency key");
    break;
  case SURE__SETTLED_ALREADY_ACKED:
    answer.code = SURE_FAILED_PRECONDITION;
    answer.reason = SURE_REASON_STALE;
    answer.text = sure__bytes_of("its result was acknowledged before");
    break;
  case SURE__SETTLED_UNKNOWN:
    answer.code = call->is_settle ? SURE_FAILED_PRECONDITION : SURE_UNAVAILABLE;
    answer.reason = SURE_REASON_SESSION_LOST;
    answer.text = sure__bytes_of("the server has forgotten the session");
    break;
  case SURE__SETTLED_IN_DOUBT:
  case SURE__SETTLED_NOT_YET:
    answer.code = SURE_UNAVAILABLE;
    answer.reason = SURE_REASON_IN_DOUBT;
    answer.final = false;
    answer.text = sure__bytes_of("an external effect of a dead server is unresolved");
    break;
  }
  return answer;
}

const char *sure__client_on_settled(struct sure__client *client, const struct sure__frame *frame,
                                    uint64_t now_ms) {
  struct sure__index_link *link = sure__index_find(&client->by_handle, frame->sequence);
  if (link == NULL) {
    return frame->sequence <= client->handle_last ? NULL : "SETTLED that nobody asked for";
  }
  struct sure__client_call *call = sure__container_of(link, struct sure__client_call, by_handle);
  if (call->phase != SURE__CALL_SETTLING || call->settle_count == 0) {
    return "SETTLED that nobody asked for";
  }
  if (!call->is_asked) {
    return NULL; /* it was, over a connection that is lost since, or twice */
  }
  struct sure__frame whole = *frame;
  const char *problem = NULL;
  if (!sure__client_assemble(client, call, &call->first_attempt.assembly, &whole, &problem)) {
    return problem;
  }
  call->is_asked = false;
  if (whole.settled.result.encoding != 0) {
    return "SETTLED in an unknown encoding";
  }
  if (whole.settled.verdict == SURE__SETTLED_NOT_YET) {
    ask_again(client, call, whole.settled.result.retry_after_ms, now_ms);
    return NULL;
  }
  struct sure__answer answer = verdict_answer(call, &whole);
  if (answer.final) {
    resolve_entry(client, call, now_ms);
  }
  sure__client_end(client, call, &answer, now_ms);
  return NULL;
}
