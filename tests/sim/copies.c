#include "tests/sim/copies.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/bank.h"
#include "tests/sim/bank_wire.h"

enum { KEPT_MAX = 48, COPY_LEN_MAX = 4096 };

struct kept {
  const struct heard *heard; /* the connection on which it came */
  struct sure_session_id session;
  uint64_t request_sequence; /* 0: it is no REQUEST */
  size_t len;
  uint8_t *bytes;
};

static struct kept kept[CLIENTS_MAX][KEPT_MAX];
static size_t kept_count[CLIENTS_MAX]; /* ever */

static bool same_session(const struct sure_session_id *a, const struct sure_session_id *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

/* All attempts of that call are not to come again. */
static void forget_call(unsigned client, const struct heard *heard, uint64_t sequence) {
  for (size_t i = 0; i < KEPT_MAX; i++) {
    struct kept *place = &kept[client][i];
    if (place->request_sequence == sequence && same_session(&place->session, &heard->session)) {
      place->len = 0;
    }
  }
}

static bool leaves_record(const struct sure__frame *frame) {
  return (frame->flags & (SURE__RECORDED | SURE__CONT)) != 0 ||
         frame->response.reason == SURE_REASON_STALE;
}

void copies_sent(unsigned client, struct heard *heard, const struct sure__frame *frame) {
  if (frame->type == SURE__RESPONSE && client < CLIENTS_MAX && !leaves_record(frame)) {
    forget_call(client, heard, frame->sequence);
  }
  if (frame->type == SURE__ATTACHED && frame->attached.state == SURE__ATTACHED_OPEN) {
    heard->is_attached = true;
    heard->session = frame->attached.session;
  }
}

/* Calls without a record are not to be repeated: a peer that does breaks the protocol. */
static bool is_recorded_method(uint64_t method) {
  return method == bank_method("Charge")->id || method == bank_method("Pay")->id ||
         method == bank_method("Order")->id || bank_wire_is_recorded(method);
}

static bool can_repeat(const struct sure__frame *frame) {
  switch (frame->type) {
  case SURE__REQUEST:
    return (frame->flags & (SURE__CONT | SURE__MORE)) == 0 &&
           is_recorded_method(frame->request.method);
  case SURE__ACK:
  case SURE__SETTLE:
    return true;
  default:
    return false;
  }
}

static void keep(unsigned client, const struct kept *frame, struct sure_bytes bytes) {
  struct kept *place = &kept[client][kept_count[client]++ % KEPT_MAX];
  uint8_t *room = realloc(place->bytes, bytes.len);
  if (room == NULL) {
    abort();
  }
  memcpy(room, bytes.data, bytes.len);
  *place = *frame;
  place->bytes = room;
  place->len = bytes.len;
}

static void hear_watermark(struct heard *heard, const struct sure__frame *frame) {
  uint64_t watermark = 0;
  if (frame->type == SURE__ACK) {
    watermark = frame->ack.watermark;
  } else if (frame->type == SURE__REQUEST && (frame->flags & SURE__CONT) == 0) {
    watermark = frame->request.watermark;
  }
  heard->watermark = watermark > heard->watermark ? watermark : heard->watermark;
}

void copies_received(unsigned client, struct heard *heard, const struct sure__frame *frame,
                     struct sure_bytes bytes) {
  hear_watermark(heard, frame);
  if (client < CLIENTS_MAX && heard->is_attached && bytes.len <= COPY_LEN_MAX &&
      can_repeat(frame)) {
    bool is_request = frame->type == SURE__REQUEST;
    struct kept copy = {.heard = heard,
                        .session = heard->session,
                        .request_sequence = is_request ? frame->sequence : 0};
    keep(client, &copy, bytes);
  }
}

struct sure_bytes copies_pick(unsigned client, const struct heard *heard) {
  const struct kept *picked = NULL;
  size_t seen = 0;
  for (size_t i = 0; i < KEPT_MAX && heard->is_attached; i++) {
    const struct kept *frame = &kept[client][i];
    if (frame->len > 0 && same_session(&frame->session, &heard->session) &&
        (frame->heard == heard || frame->heard->is_over) && chance_below(++seen) == 0) {
      picked = frame;
    }
  }
  if (picked == NULL) {
    return (struct sure_bytes){0};
  }
  return (struct sure_bytes){picked->bytes, picked->len};
}

void copies_clear(void) {
  for (size_t i = 0; i < CLIENTS_MAX; i++) {
    for (size_t k = 0; k < KEPT_MAX; k++) {
      free(kept[i][k].bytes);
      kept[i][k] = (struct kept){0};
    }
    kept_count[i] = 0;
  }
}
