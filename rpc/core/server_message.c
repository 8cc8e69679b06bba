/* From REQUEST frames to whole requests (docs/protocol.md 2.5, 2.7, 4.1). */
#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/fingerprint.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/core/server_private.h"

/* Messages that may gather on one connection at a time, in multiples of the largest one. */
#define ASSEMBLING_MAX SURE__BODIES_GOING_MAX

static struct sure_call *find_assembling(const struct sure__peer *peer,
                                         const struct sure__frame *frame) {
  for (struct sure__list *l = peer->assembling.next; l != &peer->assembling; l = l->next) {
    struct sure_call *call = sure__container_of(l, struct sure_call, link);
    if (call->op.sequence == frame->sequence && call->attempt == frame->attempt) {
      return call;
    }
  }
  return NULL;
}

static void stop_assembling(struct sure__peer *peer, struct sure_call *call) {
  peer->call_count--;
  peer->assembling_len -= call->payload.len;
  sure__list_remove(&call->link);
}

/* Takes the frame's part of the payload. False: it is more than was announced, or less at the end.
 */
static bool take_part(struct sure_call *call, const struct sure__frame *frame) {
  if (frame->payload.len > call->payload.len - call->assembled_len) {
    return false;
  }
  if (frame->payload.len > 0) {
    memcpy(call->assembled + call->assembled_len, frame->payload.data, frame->payload.len);
  }
  call->assembled_len += frame->payload.len;
  bool more = (frame->flags & SURE__MORE) != 0;
  return more || call->assembled_len == call->payload.len;
}

/* The client sends it whole then. */
static void answer_parts_gone(struct sure__server *server, struct sure__peer *peer,
                              uint64_t sequence, uint32_t attempt) {
  sure__answer_refusal(server, peer, sequence, attempt, SURE_RESOURCE_EXHAUSTED,
                       SURE_REASON_PARTS_GONE, SURE__NOT_RUN,
                       "what came of the request before is gone");
}

/* All parts are here. Those of several attempts make one message only if they were of the same. */
static void finish_message(struct sure__server *server, struct sure__peer *peer,
                           struct sure_call *call, uint64_t now_ms) {
  stop_assembling(peer, call);
  struct sure_fingerprint expected = call->op.fingerprint;
  if (call->is_resumed && !SURE__MUTANT(PARTS_NOT_COMPARED) &&
      !sure__fingerprint_equals(sure__fingerprint(call->op.method, call->payload), expected)) {
    answer_parts_gone(server, peer, call->op.sequence, call->attempt);
    sure__call_free(server, call);
    return;
  }
  sure__call_arrive(server, peer, call, now_ms);
}

static void begin_message(struct sure__server *server, struct sure__peer *peer,
                          struct sure_call *call, const struct sure__frame *frame,
                          uint64_t now_ms) {
  uint32_t len = frame->request.message_len;
  size_t room = (size_t)server->config.message_len_max * ASSEMBLING_MAX - peer->assembling_len;
  bool has_room =
      len <= room || (frame->flags & SURE__MORE) == 0; /* whole at once, it needs none */
  if (call->assembled == NULL && has_room) {
    call->assembled = sure__realloc(NULL, len);
  }
  if (call->assembled == NULL || !has_room) {
    sure__answer_refusal(server, peer, frame->sequence, frame->attempt, SURE_RESOURCE_EXHAUSTED,
                         SURE_REASON_OVERLOADED, SURE__NOT_RUN,
                         "too many unfinished messages on this connection");
    sure__call_free(server, call);
    return; /* the parts to come find no call and are dropped */
  }
  call->payload = (struct sure_bytes){call->assembled, len};
  call->step = SURE__CALL_ASSEMBLING;
  peer->call_count++;
  peer->assembling_len += len;
  sure__list_append(&peer->assembling, &call->link);
  bool fits = take_part(call, frame);
  sure__assert(fits && "the decoder has compared the first part with the whole");
  if ((frame->flags & SURE__MORE) == 0) {
    finish_message(server, peer, call, now_ms);
  }
}

static void continue_message(struct sure__server *server, struct sure__peer *peer,
                             const struct sure__frame *frame, uint64_t now_ms) {
  struct sure_call *call = find_assembling(peer, frame);
  if (call == NULL) {
    return; /* of a message that was refused with its first part */
  }
  if (!take_part(call, frame)) {
    sure__server_protocol_error(server, peer, "a message of another length than announced");
    return;
  }
  if ((frame->flags & SURE__MORE) == 0) {
    finish_message(server, peer, call, now_ms);
  }
}

