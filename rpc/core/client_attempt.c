/* Attempts: sending, answers, retries (protocol 4 and 5). */
#include "rpc/core/client_state.h"
#include "rpc/core/mutant.h"
#include "rpc/core/retry.h"

bool sure__client_can_send(const struct sure__client *client) {
  return client->link.state == SURE__LINK_ATTACHED && !client->link.draining &&
         client->session != NULL && !client->shut_down;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static void send_attempt(struct sure__client *client, struct sure__client_call *call,
                         uint64_t now_ms) {
  struct sure__client_session *session = client->session;
  if (SURE__MUTANT(RETRY_UNDER_NEW_NUMBER) && call->session != NULL) {
    sure__client_ack(client, call, now_ms);
  }
  if (call->session == NULL) {
    sure__client_number(client, call);
  }
  uint64_t time_left_ms = call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 1;
  call->sent++;
  call->accepted = false;
  sure__client_forget_parts(call);
  call->phase = SURE__CALL_SENT;
  client->stats.attempts++;
  sure__client_put(
      client, &(struct sure__frame){
                  .type = SURE__REQUEST,
                  .sequence = call->sequence,
                  .attempt = call->sent,
                  .request = {.method = call->method->id,
                              .watermark = sure__client_session_watermark(session),
                              .timeout_ms = (uint32_t)time_left_ms,
                              .key = call->key_is_derived ? call->key : (struct sure_bytes){0}},
                  .payload = call->request,
              });
  sure__client_session_told(session);
  if (sure__list_is_empty(&client->in_flight)) {
    sure__client_watch(client, now_ms);
  }
  sure__list_append(&client->in_flight, &call->link);
  sure__timers_set(&client->timers, &call->timer,
                   earlier(call->deadline_ms, now_ms + call->attempt_timeout_ms));
}

static bool is_too_long(const struct sure__client *client, const struct sure__client_call *call) {
  return call->request.len > client->link.message_len_max;
}

void sure__client_send_queued(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *link;
  while (sure__client_can_send(client) && (link = sure__list_pop(&client->queue)) != NULL) {
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, link);
    if (!is_too_long(client, call)) {
      send_attempt(client, call, now_ms);
      continue;
    }
    struct sure__answer answer = {.code = SURE_RESOURCE_EXHAUSTED,
                                  .reason = SURE_REASON_CHANNEL,
                                  .text = sure__bytes_of("the request is over the server's limit")};
    sure__client_give_up(client, call, &answer, now_ms);
  }
}

void sure__client_send_cancel(struct sure__client *client, const struct sure__client_call *call) {
  sure__client_put(client, &(struct sure__frame){.type = SURE__CANCEL,
                                                 .sequence = call->sequence,
                                                 .attempt = call->sent});
}

/* It would be as large the next time (S17). */
static bool is_size_related(const struct sure__answer *answer) {
  return answer->reason == SURE_REASON_REPLY_TOO_LARGE || answer->reason == SURE_REASON_REPLY_LOST;
}

/* The pause before the next attempt; false when there must be none. */
static bool plan_retry(struct sure__client *client, const struct sure__client_call *call,
                       const struct sure__answer *answer, uint64_t *out_delay_ms) {
  const struct sure_retry_policy *policy = &call->retry;
  if ((policy->retryable_codes & SURE_CODE_BIT((unsigned)answer->code)) == 0 ||
      (call->method->semantics == SURE_AT_MOST_ONCE && !SURE__MUTANT(AT_MOST_ONCE_RETRIED)) ||
      is_size_related(answer) ||
      (policy->attempts_max != 0 && call->sent >= policy->attempts_max) ||
      answer->retry_after_ms == SURE__RETRY_AFTER_NEVER_MS) {
    return false;
  }
  *out_delay_ms = answer->retry_after_ms != 0
                      ? answer->retry_after_ms
                      : sure__retry_delay_ms(policy, call->sent, &client->random);
  return true;
}

void sure__client_give_up(struct sure__client *client, struct sure__client_call *call,
                          const struct sure__answer *answer, uint64_t now_ms) {
  bool worth_settling = call->method->semantics == SURE_EXACTLY_ONCE && !answer->final &&
                        sure__client_is_in_doubt(call, answer) && now_ms < call->deadline_ms;
  if (worth_settling) {
    sure__client_begin_settle(client, call);
  } else {
    sure__client_end(client, call, answer, now_ms);
  }
}

