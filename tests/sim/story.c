#include "tests/sim/story.h"

#include "rpc/core/frame.h"
#include "tests/lib/frame_text.h"
#include "tests/sim/aim.h"

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

static void tell(bool by_server, char arrow, const struct conversation *talk,
                 const struct sure__frame *frame) {
  char time_left[32] = "";
  if (frame->type == SURE__REQUEST && (frame->flags & SURE__CONT) == 0) {
    (void)snprintf(time_left, sizeof time_left, " within %u ms", frame->request.timeout_ms);
  }
  sim_trace("%s %u %c %s%s (%s %u)", by_server ? "server" : "client",
            by_server ? talk->server : talk->client, arrow, frame_text(frame).text, time_left,
            by_server ? "client" : "server", by_server ? talk->client : talk->server);
}

static void cover_response(const struct heard *heard, const struct sure__frame *frame) {
  sim.coverage[COVER_JOINED] += (frame->flags & SURE__JOINED) != 0;
  sim.coverage[COVER_REPLAYED] += (frame->flags & SURE__REPLAYED) != 0;
  if (frame->response.reason == SURE_REASON_STALE) {
    bool is_below = frame->sequence < heard->watermark;
    sim.coverage[is_below ? COVER_STALE_WATERMARK : COVER_STALE_RANGE]++;
  }
  sim.coverage[COVER_KEY_REUSED] += frame->response.reason == SURE_REASON_KEY_REUSED;
  sim.coverage[COVER_SHED] +=
      frame->response.reason == SURE_REASON_OVERLOADED && frame->response.retry_after_ms != 0;
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
  } else if (frame->type == SURE__GOAWAY) {
    sim.coverage[COVER_DRAINED] += frame->goaway.reason == SURE__GOAWAY_DRAINING ||
                                   frame->goaway.reason == SURE__GOAWAY_MAX_AGE;
  } else if (frame->type == SURE__SETTLED) {
    sim.coverage[COVER_REPLY_RESUMED] += (frame->flags & SURE__RESUMED) != 0;
    sim.coverage[COVER_SETTLED_RECORD] += frame->settled.verdict == SURE__SETTLED_RECORD;
    sim.coverage[COVER_SETTLED_TOMBSTONE] += frame->settled.verdict == SURE__SETTLED_TOMBSTONE;
    sim.coverage[COVER_SETTLED_IN_DOUBT] += frame->settled.verdict == SURE__SETTLED_IN_DOUBT;
    sim.coverage[COVER_SETTLED_NOT_YET] += frame->settled.verdict == SURE__SETTLED_NOT_YET;
  }
}

void story_sent(bool is_server, struct conversation *talk, struct sure_bytes frames) {
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

void story_received(bool is_server, struct conversation *talk, struct sure_bytes frames) {
  struct sure__frame frame;
  struct sure_bytes rest = frames;
  while (next(&rest, &frame)) {
    tell(is_server, '<', talk, &frame);
    if (is_server) {
      struct sure_bytes bytes = {frames.data, (size_t)(rest.data - frames.data)};
      bool is_first = frame.type == SURE__REQUEST && (frame.flags & SURE__CONT) == 0;
      sim.coverage[COVER_REQUEST_RESUMED] += is_first && frame.request.resumed.held > 0;
      owed_received(&talk->owed, &frame);
      copies_received(talk->client, &talk->heard, &frame, bytes);
    }
    frames = rest;
  }
}

void story_copied(const struct conversation *talk, struct sure_bytes bytes) {
  struct sure__frame frame;
  if (next(&bytes, &frame)) {
    tell(true, '=', talk, &frame);
  }
}
