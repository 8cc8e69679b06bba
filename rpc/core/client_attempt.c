/* Attempts: sending them, and what comes back (protocol 4 and 5). */
#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/client_stream.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"

static struct sure__attempt *attempt_at(struct sure__list *of_call) {
  return sure__container_of(of_call, struct sure__attempt, of_call);
}

/* ---- sending ---- */

/* The call's own, if it is free and nobody looks at it afterwards; hedged calls have several under
 * way. */
static struct sure__attempt *take_attempt(struct sure__client *client,
                                          struct sure__client_call *call) {
  if (call->first_attempt.link == NULL && !client->config.intercepts) {
    return &call->first_attempt;
  }
  struct sure__list *link = sure__list_pop(&client->attempt_pool);
  return link != NULL ? attempt_at(link) : sure__alloc(sizeof(struct sure__attempt));
}

/* Nothing was said of the attempt for too long, or nothing at all on its connection: attempts that
 * are given up early do not make a dead one look alive. */
static uint64_t silent_by_ms(const struct sure__client *client,
                             const struct sure__attempt *attempt) {
  uint64_t since_ms = attempt->link->asked_ms;
  if (since_ms == 0 || since_ms > attempt->sent_ms) {
    since_ms = attempt->sent_ms;
  }
  return since_ms + client->config.accept_timeout_ms;
}

static void begin_attempt(const struct sure__client *client, struct sure__attempt *attempt,
                          struct sure__client_call *call, struct sure__link *link,
                          uint64_t now_ms) {
  attempt->call = call;
  attempt->link = link;
  attempt->number = ++call->sent;
  attempt->is_accepted = false;
  attempt->is_resumed = false;
  attempt->sent_ms = now_ms;
  attempt->accept_by_ms = silent_by_ms(client, attempt);
  attempt->answer_by_ms =
      call->attempt_timeout_ms == 0 ? SURE__TIME_NEVER : now_ms + call->attempt_timeout_ms;
  sure__list_append(&call->attempts, &attempt->of_call);
  sure__list_append(&link->in_flight, &attempt->of_link);
  link->in_flight_count++;
  call->endpoint = link->endpoint->number;
}

/* A replica keeps no sessions: what is sent there is numbered by its handle, and acknowledges
 * nothing. */
static uint64_t sequence_of(const struct sure__client_call *call, const struct sure__link *link) {
  return link->is_replica ? call->handle : call->sequence;
}

static uint64_t watermark_of(struct sure__client *client, const struct sure__link *link) {
  if (link->is_replica) {
    return 1;
  }
  sure__client_session_told(client->session);
  return sure__client_session_watermark(client->session);
}

/* Of a stream that could not be begun anew: the server has it, or it is lost. */
static uint32_t resumed_attempt(const struct sure__client_call *call) {
  bool has_begun = call->stream != NULL && sure__stream_has_begun(&call->stream->ends);
  return has_begun ? call->stream->heard_attempt : 0;
}

static void put_request(struct sure__client *client, struct sure__attempt *attempt,
                        uint64_t now_ms) {
  struct sure__client_call *call = attempt->call;
  struct sure__link *link = attempt->link;
  uint64_t time_left_ms = call->deadline_ms > now_ms ? call->deadline_ms - now_ms : 1;
  struct sure__frame frame = {
      .type = SURE__REQUEST,
      .clock = sure__client_stamp(client, now_ms),
      .sequence = sequence_of(call, link),
      .attempt = attempt->number,
      .metadata = sure__client_attempt_metadata(call),
      .request = {.method = call->method->id,
                  .watermark = watermark_of(client, link),
                  .timeout_ms = (uint32_t)time_left_ms,
                  .resumes = resumed_attempt(call),
                  .key = call->key_is_beside ? call->key : (struct sure_bytes){0}},
      .payload = call->request,
  };
  attempt->is_resumed = attempt->number > 1 && sure__client_resume(link, &frame);
  if (frame.request.resumed.held > call->request_held) {
    call->request_held = frame.request.resumed.held;
    call->pause_count = 0; /* it gets on: the pauses before further attempts begin anew */
  }
  sure__client_put(client, link, &frame);
}

