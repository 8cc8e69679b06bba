/* A client's connection: from the bytes that nng read to the engine of its shard. */
#include <nng/nng.h>

#include "rpc/core/assert.h"
#include "rpc/core/log.h"
#include "rpc/core/memory.h"
#include "rpc/core/server_stream.h"
#include "rpc/net/clock.h"
#include "rpc/net/entropy.h"
#include "rpc/server/shell.h"

static void lock_both(struct sure__shard *a, struct sure__shard *b) {
  struct sure__shard *first = a < b ? a : b; /* always in the same order */
  pthread_mutex_lock(&first->lock);
  pthread_mutex_lock(first == a ? &b->lock : &a->lock);
}

/* The session that is asked for belongs to the shard `home`: go there. The lock of `shard` is held
 * before, that of the link's shard, which is returned, afterwards. */
static struct sure__shard *move_home(struct sure__link *link, struct sure__shard *shard,
                                     struct sure__shard *home) {
  struct sure__peer *peer = &link->peer;
  sure__shard_finish(shard); /* what is queued here leaves from here */
  lock_both(shard, home);
  if (!peer->is_closing) {
    if (sure__server_expect(&home->engine)) {
      sure__server_leave(&shard->engine, peer);
      sure__server_enter(&home->engine, peer);
      atomic_store(&link->shard, home);
    } else {
      sure__server_protocol_error(&shard->engine, peer, "memory is short");
    }
  }
  struct sure__shard *left = atomic_load(&link->shard) == home ? shard : home;
  pthread_mutex_unlock(&left->lock);
  return left == shard ? home : shard;
}

static struct sure__shard *go_home(struct sure__link *link, struct sure__shard *shard,
                                   const struct sure__attach *attach) {
  const struct sure_session_id *session =
      attach->mode == SURE__ATTACH_RESUME ? &attach->session : &link->peer.fresh_session;
  struct sure__shard *home = sure__shard_of(link->server, session);
  bool may_move = link->peer.phase == SURE__PEER_WELCOMED;
  return home == shard || !may_move ? shard : move_home(link, shard, home);
}

static void refill_sessions(struct sure__link *link, uint64_t now_ms) {
  struct sure_server *server = link->server;
  if (link->address != NULL) {
    pthread_mutex_lock(&server->lock);
    sure__address_refill(&server->addresses, link->address, now_ms);
    pthread_mutex_unlock(&server->lock);
  }
}

static void on_bytes(void *user, struct sure_bytes bytes) {
  struct sure__link *link = user;
  uint64_t now_ms = sure__clock_ms();
  struct sure__shard *shard = sure__link_lock(link);
  while (bytes.len > 0) {
    struct sure__frame frame;
    size_t len = 0;
    const char *problem = "half a frame where whole ones were promised";
    if (sure__frame_decode(bytes, &frame, &len, &problem) != SURE__DECODED_FRAME) {
      sure__server_protocol_error(&shard->engine, &link->peer, problem);
      break;
    }
    if (frame.type == SURE__ATTACH) {
      refill_sessions(link, now_ms);
      shard = go_home(link, shard, &frame.attach);
    }
    sure__server_frame(&shard->engine, &link->peer, &frame, now_ms);
    bytes.data += len;
    bytes.len -= len;
  }
  sure__shard_finish(shard);
}

/* What streams had for it has left. */
static void on_room(void *user) {
  struct sure__link *link = user;
  struct sure__shard *shard = sure__link_lock(link);
  sure__server_sent(&shard->engine, &link->peer, sure__connection_unsent_len(link->connection));
  sure__shard_finish(shard);
}

static void on_closed(void *user, const char *reason) {
  struct sure__link *link = user;
  struct sure_server *server = link->server;
  struct sure__shard *shard = sure__link_lock(link);
  sure__server_lost(&shard->engine, &link->peer);
  sure__shard_finish(shard);
  bool is_odd = link->peer.close_reason != NULL;
  sure__log(&server->options.logger, is_odd ? SURE_LOG_WARNING : SURE_LOG_DEBUG,
            "connection closed: %s", is_odd ? link->peer.close_reason : reason);
  pthread_mutex_lock(&server->lock);
  sure__address_leave(&server->addresses, link->address, sure__clock_ms());
  sure__list_remove(&link->of_server);
  pthread_mutex_unlock(&server->lock);
  sure__loop_reap(server, link);
}

/* Frees a link that nobody else knows. */
static void link_discard(struct sure__link *link) {
  sure__connection_free(link->connection);
  sure__buffer_fini(&link->out);
  sure__free(link);
}

void sure__link_free(struct sure__link *link) {
  struct sure_server *server = link->server;
  link_discard(link);
  pthread_mutex_lock(&server->lock);
  server->link_count--;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->lock);
}

