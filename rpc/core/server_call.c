/* A call from its request to its end: joined or admitted, sent through the steps of its plan,
 * answered (docs/protocol.md, section 4; S6, S7, S16). */
#include "rpc/core/assert.h"
#include "rpc/core/fingerprint.h"
#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"
#include "rpc/core/server_stream.h"

#define ACK_DELAY_MS_DEFAULT 10u
/* Until an end that the store could not write is tried again. */
#define COMPLETE_AGAIN_MS 100

static bool is_exactly_once(const struct sure_call *call) {
  return call->method->table->semantics == SURE_EXACTLY_ONCE;
}

struct sure_call *sure__call_find_running(const struct sure__server_session *session,
                                          uint64_t sequence) {
  struct sure__index_link *link = sure__index_find(&session->running, sequence);
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure_call *call = sure__container_of(link, struct sure_call, running);
    if (is_exactly_once(call)) {
      return call;
    }
  }
  return NULL;
}

static struct sure__waiter *find_waiter(const struct sure__peer *peer, uint64_t sequence,
                                        const uint32_t *attempt) {
  struct sure__index_link *link = sure__index_find(&peer->session->running, sequence);
  for (; link != NULL; link = sure__index_next(link)) {
    struct sure_call *call = sure__container_of(link, struct sure_call, running);
    for (struct sure__list *l = call->waiters.next; l != &call->waiters; l = l->next) {
      struct sure__waiter *waiter = sure__container_of(l, struct sure__waiter, of_call);
      if (waiter->peer == peer && (attempt == NULL || waiter->attempt == *attempt)) {
        return waiter;
      }
    }
  }
  return NULL;
}

/* Says to all who wait that the call is in hand. */
static void accept(struct sure__server *server, const struct sure_call *call) {
  for (struct sure__list *l = call->waiters.next; l != &call->waiters; l = l->next) {
    struct sure__waiter *waiter = sure__container_of(l, struct sure__waiter, of_call);
    if (!waiter->is_accepted) {
      waiter->is_accepted = true;
      sure__peer_send(server, waiter->peer,
                      &(struct sure__frame){.type = SURE__ACCEPTED,
                                            .sequence = call->op.sequence,
                                            .attempt = waiter->attempt});
    }
  }
}

/* ---- the end of a call ---- */

static void submit(struct sure__server *server, struct sure_call *call, enum sure__call_step step,
                   enum sure_store_op_kind kind) {
  call->step = step;
  call->op.kind = kind;
  call->op.verdict = SURE_STORE_PENDING;
  sure__list_append(&server->actions.calls, &call->link);
}

static void run(struct sure__server *server, struct sure_call *call, enum sure__call_step step) {
  call->step = step;
  if (call->stream != NULL) {
    call->stream->has_run = true;
  }
  server->stats.runs++;
  sure__list_append(&server->actions.runs, &call->link);
}

/* Its handler is done, and the store knows of it. */
static void stop_working(struct sure__server *server, struct sure_call *call) {
  if (call->is_at_work) {
    sure__gate_leave(server->config.gate);
    call->is_at_work = false;
  }
  struct sure__list *link;
  while ((link = sure__list_pop(&call->parked)) != NULL) {
    /* The run has ended; what became of it the store knows (S12). */
    sure__task_submit(server, sure__container_of(link, struct sure__task, link));
  }
}

void sure__call_count_off(struct sure__server *server, struct sure_call *call) {
  if (call->is_counted) {
    sure__assert(server->running_count > 0 && "each running call was counted");
    server->running_count--;
    call->is_counted = false;
  }
}

void sure__call_stop_running(struct sure__server *server, struct sure_call *call) {
  struct sure__server_session *session = call->session;
  stop_working(server, call);
  sure__index_remove(&session->running, &call->running);
  sure__call_count_off(server, call);
  sure__call_free(server, call);
  sure__server_session_tidy(server, session);
}

/* The verdict in call->op stands: say it to all who wait. */
static void finish(struct sure__server *server, struct sure_call *call) {
  /* What commits as it goes has its result in the store, if it has one. */
  if (call->stream != NULL && call->stream->has_run && !call->method->plan.advances) {
    stop_working(server, call);
    sure__server_stream_ended(server, call);
    return;
  }
  sure__answer_call(server, call);
  sure__call_stop_running(server, call);
}

