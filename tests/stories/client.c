/* Clients: the part of the channel around the engine, and the application. */
#include <stdio.h>
#include <string.h>

#include "rpc/core/client_state.h"
#include "tests/stories/stage.h"

static const struct sure__client_config config = {
    .accept_timeout_ms = 200,
    .connect_timeout_ms = 1000,
    .reconnect_ms_initial = 50,
    .reconnect_ms_max = 1000,
    .keepalive_time_ms = 500,
    .keepalive_timeout_ms = 200,
    .ack_idle_ms = 50,
    .idle_timeout_ms = 600000,
    .message_len_max = 200 * 1024,
    .unresolved_calls_max = 4,
    .outlier_detection = {.is_disabled = true},
    .random_seed = UINT64_C(26008317993), /* whose first four pauses have no jitter */
};

/* ---- what the engine leaves behind ---- */

/* Dials in vain come again and again; and when an answer is late, that is said twice. */
static bool is_left_out(const char *text) {
  return strstr(text, "no connection") != NULL || strstr(text, "no session within") != NULL ||
         strstr(text, "no word about") != NULL;
}

static void tell_log(struct actor *actor) {
  struct sure__log_queue *log = &actor->engine.log;
  for (unsigned i = 0; i < log->count; i++) {
    const struct sure__log_line *line = &log->lines[i];
    if (!is_left_out(line->text)) {
      tell("%s%s: %s", actor->name,
           line->level == SURE_LOG_ERROR     ? " ERROR"
           : line->level == SURE_LOG_WARNING ? " WARNING"
                                             : "",
           line->text);
    }
  }
  log->count = 0;
  log->dropped_count = 0;
}

/* ": receipt 1", of a reply that can be printed. */
static void describe_reply(struct sure_bytes reply, char *out, size_t size) {
  out[0] = '\0';
  if (reply.len >= size - 3) {
    (void)snprintf(out, size, ": %zu bytes", reply.len);
  } else if (reply.len > 0) {
    (void)snprintf(out, size, ": %.*s", (int)reply.len, (const char *)reply.data);
  }
}

static void tell_end(const struct actor *actor, const struct sure__client_call *call) {
  const struct sure__end *end = &call->end;
  const struct played_call *played = call->waiter;
  bool has_reason = end->reason != SURE_REASON_NONE;
  char reply[32];
  describe_reply(end->reply, reply, sizeof reply);
  tell("%s: %scall %u ends %s%s%s, %s%s%s%s%s", actor->name, call->is_settle ? "settle of " : "",
       played->number, sure_code_name(end->code), has_reason ? " " : "",
       has_reason ? sure_reason_name(end->reason) : "", sure_outcome_name(end->outcome),
       end->recorded && end->code != SURE_OK ? ", recorded" : "", end->replayed ? ", replayed" : "",
       end->settled && !call->is_settle ? ", settled" : "", reply);
}

static void take_completed(struct actor *actor) {
  struct sure__list *link;
  while ((link = sure__list_pop(&actor->engine.completed)) != NULL) {
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, link);
    struct played_call *played = call->waiter;
    tell_end(actor, call);
    played->id = call->end.id;
    sure__client_recycle(&actor->engine, call);
  }
}

static void note_session(struct actor *actor) {
  if (actor->engine.session != NULL) {
    actor->session = actor->engine.session->id;
  }
}

static void give_up(struct actor *actor, struct sure__link *link) {
  struct connection *connection = link->user;
  actor->dialing = actor->dialing == link ? NULL : actor->dialing;
  sure__client_link_closed(&actor->engine, link);
  if (connection != NULL) {
    connection->link = NULL;
    actor->connection = actor->connection == connection ? NULL : actor->connection;
    network_close_from_client(connection);
  }
}

static void serve_link(struct actor *actor, struct sure__link *link) {
  if (link->close_reason != NULL) {
    give_up(actor, link);
  } else if (link->dial_wanted) {
    link->dial_wanted = false;
    actor->dialing = link;
    actor->dial_ends_ms = stage_now_ms() + 2 * DELAY_MS;
  } else if (link->out.len > 0) {
    struct sure_bytes frames = {link->out.data, link->out.len};
    network_send_from_client(link->user, frames);
    link->out.len = 0;
  }
}

void actor_look(struct actor *actor) {
  struct sure__list *l;
  tell_log(actor);
  take_completed(actor);
  note_session(actor);
  while ((l = sure__list_pop(&actor->engine.acting)) != NULL) {
    serve_link(actor, sure__container_of(l, struct sure__link, acting));
  }
}

/* ---- events ---- */

void actor_hear(struct connection *connection, struct sure_bytes frames) {
  if (connection->link != NULL) {
    sure__client_receive(&connection->actor->engine, connection->link, frames, stage_now_ms());
    actor_look(connection->actor);
  }
}

void actor_lose(struct connection *connection, const char *reason, bool is_silent) {
  struct actor *actor = connection->actor;
  struct sure__link *link = connection->link;
  actor->connection = actor->connection == connection ? NULL : actor->connection;
  connection->link = NULL;
  if (link == NULL) {
    return;
  }
  sure__client_disconnected(&actor->engine, link, reason, stage_now_ms());
  if (is_silent) {
    actor->engine.log.count = 0;
  }
  actor_look(actor);
}