void sure__client_attempt_failed(struct sure__client *client, struct sure__client_call *call,
                                 const struct sure__answer *answer, uint64_t now_ms) {
  uint64_t delay_ms;
  if (!plan_retry(client, call, answer, &delay_ms) ||
      (now_ms + delay_ms >= call->deadline_ms &&
       !SURE__MUTANT(RETRY_AFTER_DEADLINE))) { /* the deadline would pass first (protocol 5.2) */
    sure__client_give_up(client, call, answer, now_ms);
    return;
  }
  call->phase = SURE__CALL_BACKOFF;
  sure__timers_set(&client->timers, &call->timer, now_ms + delay_ms);
}

/* The call in flight that a frame is about; NULL when it has ended meanwhile or the frame is about
 * an earlier attempt: such frames are late, not wrong. */
static struct sure__client_call *find_attempt(const struct sure__client *client,
                                              const struct sure__frame *frame) {
  struct sure__client_call *call = sure__client_session_find(client->session, frame->sequence);
  bool expected = call != NULL && call->phase == SURE__CALL_SENT && call->sent == frame->attempt;
  return expected ? call : NULL;
}

static bool is_unheard_of(const struct sure__client *client, const struct sure__frame *frame) {
  return client->session == NULL || frame->sequence >= client->session->sequence_next;
}

const char *sure__client_on_accepted(struct sure__client *client, const struct sure__frame *frame) {
  if (is_unheard_of(client, frame)) {
    return "ACCEPTED for a call that was never made";
  }
  struct sure__client_call *call = find_attempt(client, frame);
  if (call != NULL && !call->accepted) {
    call->accepted = true; /* from here on keepalive watches (S24) */
    sure__timers_set(&client->timers, &call->timer, call->deadline_ms);
  }
  return NULL;
}

static void on_reuse(struct sure__client *client, struct sure__client_call *call,
                     struct sure__answer *answer, uint64_t now_ms) {
  answer->final = true;
  sure__client_end(client, call, answer, now_ms);
  sure__client_end_session(client, SURE__SESSION_REUSED, now_ms);
  sure__client_drop_link(client, "the session is used by someone else", now_ms);
}

/* The session is over. Its calls, the one with this answer too, go on without it or are settled. */
static void on_session_lost(struct sure__client *client, uint64_t now_ms) {
  sure__client_end_session(client, SURE__SESSION_FENCED, now_ms);
  sure__client_drop_link(client, "the session is lost", now_ms);
}

static void take_answer(struct sure__client *client, struct sure__client_call *call,
                        const struct sure__frame *frame, uint64_t now_ms) {
  const struct sure__result *result = &frame->response;
  struct sure__answer answer = {
      .code = result->code,
      .reason = result->reason,
      .answered = true,
      .recorded = (frame->flags & SURE__RECORDED) != 0,
      .replayed = (frame->flags & SURE__REPLAYED) != 0,
      .joined = (frame->flags & SURE__JOINED) != 0,
      .retry_after_ms = result->retry_after_ms,
      .text = result->text,
      .reply = frame->payload,
  };
  sure__list_remove(&call->link);
  if ((frame->flags & (SURE__NOT_RUN | SURE__ROLLED_BACK)) != 0) {
    call->undone++;
  }
  if (result->code == SURE_OK || answer.recorded) {
    sure__client_end(client, call, &answer, now_ms); /* whatever the policy lists (S17) */
  } else if (result->reason == SURE_REASON_STALE || result->reason == SURE_REASON_SEQUENCE_REUSED) {
    on_reuse(client, call, &answer, now_ms);
  } else if (result->reason == SURE_REASON_SESSION_LOST) {
    on_session_lost(client, now_ms);
  } else {
    sure__client_attempt_failed(client, call, &answer, now_ms);
  }
}

const char *sure__client_on_response(struct sure__client *client, const struct sure__frame *frame,
                                     uint64_t now_ms) {
  if (is_unheard_of(client, frame)) {
    return "RESPONSE for a call that was never made";
  }
  struct sure__client_call *call = find_attempt(client, frame);
  if (call == NULL) {
    return NULL;
  }
  struct sure__frame whole = *frame;
  const char *problem = NULL;
  if (!sure__client_assemble(client, call, &whole, &problem)) {
    return problem;
  }
  if (whole.response.encoding != 0) {
    return "RESPONSE in an unknown encoding";
  }
  const uint16_t undone = SURE__NOT_RUN | SURE__ROLLED_BACK;
  if (whole.response.code == SURE_OK && (whole.flags & undone) != 0) {
    return "RESPONSE that is OK and has no effect";
  }
  take_answer(client, call, &whole, now_ms);
  return NULL;
}