static void put_cancel(struct sure__client *client, const struct sure__attempt *attempt) {
  sure__client_put(client, attempt->link,
                   &(struct sure__frame){.type = SURE__CANCEL,
                                         .sequence = sequence_of(attempt->call, attempt->link),
                                         .attempt = attempt->number});
}

bool sure__client_send_attempt(struct sure__client *client, struct sure__client_call *call,
                               struct sure__link *link, uint64_t now_ms) {
  struct sure__attempt *attempt = take_attempt(client, call);
  if (attempt == NULL) {
    return false;
  }
  if (SURE__MUTANT(RETRY_UNDER_NEW_NUMBER) && call->session != NULL) {
    sure__client_ack(client, call, now_ms);
  }
  if (call->session == NULL && !link->is_replica) {
    sure__client_number(client, call);
  }
  sure__client_watch(client, link, now_ms);
  begin_attempt(client, attempt, call, link, now_ms);
  call->phase = SURE__CALL_SENT;
  client->stats.attempts++;
  put_request(client, attempt, now_ms);
  if (call->stream != NULL) {
    sure__client_stream_sent(call->stream, link, attempt->number);
  }
  call->leave = SURE__LEAVE_TO_ASK;
  return true;
}

static bool is_too_long(const struct sure__client_call *call, const struct sure__link *link) {
  return call->request.len > link->message_len_max;
}

static void fail_unsent(struct sure__client *client, struct sure__client_call *call,
                        const char *text, uint64_t now_ms) {
  struct sure__answer answer = {
      .code = SURE_RESOURCE_EXHAUSTED, .reason = SURE_REASON_CHANNEL, .text = sure__bytes_of(text)};
  sure__client_give_up(client, call, &answer, now_ms);
}

static void send_queued(struct sure__client *client, struct sure__client_call *call,
                        struct sure__link *link, uint64_t now_ms) {
  sure__list_remove(&call->link);
  if (call->has_store && !SURE__MUTANT(RETRY_TO_ANOTHER_STORE) &&
      sure__client_is_elsewhere(link, call)) {
    sure__client_end_elsewhere(client, call, now_ms);
    return;
  }
  if (is_too_long(call, link)) {
    fail_unsent(client, call, "the request is over the server's limit", now_ms);
    return;
  }
  if (!sure__client_send_attempt(client, call, link, now_ms)) {
    fail_unsent(client, call, "memory is short", now_ms);
    return;
  }
  call->hedge_at_ms =
      sure__client_is_hedged(call) ? now_ms + call->hedging.delay_ms : SURE__TIME_NEVER;
  sure__client_arm_call(client, call);
}

/* In their order; a call that can't go anywhere now only lets those past it that may go where it
 * may not (STALE_OK). */
void sure__client_send_queued(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *next;
  bool is_blocked = false;
  for (struct sure__list *l = client->queue.next; l != &client->queue; l = next) {
    next = l->next;
    struct sure__client_call *call = sure__container_of(l, struct sure__client_call, link);
    if (is_blocked && call->method->partition != SURE_PARTITION_STALE_OK) {
      continue;
    }
    if (!sure__client_may_begin(client, call)) {
      continue;
    }
    struct sure__link *link = sure__client_pick(client, call, now_ms);
    if (link != NULL) {
      send_queued(client, call, link, now_ms);
    } else if (client->replica_count == 0) {
      return;
    } else {
      is_blocked = true;
    }
  }
}

/* ---- giving up waiting ---- */

void sure__client_drop_attempt(struct sure__client *client, struct sure__attempt *attempt,
                               const struct sure__answer *how, uint64_t now_ms) {
  struct sure__client_call *call = attempt->call;
  sure__list_remove(&attempt->of_link);
  sure__list_remove(&attempt->of_call);
  sure__bodies_drop(&attempt->link->bodies, sequence_of(call, attempt->link), attempt->number);
  attempt->link->in_flight_count--;
  attempt->link = NULL;
  if (call->stream != NULL) {
    sure__client_stream_left(call->stream);
  }
  sure__client_keep_parts(call, &attempt->assembly);
  if (client->config.intercepts) {
    sure__client_report_attempt(client, attempt, how, now_ms);
  } else if (attempt != &call->first_attempt) {
    sure__list_append(&client->attempt_pool, &attempt->of_call);
  }
}

