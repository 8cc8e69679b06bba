/* The client engine's doors: set-up, bytes, time. */
#include "rpc/core/client.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"

/* The engine's own timers: dial, acknowledgments, idleness, outliers. */
enum { OWN_TIMER_COUNT = 4 };

bool sure__client_init(struct sure__client *client, const struct sure__client_config *config) {
  *client = (struct sure__client){
      .config = *config, .random = config->random_seed, .connectivity = SURE_CONNECTING};
  sure__list_init(&client->acting);
  sure__list_init(&client->completed);
  sure__list_init(&client->woken);
  sure__list_init(&client->asking);
  sure__list_init(&client->ended_attempts);
  sure__list_init(&client->pool);
  sure__list_init(&client->attempt_pool);
  sure__list_init(&client->queue);
  sure__list_init(&client->settle_queue);
  sure__list_init(&client->cancelling);
  sure__list_init(&client->endpoints);
  sure__list_init(&client->links);
  sure__list_init(&client->sessions);
  sure__index_init(&client->by_handle);
  client->dial_timer.kind = SURE__CLIENT_TIMER_DIAL;
  client->ack_timer.kind = SURE__CLIENT_TIMER_ACK;
  client->idle_timer.kind = SURE__CLIENT_TIMER_IDLE;
  client->outlier_timer.kind = SURE__CLIENT_TIMER_OUTLIER;
  sure__retry_budget_init(&client->budget, &config->retry_budget, &config->retry_throttling);
  return sure__client_reserve_timers(client, OWN_TIMER_COUNT);
}

bool sure__client_reserve_timers(struct sure__client *client, size_t count) {
  if (!sure__timers_reserve(&client->timers, client->timer_count + count)) {
    return false;
  }
  client->timer_count += count;
  return true;
}

static void free_call(struct sure__client_call *call) {
  sure__arena_fini(&call->arena);
  sure__buffer_fini(&call->first_attempt.assembly.parts);
  sure__buffer_fini(&call->answer);
  sure__buffer_fini(&call->reply_held);
  sure__free(call);
}

static void free_calls(struct sure__list *list) {
  struct sure__list *link;
  while ((link = sure__list_pop(list)) != NULL) {
    free_call(sure__container_of(link, struct sure__client_call, link));
  }
}

static void free_attempts(struct sure__list *list) {
  struct sure__list *link;
  while ((link = sure__list_pop(list)) != NULL) {
    struct sure__attempt *attempt = sure__container_of(link, struct sure__attempt, of_call);
    sure__buffer_fini(&attempt->assembly.parts);
    sure__free(attempt);
  }
}

static void free_session(struct sure__client_session *session) {
  struct sure__list *link;
  while ((link = sure__list_pop(&session->open)) != NULL) {
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, open_link);
    sure__assert(call->unresolved && "all other calls have been delivered");
    free_call(call);
  }
  sure__index_fini(&session->by_sequence);
  sure__free(session);
}

void sure__client_fini(struct sure__client *client) {
  sure__assert(sure__list_is_empty(&client->completed) && client->stats.open == 0 &&
               "all calls have been delivered");
  sure__assert(sure__list_is_empty(&client->links) && "all links have been closed");
  struct sure__list *link;
  while ((link = sure__list_pop(&client->sessions)) != NULL) {
    free_session(sure__container_of(link, struct sure__client_session, link));
  }
  while ((link = sure__list_pop(&client->endpoints)) != NULL) {
    sure__free(sure__container_of(link, struct sure__endpoint, of_client));
  }
  free_calls(&client->pool);
  free_attempts(&client->attempt_pool);
  sure__timers_fini(&client->timers);
  sure__index_fini(&client->by_handle);
}

struct sure__client_call *sure__client_call_new(struct sure__client *client) {
  struct sure__list *link = sure__list_pop(&client->pool);
  if (link != NULL) {
    return sure__container_of(link, struct sure__client_call, link);
  }
  struct sure__client_call *call = sure__alloc(sizeof *call);
  /* Room for its timer comes with the call, so that setting it can't fail. */
  if (call == NULL || !sure__client_reserve_timers(client, 1)) {
    sure__free(call);
    return NULL;
  }
  return call;
}

/* Of a call that ended UNKNOWN its number and key are kept, not its payload (S10); without memory
 * for a copy of the key, the payload stays with it. */
static void shrink_to_entry(struct sure__client_call *call) {
  struct sure__arena small = {0};
  sure__buffer_fini(&call->first_attempt.assembly.parts);
  sure__buffer_fini(&call->answer);
  call->request = (struct sure_bytes){0};
  call->metadata = (struct sure_bytes){0};
  if (sure__arena_copy(&small, call->key, &call->key)) {
    sure__arena_fini(&call->arena);
    call->arena = small;
  }
}