void sure__server_refuse(struct sure__server *server, struct sure_call *call, enum sure_code code,
                         enum sure_reason reason, const char *text) {
  while (!sure__list_is_empty(&call->waiters)) {
    struct sure__waiter *waiter =
        sure__container_of(call->waiters.next, struct sure__waiter, of_call);
    sure__answer_refusal(server, waiter->peer, call->op.sequence, waiter->attempt, code, reason,
                         SURE__NOT_RUN, text);
    sure__call_remove_waiter(waiter);
  }
  sure__call_stop_running(server, call);
}

/* ---- the steps of a plan ---- */

void sure__server_unpacked(struct sure__server *server, struct sure_call *call) {
  const struct sure__plan *plan = &call->method->plan;
  sure__assert(call->step == SURE__CALL_ADMITTED && "a call is unpacked once");
  if (plan->prepares) {
    run(server, call, SURE__CALL_PREPARES);
  } else if (plan->advances) {
    submit(server, call, SURE__CALL_CLAIMS, SURE_STORE_CLAIM);
  } else if (plan->claims && !SURE__MUTANT(EXTERNAL_WITHOUT_INTENT)) {
    submit(server, call, SURE__CALL_CLAIMS, SURE_STORE_INTENT);
  } else if (plan->in_store) {
    submit(server, call, SURE__CALL_IN_STORE, SURE_STORE_CALL);
  } else {
    run(server, call, SURE__CALL_RUNS);
  }
}

static void complete(struct sure__server *server, struct sure_call *call) {
  submit(server, call, SURE__CALL_COMPLETES,
         call->method->plan.advances ? SURE_STORE_CONCLUDE : SURE_STORE_COMPLETE);
}

void sure__call_advance(struct sure__server *server, struct sure_call *call) {
  sure__assert(call->step == SURE__CALL_RUNS && "its handler does one thing at a time");
  submit(server, call, SURE__CALL_ADVANCES, SURE_STORE_ADVANCE);
}

void sure__server_run_done(struct sure__server *server, struct sure_call *call) {
  const struct sure__plan *plan = &call->method->plan;
  if (call->step == SURE__CALL_RECONCILES) {
    sure__reconcile_asked(server, call);
    return;
  }
  if (call->step == SURE__CALL_PREPARES) {
    submit(server, call, SURE__CALL_IN_STORE, SURE_STORE_CALL);
    return;
  }
  sure__assert(call->step == SURE__CALL_RUNS && "only what was sent to run comes back");
  if (!plan->claims && server->config.committed_clock != NULL) {
    sure__stamp_raise(server->config.committed_clock, call->op.clock); /* nothing is to be kept */
  }
  bool has_failed = call->op.record.code != SURE_OK &&
                    call->op.record.reason != SURE_REASON_REPLY_LOST; /* that was OK */
  if (plan->claims) {
    /* An external effect that failed may have happened: its intent stays, in doubt (S15). */
    call->op.in_doubt = plan->external && has_failed && !call->is_not_applied &&
                        !SURE__MUTANT(EXTERNAL_FAILURE_IS_NOT_APPLIED);
    /* A failure does not close a call that has had effects: it can go on behind them. */
    bool can_go_on = plan->advances && has_failed && call->op.position > 0 &&
                     !SURE__MUTANT(STREAM_FAILURE_CLOSES_IT);
    call->op.record_wanted = !call->op.in_doubt && !call->is_unrecorded && !can_go_on;
    complete(server, call);
    return;
  }
  call->op.verdict = SURE_STORE_UNRECORDED;
  finish(server, call);
}

/* The store has run the handler, and did not find an answer that was there. */
static bool has_run_in_store(const struct sure_call *call) {
  enum sure_store_verdict verdict = call->op.verdict;
  return call->step == SURE__CALL_IN_STORE && !call->method->plan.prepares &&
         (verdict == SURE_STORE_RECORDED || verdict == SURE_STORE_UNRECORDED ||
          verdict == SURE_STORE_BROKE);
}

