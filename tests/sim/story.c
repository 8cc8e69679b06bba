#include "tests/sim/story.h"

#include "rpc/core/frame.h"
#include "tests/sim/aim.h"

enum { DETAIL_LEN_MAX = 160 };

static void describe_result(const struct sure__frame *frame, const struct sure__result *result,
                            char *out) {
  (void)snprintf(out, DETAIL_LEN_MAX, "%s %s%s%s%s%s%s", sure_code_name(result->code),
                 sure_reason_name(result->reason),
                 (frame->flags & SURE__RECORDED) != 0 ? " RECORDED" : "",
                 (frame->flags & SURE__REPLAYED) != 0 ? " REPLAYED" : "",
                 (frame->flags & SURE__JOINED) != 0 ? " JOINED" : "",
                 (frame->flags & SURE__NOT_RUN) != 0 ? " NOT_RUN" : "",
                 (frame->flags & SURE__ROLLED_BACK) != 0 ? " ROLLED_BACK" : "");
}

static const char *settled_name(uint8_t verdict) {
  static const char *const names[] = {"?",        "RECORD",  "TOMBSTONE", "ALREADY_ACKED",
                                      "IN_DOUBT", "UNKNOWN", "NOT_YET"};
  return names[verdict < sizeof names / sizeof names[0] ? verdict : 0];
}

static unsigned short_id(const struct sure_session_id *id) {
  return (unsigned)id->bytes[0] << 8 | id->bytes[1];
}

static void describe(const struct sure__frame *frame, char *out) {
  out[0] = '\0';
  if ((frame->flags & SURE__CONT) != 0) {
    (void)snprintf(out, DETAIL_LEN_MAX, "%llu attempt %u goes on",
                   (unsigned long long)frame->sequence, frame->attempt);
    return;
  }
  int len = 0;
  switch (frame->type) {
  case SURE__REQUEST:
    (void)snprintf(out, DETAIL_LEN_MAX, "%llu attempt %u watermark %llu time-out %u%s",
                   (unsigned long long)frame->sequence, frame->attempt,
                   (unsigned long long)frame->request.watermark, frame->request.timeout_ms,
                   (frame->flags & SURE__MORE) != 0 ? " MORE" : "");
    break;
  case SURE__RESPONSE:
    len = snprintf(out, DETAIL_LEN_MAX / 2, "%llu attempt %u ", (unsigned long long)frame->sequence,
                   frame->attempt);
    describe_result(frame, &frame->response, out + len);
    break;
  case SURE__ACCEPTED:
  case SURE__CANCEL:
    (void)snprintf(out, DETAIL_LEN_MAX, "%llu attempt %u", (unsigned long long)frame->sequence,
                   frame->attempt);
    break;
  case SURE__ACK:
    (void)snprintf(out, DETAIL_LEN_MAX, "watermark %llu and %u ranges",
                   (unsigned long long)frame->ack.watermark, frame->ack.range_count);
    break;
  case SURE__ATTACH:
    (void)snprintf(out, DETAIL_LEN_MAX, "%s %04x",
                   frame->attach.mode == SURE__ATTACH_NEW ? "NEW" : "RESUME",
                   short_id(&frame->attach.session));
    break;
  case SURE__ATTACHED:
    (void)snprintf(out, DETAIL_LEN_MAX, "%04x state %u", short_id(&frame->attached.session),
                   frame->attached.state);
    break;
  case SURE__SETTLE:
    (void)snprintf(out, DETAIL_LEN_MAX, "(%llu) of %04x %llu key '%.*s'",
                   (unsigned long long)frame->sequence, short_id(&frame->settle.session),
                   (unsigned long long)frame->settle.target, (int)frame->settle.key.len,
                   (const char *)frame->settle.key.data);
    break;
  case SURE__SETTLED:
    len = snprintf(out, DETAIL_LEN_MAX / 2, "(%llu) %s ", (unsigned long long)frame->sequence,
                   settled_name(frame->settled.verdict));
    describe_result(frame, &frame->settled.result, out + len);
    break;
  case SURE__GOAWAY:
    (void)snprintf(out, DETAIL_LEN_MAX, "reason %u %.*s", frame->goaway.reason,
                   (int)frame->goaway.text.len, (const char *)frame->goaway.text.data);
    break;
  default:
    break;
  }
}