void sure__client_recycle(struct sure__client *client, struct sure__client_call *call) {
  sure__client_forget_parts(&call->first_attempt.assembly);
  sure__buffer_clear(&call->answer, SURE__ANSWER_KEPT_MAX);
  sure__buffer_clear(&call->reply_held, 0);
  call->delivered = true;
  if (call->unresolved) {
    shrink_to_entry(call); /* its session keeps it */
    return;
  }
  struct sure__arena arena = call->arena;
  struct sure__buffer parts = call->first_attempt.assembly.parts;
  struct sure__buffer answer = call->answer;
  sure__arena_reset(&arena);
  *call = (struct sure__client_call){
      .arena = arena, .answer = answer, .first_attempt.assembly.parts = parts};
  sure__list_append(&client->pool, &call->link);
}

void sure__client_touch(struct sure__client *client, struct sure__link *link) {
  if (!sure__list_is_linked(&link->acting)) {
    sure__list_append(&client->acting, &link->acting);
  }
}

void sure__client_put(struct sure__client *client, struct sure__link *link,
                      const struct sure__frame *frame) {
  bool is_long = sure__is_long(frame->payload.len);
  if (is_long ? !sure__bodies_add(&link->bodies, frame) : !sure__frame_encode(&link->out, frame)) {
    link->out_of_memory = true;
  }
  sure__client_touch(client, link);
  if (is_long) {
    sure__client_pump_link(client, link);
  }
}

static void drop_broken_links(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *next;
  for (struct sure__list *l = client->links.next; l != &client->links; l = next) {
    next = l->next;
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link->out_of_memory) {
      sure__client_drop_link(client, link, "memory is short", now_ms);
    }
  }
}

void sure__client_pump(struct sure__client *client, uint64_t now_ms) {
  sure__client_send_settles(client, now_ms);
  sure__client_send_queued(client, now_ms);
  sure__client_pump_streams(client);
  sure__client_tell_acks(client, now_ms);
  drop_broken_links(client, now_ms);
  sure__client_end_drained(client, now_ms);
  sure__client_dial(client, now_ms);
  sure__client_look_around(client, now_ms);
}

static void on_pong(struct sure__client *client, struct sure__link *link,
                    const struct sure__frame *frame, uint64_t now_ms) {
  if (frame->sequence != SURE__PING_PARTING || !link->is_parting) {
    return; /* for keepalive, that anything came is all that counts */
  }
  if (client->shut_down) {
    client->parted = true;
  } else {
    sure__client_drop_link(client, link, "the channel is idle", now_ms);
  }
}

uint64_t sure__client_stamp(const struct sure__client *client, uint64_t now_ms) {
  return client->config.clock == NULL ? 0 : sure__hlc_now(client->config.clock, now_ms);
}

static void hear_stamp(struct sure__client *client, struct sure__link *link,
                       const struct sure__frame *frame, uint64_t now_ms) {
  const struct sure__client_config *config = &client->config;
  if (config->clock == NULL || (frame->flags & SURE__CONT) != 0 ||
      sure__hlc_merge(config->clock, frame->clock, config->clock_drift_ms_max, now_ms)) {
    return;
  }
  if (!link->is_clock_ahead) {
    link->is_clock_ahead = true;
    sure__log_queue(&client->log, SURE_LOG_WARNING,
                    "the clock of %s is far ahead: its stamps are not believed",
                    link->endpoint->url);
  }
}

static const char *on_answer(struct sure__client *client, struct sure__link *link,
                             const struct sure__frame *frame, uint64_t now_ms) {
  if (link->state != SURE__LINK_ATTACHED) {
    return "an answer before ATTACHED";
  }
  if (link->is_parting) {
    return NULL; /* late: nobody waits for anything over this link */
  }
  switch (frame->type) {
  case SURE__ACCEPTED:
    return sure__client_on_accepted(client, link, frame);
  case SURE__DATA:
    return sure__client_on_data(client, link, frame);
  case SURE__WINDOW:
    return sure__client_on_window(client, link, frame, now_ms);
  default:
    break;
  }
  hear_stamp(client, link, frame, now_ms);
  return frame->type == SURE__RESPONSE ? sure__client_on_response(client, link, frame, now_ms)
                                       : sure__client_on_settled(client, frame, now_ms);
}