/* The call has run: a store that can't write its end now says nothing of whether it ran. */
static enum sure_store_verdict verdict_after_run(const struct sure_call *call) {
  switch (call->op.verdict) {
  case SURE_STORE_DONE:
    if (call->op.in_doubt) {
      return SURE_STORE_IN_DOUBT;
    }
    return call->op.record_wanted ? SURE_STORE_RECORDED : SURE_STORE_UNRECORDED;
  case SURE_STORE_LOST:
  case SURE_STORE_TAKEN_OVER:
  case SURE_STORE_FAILED:
    return call->op.verdict;
  default: /* the intent stays, so nothing runs again */
    return SURE_STORE_IN_DOUBT;
  }
}

/* Its run has ended and the store did not write that: it is busy, or its disk is full. Until it
 * does, the intent is in progress for all the world. False: it is given up, as the process ends,
 * and another will find the intent in doubt. */
static bool complete_again(struct sure__server *server, struct sure_call *call, uint64_t now_ms) {
  if (call->op.verdict == SURE_STORE_BUSY) {
    complete(server, call);
    return true;
  }
  if (call->op.verdict != SURE_STORE_FULL || server->is_draining) {
    return false;
  }
  call->step = SURE__CALL_WAITS;
  accept(server, call);
  sure__timers_set(&server->timers, &call->accept_timer, now_ms + COMPLETE_AGAIN_MS);
  return true;
}

void sure__call_store_done(struct sure__server *server, struct sure_call *call, uint64_t now_ms) {
  if (has_run_in_store(call)) {
    server->stats.runs++;
  }
  if (call->step == SURE__CALL_ADVANCES) {
    call->step = SURE__CALL_RUNS;
    sure__server_stream_advanced(server, call);
    return;
  }
  if (call->step == SURE__CALL_CLAIMS && call->op.verdict == SURE_STORE_GRANTED) {
    run(server, call, SURE__CALL_RUNS);
    if (call->method->plan.advances) {
      sure__server_stream_claimed(server, call);
    }
    return;
  }
  if (call->step == SURE__CALL_COMPLETES) {
    if (complete_again(server, call, now_ms)) {
      return;
    }
    call->op.verdict = verdict_after_run(call);
  }
  finish(server, call);
}

/* ---- admission ---- */

/* ACCEPTED is due to those who wait and have none yet. Inline calls answer at once. */
static void schedule_accept(struct sure__server *server, struct sure_call *call, uint64_t now_ms) {
  const struct sure_method *table = call->method->table;
  bool is_due = sure__timer_is_set(&call->accept_timer) && call->step != SURE__CALL_WAITS;
  if (call->method->plan.inlined || is_due) {
    return;
  }
  uint32_t delay_ms = table->ack_delay_ms == 0 ? ACK_DELAY_MS_DEFAULT : table->ack_delay_ms;
  sure__timers_set(&server->timers, &call->accept_timer, now_ms + delay_ms);
}

static bool is_streaming(const struct sure_call *call) {
  return call->method->table->client_streams || call->method->table->server_streams;
}

static bool join(struct sure__server *server, struct sure_call *running, struct sure__peer *peer,
                 uint32_t attempt) {
  return running->stream != NULL ? sure__server_stream_join(server, running, peer, attempt)
                                 : sure__call_add_waiter(running, peer, attempt);
}

static void answer_lost_stream(struct sure__server *server, struct sure__peer *peer,
                               const struct sure_call *call) {
  sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_UNAVAILABLE,
                       SURE_REASON_STREAM_LOST, 0, "the stream is not here any more");
}

/* It was elsewhere meanwhile: what runs here can't go on with it. If another run could, that begins
 * when this one has ended. */
static void answer_stream_elsewhere(struct sure__server *server, struct sure__peer *peer,
                                    struct sure_call *running, const struct sure_call *call) {
  if (!running->method->plan.advances) {
    answer_lost_stream(server, peer, call);
    return;
  }
  sure__server_stream_taken_over(server, running);
  sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_UNAVAILABLE,
                       SURE_REASON_TAKEN_OVER, 0, "an earlier run of the stream is still ending");
}

/* A stream that was begun here by an earlier attempt, and once more elsewhere, where the client
 * then had it from. */
static bool is_another_stream(const struct sure_call *running, const struct sure_call *call) {
  return running->stream != NULL && running->stream->attempt < call->resumes &&
         !SURE__MUTANT(STREAM_OF_ANOTHER_RUN_JOINED);
}

/* Joins the call that runs under the same number, if one does. False: it did, or the attempt was
 * refused; the caller frees its call object. */