static struct sure__link *link_new(struct sure_server *server, struct nng_stream *stream) {
  struct sure__link *link = sure__alloc(sizeof *link);
  if (link == NULL || !sure__entropy(link->peer.challenge.bytes, sizeof link->peer.challenge) ||
      !sure__entropy(link->peer.fresh_session.bytes, sizeof link->peer.fresh_session)) {
    nng_stream_free(stream);
    sure__free(link);
    return NULL;
  }
  link->server = server;
  link->peer.out = &link->out;
  struct sure__connection_config config = {
      .on_bytes = on_bytes,
      .on_closed = on_closed,
      .on_room = on_room,
      .user = link,
      .unsent_len_max = server->options.unsent_len_max,
  };
  link->connection = sure__connection_open(stream, &config);
  if (link->connection == NULL) {
    sure__free(link);
    return NULL;
  }
  return link;
}

/* Adds it to the server's links. False when there are as many as may be, in all or from its
 * address, or it is draining: then it is to be closed, the way every link is, as others may be at
 * work with it already. */
static bool admit(struct sure_server *server, struct sure__link *link, struct nng_stream *stream) {
  pthread_mutex_lock(&server->lock);
  bool is_welcome =
      !server->is_draining && server->link_count < server->options.connection_count_max &&
      sure__address_enter(&server->addresses, stream, sure__clock_ms(), &link->address);
  if (link->address != NULL && server->addresses.sessions_max != 0) {
    link->peer.sessions_left = &link->address->sessions_left;
  }
  sure__list_append(&server->links, &link->of_server);
  server->link_count++;
  pthread_mutex_unlock(&server->lock);
  return is_welcome;
}

void sure__link_open(struct sure_server *server, struct nng_stream *stream) {
  struct sure__link *link = link_new(server, stream);
  if (link == NULL) {
    sure__log(&server->options.logger, SURE_LOG_ERROR, "connection refused: memory is short");
    return;
  }
  struct sure__shard *shard =
      sure__shard_of(server, &link->peer.fresh_session); /* where a new session would live */
  atomic_store(&link->shard, shard);
  bool is_held = sure__connection_hold(link->connection);
  sure__assert(is_held && "it was not started yet");
  pthread_mutex_lock(&shard->lock);
  bool is_known = sure__server_accepted(&shard->engine, &link->peer, sure__clock_ms());
  sure__shard_finish(shard);
  if (!is_known) {
    sure__log(&server->options.logger, SURE_LOG_ERROR, "connection refused: memory is short");
    link_discard(link);
    return;
  }
  if (!admit(server, link, stream)) {
    sure__log(&server->options.logger, SURE_LOG_WARNING,
              "connection refused: too many, in all or from its address, or draining");
    sure__connection_close(link->connection, "refused");
  }
  sure__connection_start(link->connection);
  sure__connection_release(link->connection);
}

static bool is_any(const struct sure__link *link, uint64_t now_ms) {
  (void)link;
  (void)now_ms;
  return true;
}

static bool is_stalled(const struct sure__link *link, uint64_t now_ms) {
  uint64_t since_ms = sure__connection_stalled_since_ms(link->connection);
  return since_ms != 0 && now_ms > since_ms && /* else it has stalled after now_ms was read */
         now_ms - since_ms > link->server->options.unsent_ms_max;
}

/* Closing enters nng, so it is done without the lock: the wanted links are held and listed first.
 */
static void close_where(struct sure_server *server,
                        bool (*is_wanted)(const struct sure__link *link, uint64_t now_ms),
                        uint64_t now_ms, const char *reason) {
  struct sure__list wanted;
  sure__list_init(&wanted);
  pthread_mutex_lock(&server->lock);
  for (struct sure__list *l = server->links.next; l != &server->links; l = l->next) {
    struct sure__link *link = sure__container_of(l, struct sure__link, of_server);
    if (!sure__list_is_linked(&link->to_close) && is_wanted(link, now_ms) &&
        sure__connection_hold(link->connection)) {
      sure__list_append(&wanted, &link->to_close);
    }
  }
  struct sure__list *l;
  while ((l = sure__list_pop(&wanted)) != NULL) {
    struct sure__connection *connection =
        sure__container_of(l, struct sure__link, to_close)->connection;
    pthread_mutex_unlock(&server->lock);
    sure__connection_close(connection, reason);
    sure__connection_release(connection);
    pthread_mutex_lock(&server->lock);
  }
  pthread_mutex_unlock(&server->lock);
}

void sure__links_close(struct sure_server *server, const char *reason) {
  close_where(server, is_any, 0, reason);
}

void sure__links_close_stalled(struct sure_server *server, uint64_t now_ms) {
  close_where(server, is_stalled, now_ms, "the client does not take its replies");
}
