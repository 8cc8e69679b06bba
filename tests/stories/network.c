/* The network: frames fly one by one, for the same time each, and so arrive in order. */
#include <stdlib.h>
#include <string.h>

#include "rpc/core/memory.h"
#include "tests/lib/frame_text.h"
#include "tests/stories/stage.h"

/* A frame on its way, or the end of the connection. */
struct flying {
  struct sure__list link;
  uint64_t arrives_ms;
  struct connection *connection;
  bool to_server;
  size_t len; /* 0: it is the end */
  uint8_t bytes[];
};

static struct flying *at(struct sure__list *link) {
  return sure__container_of(link, struct flying, link);
}

static void launch(struct connection *connection, bool to_server, struct sure_bytes bytes) {
  struct flying *flying = malloc(sizeof *flying + bytes.len);
  assert_non_null(flying);
  *flying = (struct flying){.arrives_ms = stage_now_ms() + DELAY_MS,
                            .connection = connection,
                            .to_server = to_server,
                            .len = bytes.len};
  if (bytes.len > 0) {
    memcpy(flying->bytes, bytes.data, bytes.len);
  }
  sure__list_append(connection->is_stalled ? &stage.held : &stage.flying, &flying->link);
}

/* ---- telling ---- */

static bool is_greeting(const struct sure__frame *frame) {
  return frame->type == SURE__HELLO || frame->type == SURE__WELCOME ||
         frame->type == SURE__ATTACH || frame->type == SURE__ATTACHED;
}

static const char *client_name(const struct connection *connection) {
  return connection->actor == NULL ? "stranger" : connection->actor->name;
}

/* Whom the server talks with, unless that goes without saying. */
static const char *with_whom(const struct connection *connection) {
  const struct actor *actor = connection->actor;
  if (actor == NULL) {
    return " (stranger)";
  }
  if (actor != &stage.actors[0]) {
    return " (client 2)";
  }
  bool is_old = actor->connection != connection && actor->connection != NULL;
  return is_old ? " (old connection)" : "";
}

/* Frames that leave are told whole, those that arrive by name. */
static void tell_frame(const struct connection *connection, bool is_server, bool is_sending,
                       const struct sure__frame *frame) {
  if (is_greeting(frame) && !stage.tells_greetings) {
    return;
  }
  struct frame_text text = is_sending ? frame_text(frame) : frame_name(frame);
  tell("%s %c %s%s", is_server ? "server" : client_name(connection), is_sending ? '>' : '<',
       text.text, is_server ? with_whom(connection) : "");
}

static struct sure__frame decode(struct sure_bytes bytes, size_t *out_len) {
  struct sure__frame frame;
  const char *problem = NULL;
  assert_int_equal(SURE__DECODED_FRAME, sure__frame_decode(bytes, &frame, out_len, &problem));
  return frame;
}

/* ---- leaving ---- */

struct connection *network_connect(struct actor *actor, struct sure__link *link) {
  assert_true(stage.connection_count < CONNECTIONS_MAX);
  struct connection *connection = &stage.connections[stage.connection_count++];
  *connection = (struct connection){.actor = actor, .link = link};
  assert_true(client_connect(&stage.driver, &connection->server_end));
  /* Ids that a reader can tell: the first connection's is 5e550001. */
  uint8_t number = (uint8_t)stage.connection_count;
  struct sure__peer *peer = &connection->server_end.peer;
  memcpy(peer->fresh_session.bytes, (uint8_t[]){0x5e, 0x55, 0, number}, 4);
  memcpy(peer->challenge.bytes, (uint8_t[]){0xc4, 0xa1, 0, number}, 4);
  return connection;
}

void network_send_from_client(struct connection *connection, struct sure_bytes frames) {
  assert_true(sure__buffer_append(&connection->sent, frames.data, frames.len));
  while (frames.len > 0) {
    size_t len = 0;
    struct sure__frame frame = decode(frames, &len);
    tell_frame(connection, false, true, &frame);
    launch(connection, true, (struct sure_bytes){frames.data, len});
    frames.data += len;
    frames.len -= len;
  }
}

void network_close_from_client(struct connection *connection) {
  connection->client_is_gone = true;
  launch(connection, true, (struct sure_bytes){0});
}

static void send_from_server(struct connection *connection) {
  struct client *end = &connection->server_end;
  struct sure__frame frame;
  size_t begin = end->heard_len;
  while (client_next(end, &frame)) {
    if (!stage.driver.is_dead) {
      tell_frame(connection, true, true, &frame);
      launch(connection, false, (struct sure_bytes){end->out.data + begin, end->heard_len - begin});
    }
    begin = end->heard_len;
  }
  if (end->is_closed && !connection->server_has_ended) {
    connection->server_has_ended = true;
    launch(connection, false, (struct sure_bytes){0});
  }
}

void network_send_from_server(void) {
  for (unsigned i = 0; i < stage.connection_count; i++) {
    send_from_server(&stage.connections[i]);
  }
}

/* ---- arriving ---- */