static const char *on_frame(struct sure__client *client, struct sure__link *link,
                            const struct sure__frame *frame, uint64_t now_ms) {
  switch (frame->type) {
  case SURE__WELCOME:
    return sure__client_on_welcome(client, link, frame, now_ms);
  case SURE__ATTACHED:
    return sure__client_on_attached(client, link, frame, now_ms);
  case SURE__GOAWAY:
    return sure__client_on_goaway(client, link, frame, now_ms);
  case SURE__ACCEPTED:
  case SURE__RESPONSE:
  case SURE__SETTLED:
  case SURE__DATA:
  case SURE__WINDOW:
    return on_answer(client, link, frame, now_ms);
  case SURE__PING:
    sure__client_put(client, link,
                     &(struct sure__frame){.type = SURE__PONG, .sequence = frame->sequence});
    return NULL;
  case SURE__PONG:
    on_pong(client, link, frame, now_ms);
    return NULL;
  default:
    return (frame->type & 0x80) != 0 ? NULL : "a frame that only clients send";
  }
}

void sure__client_receive(struct sure__client *client, struct sure__link *link,
                          struct sure_bytes frames, uint64_t now_ms) {
  link->quiet_since_ms = now_ms;
  link->asked_ms = 0;
  link->pinged = false;
  while (frames.len > 0 && link->close_reason == NULL) {
    struct sure__frame frame;
    size_t len = 0;
    const char *problem = "half a frame";
    if (sure__frame_decode(frames, &frame, &len, &problem) == SURE__DECODED_FRAME) {
      problem = on_frame(client, link, &frame, now_ms);
    }
    if (problem != NULL) {
      sure__log_queue(&client->log, SURE_LOG_ERROR, "protocol error of the server: %s", problem);
      sure__client_blame_link(link);
      sure__client_drop_link(client, link, problem, now_ms);
      break;
    }
    frames.data += len;
    frames.len -= len;
  }
  sure__client_pump(client, now_ms);
}

/* Frames are handled in order: the answer to the PING says that the server has the rest too. */
void sure__client_shut_down(struct sure__client *client, uint64_t now_ms) {
  client->shut_down = true;
  sure__timers_cancel(&client->timers, &client->dial_timer);
  struct sure__index_link *link;
  while ((link = sure__index_any(&client->by_handle)) != NULL) {
    sure__client_abandon(client, sure__container_of(link, struct sure__client_call, by_handle),
                         SURE_CANCELLED, "the channel is being freed", now_ms);
  }
  struct sure__link *last = client->session == NULL ? NULL : sure__client_any_link(client);
  client->parted = last == NULL;
  if (last != NULL) {
    sure__client_send_ack(client, last);
    sure__client_put(client, last, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
    sure__client_put(client, last,
                     &(struct sure__frame){.type = SURE__PING, .sequence = SURE__PING_PARTING});
    last->is_parting = true;
  }
  sure__client_look_around(client, now_ms);
}

void sure__client_hang_up(struct sure__client *client, uint64_t now_ms) {
  struct sure__list *next;
  for (struct sure__list *l = client->links.next; l != &client->links; l = next) {
    next = l->next;
    sure__client_drop_link(client, sure__container_of(l, struct sure__link, of_client),
                           "the channel is freed", now_ms);
  }
  client->parted = true;
}

static void timer_due(struct sure__client *client, struct sure__timer *timer, uint64_t now_ms) {
  switch ((enum sure__client_timer)timer->kind) {
  case SURE__CLIENT_TIMER_CALL:
    sure__client_call_due(client, sure__container_of(timer, struct sure__client_call, timer),
                          now_ms);
    break;
  case SURE__CLIENT_TIMER_LINK:
    sure__client_link_due(client, sure__container_of(timer, struct sure__link, timer), now_ms);
    break;
  case SURE__CLIENT_TIMER_KEEPALIVE:
    sure__client_keepalive_due(client, sure__container_of(timer, struct sure__link, keepalive),
                               now_ms);
    break;
  case SURE__CLIENT_TIMER_IDLE:
    sure__client_idle_due(client, now_ms);
    break;
  case SURE__CLIENT_TIMER_OUTLIER:
    sure__client_outliers_due(client, now_ms);
    break;
  case SURE__CLIENT_TIMER_DIAL:
    client->dial_is_due = true;
    break;
  case SURE__CLIENT_TIMER_ACK:
    break; /* the pump looks */
  }
}

void sure__client_advance(struct sure__client *client, uint64_t now_ms) {
  struct sure__timer *timer;
  while ((timer = sure__timers_pop(&client->timers, now_ms)) != NULL) {
    timer_due(client, timer, now_ms);
  }
  sure__client_cancel_wanted(client, now_ms);
  sure__client_pump(client, now_ms);
}

uint64_t sure__client_next_ms(const struct sure__client *client) {
  return sure__list_is_empty(&client->cancelling) ? sure__timers_next(&client->timers) : 0;
}

void sure__client_get_stats(const struct sure__client *client,
                            struct sure_channel_stats *out_stats) {
  *out_stats = client->stats;
  out_stats->unresolved = client->unresolved_count;
}