/* False: there is no memory. */
static bool take_header(struct sure_call *call, const struct sure__frame *frame, uint64_t now_ms) {
  call->op.sequence = SURE__MUTANT(ATTEMPT_TAKEN_FOR_CALL_ID) ? frame->attempt : frame->sequence;
  call->op.method = frame->request.method;
  call->attempt = frame->attempt;
  call->resumes = frame->request.resumes;
  atomic_store(&call->deadline_ms, now_ms + frame->request.timeout_ms);
  call->payload = frame->payload;
  call->is_resumed = frame->request.resumed.held > 0;
  call->op.fingerprint = frame->request.resumed.fingerprint; /* of a whole one, it is found out */
  return sure__arena_copy(&call->arena, frame->request.key, &call->op.key) &&
         sure__arena_copy(&call->arena, frame->metadata, &call->metadata);
}

/* The call object that the request goes on with, or a new one; NULL when memory is short. */
static struct sure_call *call_of(struct sure__server *server, struct sure_call *kept,
                                 const struct sure__frame *frame) {
  if (frame->request.resumed.held > 0) {
    sure__kept_take(server, kept);
    return kept;
  }
  if (kept != NULL) {
    sure__kept_forget(server, kept); /* it begins anew */
  }
  return sure__call_new(server);
}

/* What the client leaves out is what we have. */
static bool is_kept(const struct sure_call *kept, const struct sure__request *request) {
  return kept != NULL && kept->assembled_len == request->resumed.held &&
         kept->payload.len == request->message_len;
}

void sure__message_on_request(struct sure__server *server, struct sure__peer *peer,
                              const struct sure__frame *frame, uint64_t now_ms) {
  if ((frame->flags & SURE__CONT) != 0) {
    continue_message(server, peer, frame, now_ms);
    return;
  }
  server->stats.requests++;
  sure__server_session_hear_watermark(server, peer->session, frame->request.watermark);
  if (frame->request.message_len > server->config.message_len_max) {
    sure__server_protocol_error(server, peer, "a message over the limit that WELCOME named");
    return;
  }
  if (frame->request.encoding != 0) {
    sure__answer_refusal(server, peer, frame->sequence, frame->attempt, SURE_UNIMPLEMENTED,
                         SURE_REASON_NONE, SURE__NOT_RUN, "unknown content encoding");
    return;
  }
  struct sure_call *kept =
      peer->session->kept_count == 0 ? NULL : sure__kept_find(peer->session, frame->sequence);
  if (frame->request.resumed.held > 0 && !is_kept(kept, &frame->request)) {
    answer_parts_gone(server, peer, frame->sequence, frame->attempt);
    return;
  }
  struct sure_call *call = NULL;
  if (peer->call_count < server->config.connection_calls_max) {
    call = call_of(server, kept, frame);
  }
  if (call == NULL || !take_header(call, frame, now_ms)) {
    sure__answer_refusal(server, peer, frame->sequence, frame->attempt, SURE_RESOURCE_EXHAUSTED,
                         SURE_REASON_TOO_MANY_CALLS, SURE__NOT_RUN,
                         "too many calls on this connection, or memory is short");
    if (call != NULL) {
      sure__call_free(server, call);
    }
    return;
  }
  if ((frame->flags & SURE__MORE) != 0 || call->is_resumed) {
    begin_message(server, peer, call, frame, now_ms);
  } else {
    sure__call_arrive(server, peer, call, now_ms);
  }
}

bool sure__message_cancel(struct sure__server *server, struct sure__peer *peer,
                          const struct sure__frame *frame) {
  struct sure_call *call = find_assembling(peer, frame);
  if (call != NULL) {
    stop_assembling(peer, call);
    sure__call_free(server, call);
  }
  return call != NULL;
}

void sure__message_drop_peer(struct sure__server *server, struct sure__peer *peer) {
  while (!sure__list_is_empty(&peer->assembling)) {
    struct sure_call *call = sure__container_of(peer->assembling.next, struct sure_call, link);
    stop_assembling(peer, call);
    sure__kept_put(server, peer->session, call, peer->heard_at_ms);
  }
}