static void arrive_at_server(struct connection *connection, struct sure_bytes bytes) {
  struct client *end = &connection->server_end;
  if (end->is_closed) {
    return;
  }
  if (bytes.len == 0) {
    connection->server_has_ended = true; /* nobody is there to hear of it */
    client_lose(end);
    return;
  }
  size_t len = 0;
  struct sure__frame frame = decode(bytes, &len);
  tell_frame(connection, true, false, &frame);
  client_feed(end, bytes);
  if (frame.type == SURE__CANCEL) {
    server_look_for_cancelled(frame.sequence);
  }
}

static void arrive_at_client(struct connection *connection, struct sure_bytes bytes) {
  struct actor *actor = connection->actor;
  if (connection->client_is_gone) {
    return;
  }
  if (bytes.len == 0) {
    connection->client_is_gone = true;
    if (actor != NULL) {
      actor_lose(connection, "closed by the server", false);
    }
    return;
  }
  size_t len = 0;
  struct sure__frame frame = decode(bytes, &len);
  tell_frame(connection, false, false, &frame);
  if (actor != NULL) {
    actor_hear(connection, bytes);
  }
}

uint64_t network_next_ms(void) {
  return sure__list_is_empty(&stage.flying) ? SURE__TIME_NEVER : at(stage.flying.next)->arrives_ms;
}

void network_arrive(void) {
  while (network_next_ms() <= stage_now_ms()) {
    struct flying *flying = at(sure__list_pop(&stage.flying));
    struct sure_bytes bytes = {flying->bytes, flying->len};
    if (flying->to_server) {
      arrive_at_server(flying->connection, bytes);
    } else {
      arrive_at_client(flying->connection, bytes);
    }
    free(flying);
    network_send_from_server();
    trace_do_what_is_due();
  }
}

/* ---- what the script does ---- */

static void drop_flying(struct sure__list *list, const struct connection *connection) {
  struct sure__list *next;
  for (struct sure__list *link = list->next; link != list; link = next) {
    next = link->next;
    if (connection == NULL || at(link)->connection == connection) {
      sure__list_remove(link);
      free(at(link));
    }
  }
}

void network_lose(struct connection *connection) {
  struct actor *actor = connection->actor;
  drop_flying(&stage.flying, connection);
  drop_flying(&stage.held, connection);
  connection->server_has_ended = true;
  client_lose(&connection->server_end);
  if (actor != NULL && connection->link != NULL) {
    connection->client_is_gone = true;
    actor_lose(connection, "lost", true);
  }
}

static struct connection *present_connection(void) {
  assert_non_null(stage.actors[0].connection);
  return stage.actors[0].connection;
}

void connection_is_lost(void) {
  tell("* the connection is lost");
  network_lose(present_connection());
}

void connection_stalls(void) {
  struct connection *connection = present_connection();
  tell("* the connection stalls");
  connection->is_stalled = true;
  struct sure__list *next;
  for (struct sure__list *link = stage.flying.next; link != &stage.flying; link = next) {
    next = link->next;
    if (at(link)->connection == connection) {
      sure__list_remove(link);
      sure__list_append(&stage.held, link);
    }
  }
}

void connections_move_on(void) {
  tell("* what has stalled moves on");
  for (unsigned i = 0; i < stage.connection_count; i++) {
    stage.connections[i].is_stalled = false;
  }
  for (struct sure__list *link = stage.held.next; link != &stage.held; link = link->next) {
    at(link)->arrives_ms = stage_now_ms() + DELAY_MS;
  }
  sure__list_move_all(&stage.flying, &stage.held);
}

void network_goes_down(void) {
  tell("* the network goes down");
  stage.network_is_down = true;
  for (unsigned i = 0; i < stage.connection_count; i++) {
    network_lose(&stage.connections[i]);
  }
}

void network_comes_back(void) {
  tell("* the network comes back");
  stage.network_is_down = false;
}

void stranger_sends_it_all_again(void) {
  struct connection *connection = network_connect(NULL, NULL);
  const struct connection *first = &stage.connections[0];
  tell("* a stranger sends again what the client has sent");
  network_send_from_client(connection, (struct sure_bytes){first->sent.data, first->sent.len});
}

void stranger_calls_in_the_clients_session(uint64_t sequence, const char *text) {
  struct connection *connection = network_connect(NULL, NULL);
  struct sure__frame frames[] = {
      {.type = SURE__HELLO, .hello = {.version_min = 1, .version_max = 1, .message_len_max = 1000}},
      {.type = SURE__ATTACH,
       .attach = {.mode = SURE__ATTACH_RESUME,
                  .challenge = connection->server_end.peer.challenge,
                  .session = stage.actors[0].session}},
      {.type = SURE__REQUEST,
       .sequence = sequence,
       .attempt = 1,
       .payload = sure__bytes_of(text),
       .request = {.method = server_method(CHARGE)->id, .watermark = 1, .timeout_ms = 10000}},
  };
  struct sure__buffer bytes = {0};
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    assert_true(sure__frame_encode(&bytes, &frames[i]));
  }
  tell("* a stranger takes part in the session");
  network_send_from_client(connection, (struct sure_bytes){bytes.data, bytes.len});
  sure__buffer_fini(&bytes);
}

void network_clear(void) {
  drop_flying(&stage.flying, NULL);
  drop_flying(&stage.held, NULL);
  for (unsigned i = 0; i < stage.connection_count; i++) {
    client_fini(&stage.connections[i].server_end);
    sure__buffer_fini(&stage.connections[i].sent);
  }
}