static void dial_ends(struct actor *actor) {
  struct sure__link *link = actor->dialing;
  actor->dialing = NULL;
  if (stage.network_is_down) {
    return; /* neither an answer nor a refusal: the engine's time-out ends it */
  }
  if (stage.server_takes_connections) {
    actor->connection = network_connect(actor, link);
    link->user = actor->connection;
    sure__client_connected(&actor->engine, link, stage_now_ms());
  } else {
    sure__client_not_connected(&actor->engine, link, "refused", stage_now_ms());
  }
  actor_look(actor);
}

uint64_t actor_next_ms(const struct actor *actor) {
  if (!actor->is_alive) {
    return SURE__TIME_NEVER;
  }
  uint64_t engine_ms = sure__client_next_ms(&actor->engine);
  bool is_dial_first = actor->dialing != NULL && actor->dial_ends_ms < engine_ms;
  return is_dial_first ? actor->dial_ends_ms : engine_ms;
}

void actor_advance(struct actor *actor) {
  if (actor->dialing != NULL && actor->dial_ends_ms <= stage_now_ms()) {
    dial_ends(actor);
  }
  if (sure__client_next_ms(&actor->engine) <= stage_now_ms()) {
    sure__client_advance(&actor->engine, stage_now_ms());
    actor_look(actor);
  }
}

void actor_start(struct actor *actor, const char *name) {
  actor->name = name;
  static const char *const url = "the server";
  actor->is_alive = true;
  assert_true(sure__client_init(&actor->engine, &config));
  assert_true(sure__client_set_endpoints(&actor->engine, &url, 1, stage_now_ms()));
  actor_look(actor);
}

void actor_end(struct actor *actor) {
  if (!actor->is_alive) {
    return;
  }
  struct sure__list *link;
  actor->is_alive = false;
  if (!actor->engine.shut_down) {
    sure__client_shut_down(&actor->engine, stage_now_ms());
  }
  while ((link = sure__list_pop(&actor->engine.completed)) != NULL) {
    sure__client_recycle(&actor->engine, sure__container_of(link, struct sure__client_call, link));
  }
  sure__client_hang_up(&actor->engine, stage_now_ms());
  while ((link = sure__list_pop(&actor->engine.acting)) != NULL) {
    give_up(actor, sure__container_of(link, struct sure__link, acting));
  }
  sure__client_fini(&actor->engine);
}

/* ---- what the script does ---- */

struct order {
  enum story_method method;
  const char *text;
  uint64_t within_ms;
  uint32_t attempts_max;
};

static struct sure_bytes key_of(const struct sure_method *method, struct sure_bytes text) {
  const uint8_t *colon = memchr(text.data, ':', text.len);
  if (method->key_field == 0) {
    return (struct sure_bytes){0};
  }
  assert_non_null(colon);
  return (struct sure_bytes){text.data, (size_t)(colon - text.data)};
}

static struct sure__client_call *new_call(struct actor *actor, struct played_call *played) {
  struct sure__client_call *call = sure__client_call_new(&actor->engine);
  assert_non_null(call);
  call->method = played->method;
  call->waiter = played;
  call->timeout_ms = 10000;
  return call;
}

static void start(struct actor *actor, const struct order *order) {
  assert_true(actor->call_count < ACTOR_CALLS_MAX);
  struct played_call *played = &actor->calls[actor->call_count];
  *played =
      (struct played_call){.number = ++actor->call_count, .method = server_method(order->method)};
  struct sure__client_call *call = new_call(actor, played);
  call->request = sure__bytes_of(order->text);
  call->key = key_of(played->method, call->request);
  call->retry.attempts_max = order->attempts_max;
  if (order->within_ms != 0) {
    call->timeout_ms = (uint32_t)order->within_ms;
  }
  assert_null(sure__client_start(&actor->engine, call, stage_now_ms()).text);
  played->handle = call->handle;
  actor_look(actor);
}

static struct played_call *played_call(unsigned number) {
  struct actor *actor = &stage.actors[0];
  assert_true(number > 0 && number <= actor->call_count);
  return &actor->calls[number - 1];
}

void client_calls(enum story_method method, const char *text) {
  start(&stage.actors[0], &(struct order){.method = method, .text = text});
}

void client_calls_within(uint64_t within_ms, uint32_t attempts_max, enum story_method method,
                         const char *text) {
  start(&stage.actors[0], &(struct order){method, text, within_ms, attempts_max});
}

void client_cancels(unsigned call) {
  sure__client_cancel(&stage.actors[0].engine, played_call(call)->handle, stage_now_ms());
  actor_look(&stage.actors[0]);
}

void client_settles(unsigned call) {
  struct actor *actor = &stage.actors[0];
  struct played_call *played = played_call(call);
  struct sure__client_call *settle = new_call(actor, played);
  settle->settle_id = played->id;
  assert_null(sure__client_settle(&actor->engine, settle, stage_now_ms()).text);
  actor_look(actor);
}

void client_leaves(void) {
  sure__client_shut_down(&stage.actors[0].engine, stage_now_ms());
  actor_look(&stage.actors[0]);
}

void client_dies(void) {
  struct actor *actor = &stage.actors[0];
  tell("* the client dies");
  actor_end(actor);
}

void second_client_starts(void) {
  actor_start(&stage.actors[1], "client 2");
}

void second_client_calls(enum story_method method, const char *text) {
  start(&stage.actors[1], &(struct order){.method = method, .text = text});
}
