/* The beginning and the end of calls. */
#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/mutant.h"
#include "rpc/core/outcome.h"
#include "rpc/core/retry.h"

/* Whether a further call of this kind can be taken. */
static struct sure__refusal find_refusal(const struct sure__client *client,
                                         const struct sure__client_call *call) {
  if (client->shut_down) {
    return sure__refuse(SURE_FAILED_PRECONDITION, "the channel is being freed");
  }
  if (client->stats.open + client->unresolved_count >= SURE_OPEN_CALLS_MAX) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "too many calls are open");
  }
  if (call->is_settle) {
    return (struct sure__refusal){0}; /* what makes fewer of them is not refused for the others */
  }
  if (call->stream != NULL && sure__client_is_hedged(call)) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "a stream can't be hedged");
  }
  if (call->method->semantics == SURE_AT_MOST_ONCE && sure__client_is_hedged(call)) {
    return sure__refuse(SURE_INVALID_ARGUMENT, "an AT_MOST_ONCE method can't be hedged");
  }
  if (call->method->semantics == SURE_EXACTLY_ONCE &&
      client->unresolved_count >= client->config.unresolved_calls_max) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED,
                        "too many calls are unresolved: settle or release them");
  }
  uint32_t server_max = client->message_len_max;
  if (call->request.len > client->config.message_len_max ||
      (server_max != 0 && call->request.len > server_max)) {
    return sure__refuse(SURE_RESOURCE_EXHAUSTED, "the request is over the message limit");
  }
  if (client->connectivity == SURE_TRANSIENT_FAILURE && client->refusal != SURE_OK) {
    return (struct sure__refusal){client->refusal, SURE_REASON_REFUSED,
                                  "the server does not let this client in"};
  }
  if (call->is_fail_fast && client->connectivity == SURE_TRANSIENT_FAILURE) {
    return (struct sure__refusal){SURE_UNAVAILABLE, SURE_REASON_CONNECTION,
                                  "no endpoint can be reached, and the call does not wait"};
  }
  return (struct sure__refusal){0};
}

static void open_call(struct sure__client *client, struct sure__client_call *call,
                      uint64_t now_ms) {
  if (call->stream != NULL) {
    call->stream->call = call;
    call->stream->ends.out.may_jump = call->key_is_beside;
    call->attempt_timeout_ms = 0; /* it takes as long as it goes on */
  }
  call->handle = ++client->handle_last;
  call->deadline_ms = now_ms + call->timeout_ms;
  sure__list_init(&call->attempts);
  sure__index_add(&client->by_handle, &call->by_handle, call->handle);
  client->stats.open++;
  if (call->is_cancel_wanted) {
    sure__list_append(&client->cancelling, &call->cancels);
  }
  if (client->is_idle) {
    sure__client_wake(client, now_ms);
  }
}

struct sure__refusal sure__client_start(struct sure__client *client, struct sure__client_call *call,
                                        uint64_t now_ms) {
  struct sure__refusal refusal = find_refusal(client, call);
  if (refusal.text != NULL) {
    return refusal;
  }
  call->retry = sure__retry_defaults(&call->retry);
  sure__retry_budget_count_call(&client->budget, now_ms);
  open_call(client, call, now_ms);
  sure__client_enqueue(client, call);
  sure__client_send_queued(client, now_ms);
  return refusal;
}

struct sure__refusal sure__client_settle(struct sure__client *client,
                                         struct sure__client_call *call, uint64_t now_ms) {
  call->is_settle = true;
  struct sure__refusal refusal = find_refusal(client, call);
  if (refusal.text == NULL) {
    refusal = sure__client_find_target(client, call);
  }
  if (refusal.text == NULL) {
    open_call(client, call, now_ms);
    sure__client_begin_settle(client, call);
    sure__client_pump(client, now_ms);
  }
  return refusal;
}

void sure__client_enqueue(struct sure__client *client, struct sure__client_call *call) {
  call->phase = SURE__CALL_QUEUED;
  sure__list_append(&client->queue, &call->link);
  sure__timers_set(&client->timers, &call->timer, call->deadline_ms);
}

/* ---- the end ---- */

static enum sure_outcome judge(const struct sure__client_call *call,
                               const struct sure__answer *answer) {
  return sure__outcome(&(struct sure__evidence){
      .semantics = call->method->semantics,
      /* A settle by the application knows nothing but its answer. */
      .sent = call->is_settle ? 1 : call->sent,
      .undone = call->undone,
      .answered = answer->answered,
      .recorded = answer->recorded,
      /* Only SETTLE closes the call as well; a key that is taken now may be free again later. */
      .key_reused = answer->settled && answer->reason == SURE_REASON_KEY_REUSED,
      .reply_lost = answer->answered && answer->reason == SURE_REASON_REPLY_LOST,
      .code = answer->code,
  });
}