static bool join_or_pass(struct sure__server *server, struct sure__peer *peer,
                         struct sure_call *call, uint64_t now_ms) {
  struct sure__server_session *session = peer->session;
  bool is_stream = is_streaming(call);
  if (!is_exactly_once(call) && !is_stream) {
    if (find_waiter(peer, call->op.sequence, NULL) != NULL) {
      sure__server_protocol_error(server, peer, "two attempts of an unrecorded call at once");
      return false;
    }
    return true;
  }
  struct sure_call *running = is_stream ? sure__server_stream_find(session, call->op.sequence)
                                        : sure__call_find_running(session, call->op.sequence);
  if (running == NULL || SURE__MUTANT(LOSER_OF_A_HEDGE_RUNS_TOO)) {
    return true;
  }
  if (!sure__fingerprint_equals(running->op.fingerprint, call->op.fingerprint)) {
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_FAILED_PRECONDITION,
                         SURE_REASON_SEQUENCE_REUSED, 0,
                         "another request came under the same call id");
    return false;
  }
  if (is_another_stream(running, call)) {
    answer_stream_elsewhere(server, peer, running, call);
    return false;
  }
  if (!SURE__MUTANT(WAITER_DROPPED) && !join(server, running, peer, call->attempt)) {
    sure__peer_close(server, peer, SURE__GOAWAY_OVERLOADED, "memory is short");
    return false;
  }
  uint64_t deadline_ms = atomic_load(&call->deadline_ms);
  if (deadline_ms > atomic_load(&running->deadline_ms)) {
    atomic_store(&running->deadline_ms, deadline_ms);
  }
  atomic_store(&running->is_cancelled, false);
  schedule_accept(server, running, now_ms);
  server->stats.joined++;
  return false;
}

struct refusal {
  enum sure_code code;
  enum sure_reason reason;
  const char *text;
};

/* Why a new call can't be admitted; NULL text: it can. Each of these attempts has not run. */
static struct refusal admission_refusal(const struct sure__server *server,
                                        const struct sure__peer *peer, const struct sure_call *call,
                                        uint64_t now_ms) {
  const struct sure__server_session *session = peer->session;
  if (session->is_none && call->method->table->semantics != SURE_NO_SIDE_EFFECTS) {
    return (struct refusal){SURE_FAILED_PRECONDITION, SURE_REASON_SESSION_LOST,
                            "this method needs a session"};
  }
  if (server->is_draining) {
    return (struct refusal){SURE_UNAVAILABLE, SURE_REASON_DRAINING, "the server is draining"};
  }
  if (atomic_load(&call->deadline_ms) <= now_ms) {
    return (struct refusal){SURE_DEADLINE_EXCEEDED, SURE_REASON_EXPIRED,
                            "the deadline had passed before the call ran"};
  }
  if (server->running_count >= server->config.running_calls_max) {
    return (struct refusal){SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED,
                            "the server runs as many calls as it may"};
  }
  return (struct refusal){0};
}

/* Load is shed here and nowhere else: what joins or is settled, acknowledged or cancelled never
 * comes this way. False: the attempt was turned away. */
static bool pass_gate(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                      uint64_t now_ms) {
  struct sure__gate *gate = server->config.gate;
  if (gate == NULL) {
    return true;
  }
  uint64_t time_left_ms = atomic_load(&call->deadline_ms) - now_ms;
  enum sure__gate_verdict verdict = sure__gate_enter(gate, call->attempt > 1, time_left_ms, now_ms);
  call->is_at_work = verdict == SURE__GATE_OPEN;
  if (!call->is_at_work) {
    sure__answer_overload(server, peer, call,
                          verdict == SURE__GATE_FULL ? "the server is at its limit"
                                                     : "it would not be done in time",
                          sure__gate_retry_after_ms(gate));
  }
  return call->is_at_work;
}