void sure__client_cancel_attempts(struct sure__client *client, struct sure__client_call *call,
                                  uint64_t now_ms) {
  static const struct sure__answer cancelled = {.code = SURE_CANCELLED,
                                                .reason = SURE_REASON_CHANNEL};
  while (!sure__list_is_empty(&call->attempts)) {
    struct sure__attempt *attempt = attempt_at(call->attempts.next);
    put_cancel(client, attempt);
    sure__client_drop_attempt(client, attempt, &cancelled, now_ms);
  }
}

static bool is_failure_of_endpoint(const struct sure__answer *answer) {
  return !answer->answered || answer->code == SURE_UNAVAILABLE;
}

void sure__client_fail_attempt(struct sure__client *client, struct sure__attempt *attempt,
                               const struct sure__answer *answer, uint64_t now_ms) {
  struct sure__client_call *call = attempt->call;
  sure__client_count_attempt(client, attempt->link->endpoint, is_failure_of_endpoint(answer),
                             now_ms);
  bool parts_are_gone =
      attempt->is_resumed && answer->not_run && answer->reason == SURE_REASON_PARTS_GONE;
  sure__client_drop_attempt(client, attempt, answer, now_ms);
  if (parts_are_gone && sure__list_is_empty(&call->attempts)) {
    call->free_count++; /* whole this time, for nothing: each link names what it has only once */
    sure__client_enqueue(client, call);
  } else if (call->reply_held.len > 0 && sure__list_is_empty(&call->attempts)) {
    sure__client_begin_settle(client, call); /* there is a record: nothing is run again (2.7) */
  } else if (sure__client_is_hedged(call)) {
    sure__client_hedge_failed(client, call, answer, now_ms);
  } else {
    sure__client_retry(client, call, answer, now_ms);
  }
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

void sure__client_arm_call(struct sure__client *client, struct sure__client_call *call) {
  uint64_t at_ms = earlier(call->deadline_ms, call->hedge_at_ms);
  for (struct sure__list *l = call->attempts.next; l != &call->attempts; l = l->next) {
    const struct sure__attempt *attempt = attempt_at(l);
    at_ms = earlier(at_ms, earlier(attempt->accept_by_ms, attempt->answer_by_ms));
  }
  sure__timers_set(&client->timers, &call->timer, at_ms);
}

static struct sure__attempt *find_due(const struct sure__client_call *call, uint64_t now_ms) {
  for (struct sure__list *l = call->attempts.next; l != &call->attempts; l = l->next) {
    struct sure__attempt *attempt = attempt_at(l);
    if (earlier(attempt->accept_by_ms, attempt->answer_by_ms) <= now_ms) {
      return attempt;
    }
  }
  return NULL;
}

/* A connection on which nothing is said is dead; one on which an answer takes long is not (S24). */
static void attempt_due(struct sure__client *client, struct sure__attempt *attempt,
                        uint64_t now_ms) {
  if (attempt->answer_by_ms <= now_ms) {
    struct sure__answer answer = {
        .code = SURE_DEADLINE_EXCEEDED,
        .reason = SURE_REASON_CHANNEL,
        .timed_out = true,
        .text = sure__bytes_of("an attempt took longer than its time-out"),
    };
    put_cancel(client, attempt);
    sure__client_fail_attempt(client, attempt, &answer, now_ms);
    return;
  }
  attempt->accept_by_ms = silent_by_ms(client, attempt);
  if (attempt->accept_by_ms > now_ms) {
    return; /* there was a word on the connection since */
  }
  sure__log_queue(&client->log, SURE_LOG_WARNING,
                  "no word about %s within the accept time-out: replacing the connection",
                  attempt->call->method->full_name);
  sure__client_drop_link(client, attempt->link, "the server says nothing", now_ms);
}

void sure__client_attempts_due(struct sure__client *client, struct sure__client_call *call,
                               uint64_t now_ms) {
  struct sure__attempt *attempt;
  while (call->phase == SURE__CALL_SENT && (attempt = find_due(call, now_ms)) != NULL) {
    attempt_due(client, attempt, now_ms);
  }
  if (call->phase == SURE__CALL_SENT && call->hedge_at_ms <= now_ms) {
    sure__client_hedge_due(client, call, now_ms);
  }
  if (call->phase == SURE__CALL_SENT) {
    sure__client_arm_call(client, call);
  }
}

/* ---- what comes back ---- */

static struct sure__client_call *find_call(const struct sure__client *client,
                                           const struct sure__link *link, uint64_t sequence) {
  if (!link->is_replica) {
    return sure__client_session_find(client->session, sequence);
  }
  struct sure__index_link *found = sure__index_find(&client->by_handle, sequence);
  return found == NULL ? NULL : sure__container_of(found, struct sure__client_call, by_handle);
}

/* The attempt under way that a frame is about; NULL when its call has ended meanwhile or it was
 * given up: such frames are late, not wrong. */
static struct sure__attempt *find_attempt(const struct sure__client *client,
                                          const struct sure__link *link,
                                          const struct sure__frame *frame) {
  struct sure__client_call *call = find_call(client, link, frame->sequence);
  if (call == NULL || call->phase != SURE__CALL_SENT) {
    return NULL;
  }
  for (struct sure__list *l = call->attempts.next; l != &call->attempts; l = l->next) {
    struct sure__attempt *attempt = attempt_at(l);
    if (attempt->number == frame->attempt && attempt->link == link) {
      return attempt;
    }
  }
  return NULL;
}

static bool is_unheard_of(const struct sure__client *client, const struct sure__link *link,
                          const struct sure__frame *frame) {
  if (link->is_replica) {
    return frame->sequence > client->handle_last;
  }
  return client->session == NULL || frame->sequence >= client->session->sequence_next;
}

const char *sure__client_on_accepted(struct sure__client *client, const struct sure__link *link,
                                     const struct sure__frame *frame) {
  if (is_unheard_of(client, link, frame)) {
    return "ACCEPTED for a call that was never made";
  }
  struct sure__attempt *attempt = find_attempt(client, link, frame);
  if (attempt != NULL && !attempt->is_accepted) {
    attempt->is_accepted = true; /* from here on keepalive watches (S24) */
    attempt->accept_by_ms = SURE__TIME_NEVER;
    sure__client_arm_call(client, attempt->call);
    if (attempt->call->stream != NULL) {
      sure__client_stream_accepted(client, attempt->call->stream);
    }
  }
  return NULL;
}

const char *sure__client_on_data(struct sure__client *client, const struct sure__link *link,
                                 const struct sure__frame *frame) {
  struct sure__attempt *attempt = find_attempt(client, link, frame);
  if (attempt == NULL) {
    return is_unheard_of(client, link, frame) ? "DATA of a call that was never made" : NULL;
  }
  return attempt->call->stream == NULL
             ? "DATA of a call that is no stream"
             : sure__client_stream_on_data(client, attempt->call->stream, frame);
}

const char *sure__client_on_window(struct sure__client *client, const struct sure__link *link,
                                   const struct sure__frame *frame, uint64_t now_ms) {
  struct sure__attempt *attempt = find_attempt(client, link, frame);
  if (attempt == NULL) {
    return is_unheard_of(client, link, frame) ? "WINDOW of a call that was never made" : NULL;
  }
  return attempt->call->stream == NULL
             ? "WINDOW of a call that is no stream"
             : sure__client_stream_on_window(client, attempt->call->stream, frame, now_ms);
}

static void on_reuse(struct sure__client *client, struct sure__client_call *call,
                     struct sure__answer *answer, uint64_t now_ms) {
  answer->final = true;
  sure__client_cancel_attempts(client, call, now_ms);
  sure__client_end(client, call, answer, now_ms);
  sure__client_end_session(client, SURE__SESSION_REUSED, NULL, now_ms);
}

static struct sure__answer answer_of(const struct sure__frame *frame) {
  const struct sure__result *result = &frame->response;
  return (struct sure__answer){
      .stamp = frame->clock,
      .code = result->code,
      .reason = result->reason,
      .answered = true,
      .not_run = (frame->flags & SURE__NOT_RUN) != 0,
      .recorded = (frame->flags & SURE__RECORDED) != 0,
      .replayed = (frame->flags & SURE__REPLAYED) != 0,
      .joined = (frame->flags & SURE__JOINED) != 0,
      .retry_after_ms = result->retry_after_ms,
      .text = result->text,
      .metadata = frame->metadata,
      .reply = frame->payload,
  };
}

/* The method's own failure, which its server neither keeps nor calls undone: a stream has had
 * effects before, and can be gone on with by its key. There is no more to be learned of it. */
static bool is_failure_after_effects(const struct sure__client_call *call,
                                     const struct sure__answer *answer, uint16_t flags) {
  const uint16_t undone = SURE__NOT_RUN | SURE__ROLLED_BACK;
  return call->method->semantics == SURE_EXACTLY_ONCE && call->method->client_streams &&
         answer->reason == SURE_REASON_NONE && !answer->recorded && (flags & undone) == 0;
}

static void take_answer(struct sure__client *client, struct sure__attempt *attempt,
                        const struct sure__frame *frame, uint64_t now_ms) {
  struct sure__client_call *call = attempt->call;
  struct sure__answer answer = answer_of(frame);
  answer.final = is_failure_after_effects(call, &answer, frame->flags);
  if ((frame->flags & (SURE__NOT_RUN | SURE__ROLLED_BACK)) != 0) {
    call->undone++;
  }
  if (answer.code == SURE_OK || answer.recorded) {
    sure__client_count_attempt(client, attempt->link->endpoint, false, now_ms);
    sure__retry_budget_count_success(&client->budget);
    sure__client_drop_attempt(client, attempt, &answer, now_ms);
    sure__client_cancel_attempts(client, call, now_ms);
    sure__client_end(client, call, &answer, now_ms); /* whatever the policy lists (S17) */
  } else if (answer.reason == SURE_REASON_STALE || answer.reason == SURE_REASON_SEQUENCE_REUSED) {
    on_reuse(client, call, &answer, now_ms);
  } else if (answer.reason == SURE_REASON_STREAM_LOST) {
    sure__client_drop_attempt(client, attempt, &answer, now_ms);
    sure__client_give_up(client, call, &answer, now_ms); /* no other attempt could do better */
  } else if (answer.reason == SURE_REASON_SESSION_LOST) {
    /* The session is over. Its calls, this one too, go on without it or are settled. */
    sure__client_end_session(client, SURE__SESSION_FENCED, NULL, now_ms);
  } else {
    sure__client_fail_attempt(client, attempt, &answer, now_ms);
  }
}

const char *sure__client_on_response(struct sure__client *client, struct sure__link *link,
                                     const struct sure__frame *frame, uint64_t now_ms) {
  if (is_unheard_of(client, link, frame)) {
    return "RESPONSE for a call that was never made";
  }
  struct sure__attempt *attempt = find_attempt(client, link, frame);
  if (attempt == NULL) {
    return NULL;
  }
  struct sure__frame whole = *frame;
  const char *problem = NULL;
  if (!sure__client_assemble(client, attempt->call, &attempt->assembly, &whole, &problem)) {
    return problem;
  }
  if (whole.response.encoding != 0) {
    return "RESPONSE in an unknown encoding";
  }
  const uint16_t undone = SURE__NOT_RUN | SURE__ROLLED_BACK;
  if (whole.response.code == SURE_OK && (whole.flags & undone) != 0) {
    return "RESPONSE that is OK and has no effect";
  }
  take_answer(client, attempt, &whole, now_ms);
  return NULL;
}