bool sure__client_is_in_doubt(const struct sure__client_call *call,
                              const struct sure__answer *answer) {
  return judge(call, answer) == SURE_OUTCOME_UNKNOWN &&
         !(answer->answered && answer->code == SURE_OK);
}

static void count_end(struct sure__client *client, const struct sure__client_call *call,
                      const struct sure__answer *answer, uint64_t now_ms) {
  client->stats.open--;
  client->stats.calls += call->sent > 0;
  client->stats.replayed += answer->replayed;
  client->stats.joined += answer->joined;
  client->stats.settled += answer->settled && answer->recorded;
  client->busy_at_ms = now_ms;
}

/* Its number: kept when nobody knows what became of it and somebody may still find out (S10). */
static void close_number(struct sure__client *client, struct sure__client_call *call,
                         const struct sure__answer *answer, uint64_t now_ms) {
  bool keep = !SURE__MUTANT(UNKNOWN_ACKED) && call->method->semantics == SURE_EXACTLY_ONCE &&
              !answer->final && sure__client_is_in_doubt(call, answer);
  if (keep) {
    call->unresolved = true;
    sure__client_set_target(call);
    client->unresolved_count++;
  } else {
    sure__client_ack(client, call, now_ms);
  }
}

/* Where the last attempt went; empty when memory is short or the endpoint is gone. */
static struct sure_bytes peer_of(const struct sure__client *client,
                                 struct sure__client_call *call) {
  struct sure_bytes peer = {0};
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    const struct sure__endpoint *endpoint = sure__container_of(l, struct sure__endpoint, of_client);
    if (endpoint->number == call->endpoint) {
      (void)sure__arena_copy(&call->arena, sure__bytes_of(endpoint->url), &peer);
    }
  }
  return peer;
}

static bool is_short_of_messages(const struct sure__client_call *call) {
  return call->stream != NULL && call->stream->ends.receives && !call->stream->ends.in.has_ended;
}

/* What the caller is told. A call that he has cancelled ends CANCELLED whatever became of its
 * effect; the outcome says that. */
static struct sure__end end_of(const struct sure__client_call *call,
                               const struct sure__answer *answer) {
  struct sure__end end = {
      .code = answer->code,
      .outcome = judge(call, answer),
      .reason = answer->reason,
      .is_answered = answer->answered,
      .attempts = call->sent,
      .stamp = answer->stamp,
      .replayed = answer->replayed,
      .recorded = answer->recorded,
      .settled = answer->settled,
      .id = call->is_settle ? call->target.id : (struct sure_call_id){0},
      .text = answer->text,
      .metadata = answer->metadata,
      .reply = answer->code == SURE_OK ? answer->reply : (struct sure_bytes){0},
  };
  if (answer->code == SURE_OK && is_short_of_messages(call)) {
    end.code = SURE_DATA_LOSS;
    end.reason = SURE_REASON_STREAM_LOST;
    end.text = sure__bytes_of("it was done, and not all of its messages came");
    end.reply = (struct sure_bytes){0};
  }
  if (call->is_cancelled) {
    end.code = SURE_CANCELLED;
    end.reason = SURE_REASON_CHANNEL;
    end.text = sure__bytes_of("cancelled by the caller");
    end.reply = (struct sure_bytes){0};
  }
  return end;
}

void sure__client_end(struct sure__client *client, struct sure__client_call *call,
                      const struct sure__answer *answer, uint64_t now_ms) {
  sure__assert(call->phase != SURE__CALL_ENDED && "a call ends once");
  sure__assert(sure__list_is_empty(&call->attempts) && "and with all of its attempts");
  sure__timers_cancel(&client->timers, &call->timer);
  sure__list_remove(&call->link);
  sure__list_remove(&call->asks);
  sure__list_remove(&call->cancels);
  sure__index_remove(&client->by_handle, &call->by_handle);
  count_end(client, call, answer, now_ms);
  call->phase = SURE__CALL_ENDED;
  call->end = end_of(call, answer);
  if (call->end.code != SURE_OK) {
    call->end.peer = peer_of(client, call);
  }
  if (call->session != NULL) {
    call->end.id = (struct sure_call_id){call->session->epoch, call->sequence};
    close_number(client, call, answer, now_ms);
  }
  if (call->stream != NULL) {
    sure__client_stream_ended(client, call->stream);
    call->stream = NULL;
  }
  sure__list_append(&client->completed, &call->link);
}