static void admit(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                  uint64_t now_ms) {
  struct sure__server_session *session = peer->session;
  bool has_waiter = sure__call_add_waiter(call, peer, call->attempt);
  sure__assert(has_waiter && "the first waiter is part of the call");
  call->session = session;
  call->op.session = session->id;
  call->op.principal = session->principal;
  call->op.record_wanted = is_exactly_once(call);
  if (SURE__MUTANT(LOSER_OF_A_HEDGE_RUNS_TOO) &&
      sure__call_find_running(session, call->op.sequence) != NULL) {
    call->op.record_wanted = false;
  }
  call->reply_len_max = peer->message_len_max < server->config.message_len_max
                            ? peer->message_len_max
                            : server->config.message_len_max;
  sure__index_add(&session->running, &call->running, call->op.sequence);
  server->running_count++;
  call->is_counted = true;
  session->may_have_records = session->may_have_records || is_exactly_once(call);
  if (call->stream != NULL) {
    sure__server_stream_attach(server, call);
  }
  schedule_accept(server, call, now_ms);
  call->step = SURE__CALL_ADMITTED;
  sure__list_append(&server->actions.admitted, &call->link);
}

/* False: the attempt was refused. */
static bool open_stream(struct sure__server *server, struct sure__peer *peer,
                        struct sure_call *call) {
  if (call->resumes > 0 && !call->method->plan.advances &&
      !SURE__MUTANT(STREAM_RUN_ANEW_IN_THE_MIDDLE)) {
    answer_lost_stream(server, peer, call);
    return false;
  }
  /* A client that acknowledges nothing could have any number of them linger. */
  bool is_full = server->stream_count >= server->config.running_calls_max;
  if (is_full || !sure__server_stream_open(server, call)) {
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_RESOURCE_EXHAUSTED,
                         SURE_REASON_OVERLOADED, SURE__NOT_RUN,
                         is_full ? "the server has as many streams as it may" : "memory is short");
    return false;
  }
  return true;
}

void sure__call_offer(struct sure__server *server, struct sure__peer *peer, struct sure_call *call,
                      uint64_t now_ms) {
  if (call->method == NULL) {
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_UNIMPLEMENTED,
                         SURE_REASON_NO_METHOD, SURE__NOT_RUN, "no such method here");
    sure__call_free(server, call);
    return;
  }
  call->op.fingerprint = sure__fingerprint(call->op.method, call->payload);
  if (call->op.sequence < peer->session->watermark) { /* its client has said so itself (S9) */
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, SURE_FAILED_PRECONDITION,
                         SURE_REASON_STALE, 0, "the call's result was acknowledged before");
    sure__call_free(server, call);
    return;
  }
  if (!join_or_pass(server, peer, call, now_ms)) {
    sure__call_free(server, call);
    return;
  }
  struct refusal refusal = admission_refusal(server, peer, call, now_ms);
  if (refusal.text != NULL) {
    sure__answer_refusal(server, peer, call->op.sequence, call->attempt, refusal.code,
                         refusal.reason, SURE__NOT_RUN, refusal.text);
    sure__call_free(server, call);
    return;
  }
  if (is_streaming(call) && !open_stream(server, peer, call)) {
    sure__call_free(server, call);
    return;
  }
  if (!pass_gate(server, peer, call, now_ms)) {
    sure__call_free(server, call);
    return;
  }
  admit(server, peer, call, now_ms);
}

/* ---- those who wait ---- */

void sure__call_on_cancel(struct sure__server *server, struct sure__peer *peer,
                          const struct sure__frame *frame) {
  struct sure__waiter *waiter = find_waiter(peer, frame->sequence, &frame->attempt);
  if (waiter == NULL && (sure__arrival_cancel(peer, frame->sequence, frame->attempt) ||
                         sure__message_cancel(server, peer, frame))) {
    return;
  }
  if (waiter == NULL) {
    return; /* the answer and the CANCEL have crossed */
  }
  struct sure_call *call = waiter->call;
  sure__call_remove_waiter(waiter);
  if (sure__list_is_empty(&call->waiters)) {
    atomic_store(&call->is_cancelled, true);
    sure__list_remove(&call->cancels);
    sure__list_append(&server->actions.cancelled, &call->cancels);
    if (call->stream != NULL) {
      sure__server_stream_cancelled(server, call);
    }
  }
}

void sure__call_drop_waiters(struct sure__peer *peer) {
  while (!sure__list_is_empty(&peer->waiters)) {
    sure__call_remove_waiter(sure__container_of(peer->waiters.next, struct sure__waiter, of_peer));
  }
}

void sure__call_timer_fired(struct sure__server *server, struct sure_call *call) {
  if (call->step == SURE__CALL_KEPT) {
    sure__kept_forget(server, call);
    return;
  }
  if (call->step == SURE__CALL_WAITS) {
    complete(server, call);
  }
  accept(server, call);
}