static bool next(struct sure_bytes *frames, struct sure__frame *out_frame) {
  size_t len = 0;
  const char *problem;
  if (frames->len == 0 ||
      sure__frame_decode(*frames, out_frame, &len, &problem) != SURE__DECODED_FRAME) {
    return false;
  }
  frames->data += len;
  frames->len -= len;
  return true;
}

static void tell(bool by_server, char arrow, const struct talk *talk,
                 const struct sure__frame *frame) {
  char detail[DETAIL_LEN_MAX + 64];
  describe(frame, detail);
  sim_trace("%s %u %c %s %s (%s %u)", by_server ? "server" : "client",
            by_server ? talk->server : talk->client, arrow, sure__frame_type_name(frame->type),
            detail, by_server ? "client" : "server", by_server ? talk->client : talk->server);
}

static void cover_response(const struct heard *heard, const struct sure__frame *frame) {
  sim.coverage[COVER_JOINED] += (frame->flags & SURE__JOINED) != 0;
  sim.coverage[COVER_REPLAYED] += (frame->flags & SURE__REPLAYED) != 0;
  if (frame->response.reason == SURE_REASON_STALE) {
    bool is_below = frame->sequence < heard->watermark;
    sim.coverage[is_below ? COVER_STALE_WATERMARK : COVER_STALE_RANGE]++;
  }
  sim.coverage[COVER_KEY_REUSED] += frame->response.reason == SURE_REASON_KEY_REUSED;
  sim.coverage[COVER_KEY_WAITS] += frame->response.reason == SURE_REASON_IN_DOUBT;
}

/* What a server says tells where it has been. */
static void cover(const struct heard *heard, const struct sure__frame *frame) {
  if ((frame->flags & SURE__CONT) != 0) {
    return;
  }
  if (frame->type == SURE__RESPONSE) {
    cover_response(heard, frame);
  } else if (frame->type == SURE__ATTACHED) {
    sim.coverage[COVER_FENCED] += frame->attached.state == SURE__ATTACHED_FENCED;
    sim.coverage[COVER_LOST] += frame->attached.state == SURE__ATTACHED_LOST;
  } else if (frame->type == SURE__SETTLED) {
    sim.coverage[COVER_SETTLED_RECORD] += frame->settled.verdict == SURE__SETTLED_RECORD;
    sim.coverage[COVER_SETTLED_TOMBSTONE] += frame->settled.verdict == SURE__SETTLED_TOMBSTONE;
    sim.coverage[COVER_SETTLED_NOT_YET] += frame->settled.verdict == SURE__SETTLED_NOT_YET;
  }
}

void story_sent(bool is_server, struct talk *talk, struct sure_bytes frames) {
  struct sure__frame frame;
  while (next(&frames, &frame)) {
    tell(is_server, '>', talk, &frame);
    aim_at_frame(is_server, talk->client, talk->server, &frame);
    if (is_server) {
      owed_sent(&talk->owed, &frame);
      copies_sent(talk->client, &talk->heard, &frame);
      cover(&talk->heard, &frame);
    }
  }
}

void story_received(bool is_server, struct talk *talk, struct sure_bytes frames) {
  struct sure__frame frame;
  struct sure_bytes rest = frames;
  while (next(&rest, &frame)) {
    tell(is_server, '<', talk, &frame);
    if (is_server) {
      struct sure_bytes bytes = {frames.data, (size_t)(rest.data - frames.data)};
      owed_received(&talk->owed, &frame);
      copies_received(talk->client, &talk->heard, &frame, bytes);
    }
    frames = rest;
  }
}

void story_copied(const struct talk *talk, struct sure_bytes bytes) {
  struct sure__frame frame;
  if (next(&bytes, &frame)) {
    tell(true, '=', talk, &frame);
  }
}
