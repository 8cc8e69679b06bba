/* How long a connection may say nothing, how often only that it is there, and how old it may become
 * (docs/protocol.md 9.1, 9.2; gRPC's proposals A8 and A9). */
#include "rpc/core/server_private.h"

enum { PING_STRIKES_MAX = 2 };

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* ---- age ---- */

/* Give or take a tenth, so that connections that came at once do not leave at once. */
static uint64_t end_of_life_ms(const struct sure__server *server, const struct sure__peer *peer,
                               uint64_t now_ms) {
  uint64_t age_ms = server->config.connection_age_ms_max;
  if (age_ms == 0) {
    return SURE__TIME_NEVER;
  }
  uint64_t random = (uint64_t)peer->challenge.bytes[0] << 8 | peer->challenge.bytes[1];
  return now_ms + age_ms - age_ms / 10 + random * (age_ms / 5) / 65536;
}

void sure__peer_watch(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms) {
  peer->old_at_ms = end_of_life_ms(server, peer, now_ms);
  sure__timers_set(&server->timers, &peer->timer,
                   earlier(now_ms + server->config.keepalive_time_ms, peer->old_at_ms));
}

/* The client goes on over another connection, and what runs here ends here, if it does in time. */
static void grow_old(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms) {
  if (peer->is_leaving) {
    sure__peer_close(server, peer, 0, "the connection is old");
    return;
  }
  peer->is_leaving = true;
  peer->old_at_ms = now_ms + server->config.connection_age_grace_ms;
  sure__peer_send(
      server, peer,
      &(struct sure__frame){.type = SURE__GOAWAY, .goaway = {.reason = SURE__GOAWAY_MAX_AGE}});
}

/* ---- silence ---- */

/* When something is due on account of it; the PING is sent if that is now. */
static uint64_t keep_alive(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms) {
  uint64_t ping_at_ms = peer->heard_at_ms + server->config.keepalive_time_ms;
  if (peer->is_pinged) {
    uint64_t end_ms = peer->pinged_at_ms + server->config.keepalive_timeout_ms;
    if (now_ms < end_ms) {
      return end_ms;
    }
    sure__peer_close(server, peer, SURE__GOAWAY_IDLE, "silent for too long");
    return SURE__TIME_NEVER;
  }
  if (now_ms < ping_at_ms) {
    return ping_at_ms;
  }
  peer->is_pinged = true;
  peer->pinged_at_ms = now_ms;
  sure__peer_send(server, peer, &(struct sure__frame){.type = SURE__PING});
  return now_ms + server->config.keepalive_timeout_ms;
}

void sure__peer_timer_fired(struct sure__server *server, struct sure__peer *peer, uint64_t now_ms) {
  if (peer->is_closing) {
    return;
  }
  if (peer->phase == SURE__PEER_NEW || peer->phase == SURE__PEER_WELCOMED ||
      peer->phase == SURE__PEER_KNOCKING) {
    sure__peer_close(server, peer, SURE__GOAWAY_IDLE, "no ATTACH in time");
    return;
  }
  if (now_ms >= peer->old_at_ms) {
    grow_old(server, peer, now_ms);
  }
  uint64_t due_ms = peer->is_closing ? SURE__TIME_NEVER : keep_alive(server, peer, now_ms);
  if (!peer->is_closing) {
    sure__timers_set(&server->timers, &peer->timer, earlier(due_ms, peer->old_at_ms));
  }
}

/* ---- pings ---- */

void sure__peer_on_ping(struct sure__server *server, struct sure__peer *peer,
                        const struct sure__frame *frame, uint64_t now_ms) {
  bool is_early = peer->ping_heard_at_ms != 0 &&
                  now_ms - peer->ping_heard_at_ms < server->config.ping_interval_ms_min;
  peer->ping_heard_at_ms = now_ms;
  peer->ping_strikes += is_early;
  if (peer->ping_strikes > PING_STRIKES_MAX) {
    sure__peer_close(server, peer, SURE__GOAWAY_TOO_MANY_PINGS, "too many pings");
    return;
  }
  sure__peer_send(server, peer,
                  &(struct sure__frame){.type = SURE__PONG, .sequence = frame->sequence});
}
