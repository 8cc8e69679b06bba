/* What stories are played on: one server, its clients, the network between them, and the trace. */
#ifndef TESTS_STORIES_STAGE_H
#define TESTS_STORIES_STAGE_H

#include <stdbool.h>

#include "rpc/core/client.h"
#include "tests/lib/server_driver.h"
#include "tests/stories/story.h"

enum {
  DELAY_MS = 10,
  ACTORS_MAX = 2,
  CONNECTIONS_MAX = 16,
  ACTOR_CALLS_MAX = 8,
};

/* A call, by its number in the story. */
struct played_call {
  unsigned number;
  const struct sure_method *method;
  uint64_t handle;
  struct sure_call_id id; /* once it has ended */
};

/* A client's process. */
struct actor {
  const char *name;
  bool is_alive;
  struct sure__client engine;
  struct connection *connection; /* the newest, or NULL when it is over */
  struct sure__link *dialing;    /* NULL: no dial is under way */
  uint64_t dial_ends_ms;
  struct sure_session_id session; /* the last one it had */
  struct played_call calls[ACTOR_CALLS_MAX];
  unsigned call_count;
};

/* A connection, with both its ends. */
struct connection {
  struct client server_end;
  struct actor *actor;     /* NULL: the stranger's */
  struct sure__link *link; /* of the actor's engine; NULL: it has given it up */
  bool client_is_gone;     /* that end is closed, or has learned of the loss */
  bool server_has_ended;   /* and the client will hear of it */
  bool is_stalled;
  struct sure__buffer sent; /* by the client */
};

struct stage {
  struct driver driver;
  bool server_takes_connections;
  bool network_is_down;
  bool tells_greetings;
  uint64_t begin_ms;
  struct actor actors[ACTORS_MAX];
  struct connection connections[CONNECTIONS_MAX];
  unsigned connection_count;
  struct sure__list flying;
  struct sure__list held; /* by stalled connections */
};

extern struct stage stage;

static inline uint64_t stage_now_ms(void) {
  return stage.driver.now_ms;
}

/* ---- trace.c ---- */

void trace_begin(void);
/* One line, after its time. */
void tell(const char *format, ...) SURE_PRINTF(1, 2);
/* Do what as_soon_as was told, if its line has come. */
void trace_do_what_is_due(void);

/* ---- network.c ---- */

/* A connection that is there at once; `actor` and `link` NULL: the stranger's. */
struct connection *network_connect(struct actor *actor, struct sure__link *link);
/* Bytes leave: whole frames, each of which is told and flies on its own. */
void network_send_from_client(struct connection *connection, struct sure_bytes frames);
/* The client closes it; the server hears of that later. */
void network_close_from_client(struct connection *connection);
/* What the server's engine has left to be sent. */
void network_send_from_server(void);
/* The connection is lost at both ends; the client's engine is told unless its actor is dead. */
void network_lose(struct connection *connection);
/* When the next frame arrives. */
uint64_t network_next_ms(void);
/* What is due arrives. */
void network_arrive(void);
void network_clear(void);

/* ---- client.c ---- */

void actor_start(struct actor *actor, const char *name);
/* What a shell does after each event of the engine. */
void actor_look(struct actor *actor);
void actor_hear(struct connection *connection, struct sure_bytes frames);
/* The connection is gone; silently, if the script has told why. */
void actor_lose(struct connection *connection, const char *reason, bool is_silent);
void actor_end(struct actor *actor);
uint64_t actor_next_ms(const struct actor *actor);
/* Its time has come to now. */
void actor_advance(struct actor *actor);

/* ---- server.c ---- */

void server_begin(void);
void server_end(void);
/* A CANCEL has been read. */
void server_look_for_cancelled(uint64_t sequence);
const struct sure_method *server_method(enum story_method method);

#endif