void sure__client_give_up(struct sure__client *client, struct sure__client_call *call,
                          const struct sure__answer *answer, uint64_t now_ms) {
  bool worth_settling = call->method->semantics == SURE_EXACTLY_ONCE && !answer->final &&
                        sure__client_is_in_doubt(call, answer) && now_ms < call->deadline_ms;
  sure__client_cancel_attempts(client, call, now_ms);
  if (worth_settling) {
    sure__client_begin_settle(client, call);
  } else {
    sure__client_end(client, call, answer, now_ms);
  }
}

/* The server need not go on for this waiter (S16). */
void sure__client_abandon(struct sure__client *client, struct sure__client_call *call,
                          enum sure_code code, const char *text, uint64_t now_ms) {
  sure__client_cancel_attempts(client, call, now_ms);
  struct sure__answer answer = {
      .code = code, .reason = SURE_REASON_CHANNEL, .text = sure__bytes_of(text)};
  sure__client_end(client, call, &answer, now_ms);
}

static void expire(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms) {
  const char *text = "deadline exceeded";
  if (call->phase == SURE__CALL_QUEUED && call->sent == 0) {
    text = "deadline exceeded without a connection";
  } else if (call->phase == SURE__CALL_SETTLING) {
    text = "deadline exceeded while settling";
  }
  sure__client_abandon(client, call, SURE_DEADLINE_EXCEEDED, text, now_ms);
}

void sure__client_call_due(struct sure__client *client, struct sure__client_call *call,
                           uint64_t now_ms) {
  if (now_ms >= call->deadline_ms) {
    expire(client, call, now_ms);
    return;
  }
  switch (call->phase) {
  case SURE__CALL_SENT:
    sure__client_attempts_due(client, call, now_ms);
    break;
  case SURE__CALL_BACKOFF:
    sure__client_enqueue(client, call);
    break;
  case SURE__CALL_SETTLING:
    sure__client_enqueue_settle(client, call);
    break;
  case SURE__CALL_IDLE:
  case SURE__CALL_QUEUED:
  case SURE__CALL_ENDED:
    sure__assert(false && "these wait for nothing but their deadline");
  }
}

/* A cancelled call whose effect may have happened is settled before it ends, as long as a server
 * can be asked: then it has either happened, or never will. That takes no longer than a server has
 * to say a word. */
static void cancel(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms) {
  struct sure__answer answer = {.code = SURE_CANCELLED,
                                .reason = SURE_REASON_CHANNEL,
                                .text = sure__bytes_of("cancelled by the caller")};
  call->is_cancelled = !call->is_settle;
  if (call->is_settle || sure__client_any_link(client) == NULL) {
    sure__client_abandon(client, call, answer.code, "cancelled by the caller", now_ms);
    return;
  }
  uint64_t patience_ms = now_ms + client->config.accept_timeout_ms;
  if (patience_ms < call->deadline_ms) {
    call->deadline_ms = patience_ms;
  }
  if (call->phase == SURE__CALL_SETTLING) {
    if (call->is_asked) {
      sure__timers_set(&client->timers, &call->timer, call->deadline_ms);
    } else {
      sure__client_enqueue_settle(client, call);
    }
    return;
  }
  sure__list_remove(&call->link);
  sure__client_give_up(client, call, &answer, now_ms);
}

void sure__client_cancel(struct sure__client *client, uint64_t handle, uint64_t now_ms) {
  struct sure__index_link *link = sure__index_find(&client->by_handle, handle);
  if (link != NULL) {
    cancel(client, sure__container_of(link, struct sure__client_call, by_handle), now_ms);
    sure__client_pump(client, now_ms);
  }
}

void sure__client_cancel_soon(struct sure__client *client, struct sure__client_call *call) {
  bool is_open = call->phase != SURE__CALL_IDLE && call->phase != SURE__CALL_ENDED;
  if (is_open && !call->is_cancel_wanted) {
    sure__list_append(&client->cancelling, &call->cancels);
  }
  call->is_cancel_wanted = true;
}

void sure__client_cancel_wanted(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *link;
  while ((link = sure__list_pop(&client->cancelling)) != NULL) {
    cancel(client, sure__container_of(link, struct sure__client_call, cancels), now_ms);
  }
}
