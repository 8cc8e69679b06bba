/* The client engine's doors: set-up, bytes, time. */
#include "rpc/core/client.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"

/* The engine's own timers: link, keepalive, acknowledgments. */
enum { OWN_TIMER_COUNT = 3 };

bool sure__client_init(struct sure__client *client, const struct sure__client_config *config) {
  *client = (struct sure__client){.config = *config, .random = config->random_seed};
  sure__list_init(&client->completed);
  sure__list_init(&client->pool);
  sure__list_init(&client->queue);
  sure__list_init(&client->in_flight);
  sure__list_init(&client->settle_queue);
  sure__list_init(&client->settle_sent);
  sure__list_init(&client->sessions);
  sure__index_init(&client->by_handle);
  return sure__timers_reserve(&client->timers, OWN_TIMER_COUNT);
}

static void free_call(struct sure__client_call *call) {
  sure__arena_fini(&call->arena);
  sure__buffer_fini(&call->parts);
  sure__free(call);
}

static void free_calls(struct sure__list *list) {
  struct sure__list *link;
  while ((link = sure__list_pop(list)) != NULL) {
    free_call(sure__container_of(link, struct sure__client_call, link));
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
  struct sure__list *link;
  while ((link = sure__list_pop(&client->sessions)) != NULL) {
    free_session(sure__container_of(link, struct sure__client_session, link));
  }
  free_calls(&client->pool);
  sure__buffer_fini(&client->out);
  sure__timers_fini(&client->timers);
  sure__index_fini(&client->by_handle);
}

struct sure__client_call *sure__client_call_new(struct sure__client *client) {
  struct sure__list *link = sure__list_pop(&client->pool);
  if (link != NULL) {
    return sure__container_of(link, struct sure__client_call, link);
  }
  /* Room for its timer comes with the call, so that setting it can't fail. */
  if (!sure__timers_reserve(&client->timers, client->call_count + 1 + OWN_TIMER_COUNT)) {
    return NULL;
  }
  struct sure__client_call *call = sure__alloc(sizeof *call);
  if (call != NULL) {
    client->call_count++;
  }
  return call;
}

/* Of a call that ended UNKNOWN its number and key are kept, not its payload (S10). Without memory
 * for the key it can still be settled by its number. */
static void shrink_to_entry(struct sure__client_call *call) {
  uint8_t key[SURE_KEY_LEN_MAX];
  size_t key_len = call->key.len;
  if (key_len > 0) {
    memcpy(key, call->key.data, key_len);
  }
  sure__buffer_fini(&call->parts);
  sure__arena_fini(&call->arena);
  call->request = (struct sure_bytes){0};
  if (!sure__arena_copy(&call->arena, (struct sure_bytes){key, key_len}, &call->key)) {
    call->key = (struct sure_bytes){0};
  }
}

void sure__client_recycle(struct sure__client *client, struct sure__client_call *call) {
  sure__client_forget_parts(call);
  call->delivered = true;
  if (call->unresolved) {
    shrink_to_entry(call); /* its session keeps it */
    return;
  }
  struct sure__arena arena = call->arena;
  struct sure__buffer parts = call->parts;
  sure__arena_reset(&arena);
  *call = (struct sure__client_call){.arena = arena, .parts = parts};
  sure__list_append(&client->pool, &call->link);
}

void sure__client_put(struct sure__client *client, const struct sure__frame *frame) {
  if (!sure__frame_encode(&client->out, frame)) {
    client->link.out_of_memory = true;
  }
}

void sure__client_pump(struct sure__client *client, uint64_t now_ms) {
  sure__client_send_settles(client, now_ms);
  sure__client_send_queued(client, now_ms);
  sure__client_tell_acks(client, now_ms);
  if (client->link.out_of_memory) {
    sure__client_drop_link(client, "memory is short", now_ms);
  } else if (client->link.draining && sure__list_is_empty(&client->in_flight) &&
             sure__list_is_empty(&client->settle_sent)) {
    sure__client_drop_link(client, "the server is draining", now_ms);
  }
}

/* Which frames may come in which state of the link (protocol 3.6). */
static const char *on_frame(struct sure__client *client, const struct sure__frame *frame,
                            uint64_t now_ms) {
  bool attached = client->link.state == SURE__LINK_ATTACHED;
  switch (frame->type) {
  case SURE__WELCOME:
    return sure__client_on_welcome(client, frame, now_ms);
  case SURE__ATTACHED:
    return sure__client_on_attached(client, frame, now_ms);
  case SURE__GOAWAY:
    return sure__client_on_goaway(client, frame, now_ms);
  case SURE__ACCEPTED:
    return attached ? sure__client_on_accepted(client, frame) : "ACCEPTED before ATTACHED";
  case SURE__RESPONSE:
    return attached ? sure__client_on_response(client, frame, now_ms) : "RESPONSE before ATTACHED";
  case SURE__SETTLED:
    return attached ? sure__client_on_settled(client, frame, now_ms) : "SETTLED before ATTACHED";
  case SURE__PING:
    sure__client_put(client,
                     &(struct sure__frame){.type = SURE__PONG, .sequence = frame->sequence});
    return NULL;
  case SURE__PONG: /* for keepalive, that anything came is all that counts */
    client->parted = client->parted || frame->sequence == SURE__PING_PARTING;
    return NULL;
  default:
    return (frame->type & 0x80) != 0 ? NULL : "a frame that only clients send";
  }
}

void sure__client_receive(struct sure__client *client, struct sure_bytes frames, uint64_t now_ms) {
  client->link.quiet_since_ms = now_ms;
  client->link.pinged = false;
  while (frames.len > 0 && client->close_reason == NULL) {
    struct sure__frame frame;
    size_t len = 0;
    const char *problem = "half a frame";
    if (sure__frame_decode(frames, &frame, &len, &problem) == SURE__DECODED_FRAME) {
      problem = on_frame(client, &frame, now_ms);
    }
    if (problem != NULL) {
      sure__log_queue(&client->log, SURE_LOG_ERROR, "protocol error of the server: %s", problem);
      sure__client_blame_link(client);
      sure__client_drop_link(client, problem, now_ms);
      return;
    }
    frames.data += len;
    frames.len -= len;
  }
  sure__client_pump(client, now_ms);
}

/* Frames are handled in order: the answer to the PING says that the server has the rest too. */
void sure__client_shut_down(struct sure__client *client, uint64_t now_ms) {
  client->shut_down = true;
  struct sure__index_link *link;
  while ((link = sure__index_any(&client->by_handle)) != NULL) {
    sure__client_abandon(client, sure__container_of(link, struct sure__client_call, by_handle),
                         SURE_CANCELLED, "the channel is being freed", now_ms);
  }
  if (client->link.state != SURE__LINK_ATTACHED || client->session == NULL) {
    client->parted = true;
    return;
  }
  sure__client_send_ack(client);
  sure__client_put(client, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
  sure__client_put(client,
                   &(struct sure__frame){.type = SURE__PING, .sequence = SURE__PING_PARTING});
}

void sure__client_hang_up(struct sure__client *client, uint64_t now_ms) {
  sure__timers_cancel(&client->timers, &client->link.timer);
  if (client->link.state != SURE__LINK_DOWN) {
    sure__client_drop_link(client, "the channel is freed", now_ms);
  }
}

static void call_due(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms) {
  if (now_ms >= call->deadline_ms) {
    sure__client_expire(client, call, now_ms);
    return;
  }
  switch (call->phase) {
  case SURE__CALL_SENT:
    sure__log_queue(&client->log, SURE_LOG_WARNING,
                    "no answer to %s within its attempt time-out: replacing the connection",
                    call->method->full_name);
    sure__client_drop_link(client, "an attempt timed out", now_ms);
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

void sure__client_advance(struct sure__client *client, uint64_t now_ms) {
  struct sure__timer *timer;
  if (client->link.state == SURE__LINK_DOWN && client->link.timer.place == 0 &&
      !client->shut_down) {
    sure__client_link_due(client, now_ms); /* the first dial */
  }
  while ((timer = sure__timers_pop(&client->timers, now_ms)) != NULL) {
    if (timer == &client->link.timer) {
      sure__client_link_due(client, now_ms);
    } else if (timer == &client->link.keepalive) {
      sure__client_keepalive_due(client, now_ms);
    } else if (timer != &client->ack_timer) { /* that one is for the pump */
      call_due(client, sure__container_of(timer, struct sure__client_call, timer), now_ms);
    }
  }
  sure__client_pump(client, now_ms);
}

uint64_t sure__client_next_ms(const struct sure__client *client) {
  return sure__timers_next(&client->timers);
}

void sure__client_get_stats(const struct sure__client *client,
                            struct sure_channel_stats *out_stats) {
  *out_stats = client->stats;
  out_stats->unresolved = client->unresolved_count;
}
