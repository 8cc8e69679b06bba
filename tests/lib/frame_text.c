#include "tests/lib/frame_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "rpc/core/log.h"

/* So many ranges of an ACK are listed. */
enum { RANGES_TOLD_MAX = 8 };

struct writer {
  struct frame_text *out;
  size_t len;
};

static void put(struct writer *writer, const char *format, ...) SURE_PRINTF(2, 3);

static void put(struct writer *writer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t room = sizeof writer->out->text - writer->len;
  int len = vsnprintf(writer->out->text + writer->len, room, format, arguments);
  va_end(arguments);
  if (len > 0) {
    writer->len += (size_t)len < room ? (size_t)len : room - 1;
  }
}

static void put_name(struct writer *writer, const struct sure__frame *frame) {
  unsigned long long sequence = frame->sequence;
  put(writer, "%s", sure__frame_type_name(frame->type));
  switch (frame->type) {
  case SURE__REQUEST:
  case SURE__ACCEPTED:
  case SURE__RESPONSE:
  case SURE__CANCEL:
    put(writer, " %llu attempt %u", sequence, frame->attempt);
    break;
  case SURE__SETTLE:
  case SURE__SETTLED:
  case SURE__PING:
  case SURE__PONG:
    put(writer, " (%llu)", sequence); /* a number of the sender's choice, and no call's */
    break;
  default:
    break;
  }
  if ((frame->flags & SURE__CONT) != 0) {
    put(writer, " goes on");
  }
}

static const char *attach_mode_name(uint8_t mode) {
  switch ((enum sure__attach_mode)mode) {
  case SURE__ATTACH_NEW:
    return "NEW";
  case SURE__ATTACH_RESUME:
    return "RESUME";
  case SURE__ATTACH_NONE:
    return "NONE";
  }
  return "?";
}

static const char *attach_state_name(uint8_t state) {
  switch ((enum sure__attach_state)state) {
  case SURE__ATTACHED_OPEN:
    return "OPEN";
  case SURE__ATTACHED_FENCED:
    return "FENCED";
  case SURE__ATTACHED_LOST:
    return "LOST";
  case SURE__ATTACHED_BUSY:
    return "BUSY";
  case SURE__ATTACHED_FULL:
    return "FULL";
  case SURE__ATTACHED_NONE:
    return "NONE";
  case SURE__ATTACHED_READ_ONLY:
    return "READ_ONLY";
  case SURE__ATTACHED_REFUSED:
    return "REFUSED";
  }
  return "?";
}

static const char *verdict_name(uint8_t verdict) {
  switch ((enum sure__settle_verdict)verdict) {
  case SURE__SETTLED_RECORD:
    return "RECORD";
  case SURE__SETTLED_TOMBSTONE:
    return "TOMBSTONE";
  case SURE__SETTLED_ALREADY_ACKED:
    return "ALREADY_ACKED";
  case SURE__SETTLED_IN_DOUBT:
    return "IN_DOUBT";
  case SURE__SETTLED_UNKNOWN:
    return "UNKNOWN";
  case SURE__SETTLED_NOT_YET:
    return "NOT_YET";
  case SURE__SETTLED_KEY_REUSED:
    return "KEY_REUSED";
  }
  return "?";
}

static const char *goaway_name(uint8_t reason) {
  switch ((enum sure__goaway_reason)reason) {
  case SURE__GOAWAY_DRAINING:
    return "DRAINING";
  case SURE__GOAWAY_VERSION:
    return "VERSION";
  case SURE__GOAWAY_PROTOCOL_ERROR:
    return "PROTOCOL_ERROR";
  case SURE__GOAWAY_IDLE:
    return "IDLE";
  case SURE__GOAWAY_OVERLOADED:
    return "OVERLOADED";
  case SURE__GOAWAY_TOO_MANY_PINGS:
    return "TOO_MANY_PINGS";
  case SURE__GOAWAY_MAX_AGE:
    return "MAX_AGE";
  }
  return "?";
}

static void put_flags(struct writer *writer, unsigned flags) {
  static const struct {
    unsigned flag;
    const char *name;
  } known[] = {
      {SURE__MORE, "MORE"},         {SURE__END, "END"},
      {SURE__NOT_RUN, "NOT_RUN"},   {SURE__ROLLED_BACK, "ROLLED_BACK"},
      {SURE__RECORDED, "RECORDED"}, {SURE__REPLAYED, "REPLAYED"},
      {SURE__JOINED, "JOINED"},     {SURE__RESUMED, "RESUMED"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if ((flags & known[i].flag) != 0) {
      put(writer, " %s", known[i].name);
    }
  }
}

static void put_result(struct writer *writer, const struct sure__result *result) {
  put(writer, " %s", sure_code_name(result->code));
  if (result->reason != SURE_REASON_NONE) {
    put(writer, " %s", sure_reason_name(result->reason));
  }
}

static void put_key(struct writer *writer, struct sure_bytes key) {
  if (key.len > 0) {
    put(writer, " key '%.*s'", (int)key.len, (const char *)key.data);
  }
}

static void put_ranges(struct writer *writer, const struct sure__ack *ack) {
  for (uint32_t i = 0; i < ack->range_count; i++) {
    if (i == RANGES_TOLD_MAX) {
      put(writer, " ... %u in all", ack->range_count);
      return;
    }
    struct sure_range range = sure__ack_range(ack, i);
    put(writer, "%s %llu", i == 0 ? " and" : "", (unsigned long long)range.first);
    if (range.last > range.first) {
      put(writer, "-%llu", (unsigned long long)range.last);
    }
  }
}

static void put_settle(struct writer *writer, const struct sure__settle_body *settle) {
  if (settle->target != 0) {
    put(writer, " call %llu of session %s", (unsigned long long)settle->target,
        sure__log_session(&settle->session).text);
  }
  put_key(writer, settle->key);
  if (settle->reply_held > 0) {
    put(writer, " reply from %u", settle->reply_held);
  }
}

static void put_settled(struct writer *writer, const struct sure__settled_body *settled) {
  put(writer, " %s", verdict_name(settled->verdict));
  if (settled->verdict == SURE__SETTLED_RECORD) {
    put_result(writer, &settled->result);
  }
}

/* The first bytes of ids that are no secrets, written as those of sessions are. */
static struct sure__session_text id_text(const uint8_t *bytes) {
  struct sure_session_id id = {{bytes[0], bytes[1], bytes[2], bytes[3]}};
  return sure__log_session(&id);
}

static void put_attach(struct writer *writer, const struct sure__attach *attach) {
  put(writer, " %s", attach_mode_name(attach->mode));
  if (attach->mode == SURE__ATTACH_RESUME) {
    put(writer, " session %s", sure__log_session(&attach->session).text);
  }
  put(writer, " challenge %s", id_text(attach->challenge.bytes).text);
}

static void put_resumption(struct writer *writer, const struct sure__frame *frame) {
  if ((frame->flags & SURE__RESUMED) != 0) {
    put(writer, " from %u", frame->request.resumed.held);
  }
}

static void put_body(struct writer *writer, const struct sure__frame *frame) {
  switch (frame->type) {
  case SURE__WELCOME:
    put(writer, " challenge %s", id_text(frame->welcome.challenge.bytes).text);
    put(writer, " store %s", id_text(frame->welcome.store_id.bytes).text);
    break;
  case SURE__ATTACH:
    put_attach(writer, &frame->attach);
    break;
  case SURE__ATTACHED:
    put(writer, " %s", attach_state_name(frame->attached.state));
    put(writer, " session %s", sure__log_session(&frame->attached.session).text);
    for (size_t i = 0; i < frame->payload.len / SURE__HELD_LEN; i++) {
      struct sure__held held = sure__held_at(frame->payload, i);
      put(writer, " has %u of %llu", held.len, (unsigned long long)held.sequence);
    }
    break;
  case SURE__REQUEST:
    put(writer, " watermark %llu", (unsigned long long)frame->request.watermark);
    put_key(writer, frame->request.key);
    put_resumption(writer, frame);
    break;
  case SURE__RESPONSE:
    put_result(writer, &frame->response);
    break;
  case SURE__ACK:
    put(writer, " watermark %llu", (unsigned long long)frame->ack.watermark);
    put_ranges(writer, &frame->ack);
    break;
  case SURE__SETTLE:
    put_settle(writer, &frame->settle);
    break;
  case SURE__SETTLED:
    put_settled(writer, &frame->settled);
    break;
  case SURE__DATA:
    put(writer, " message %llu", (unsigned long long)frame->data.index);
    if (frame->data.bytes.len < frame->data.total) {
      put(writer, " from %u to %u of %u", frame->data.offset,
          frame->data.offset + (unsigned)frame->data.bytes.len, frame->data.total);
    }
    break;
  case SURE__WINDOW:
    put(writer, " message %llu from %u credit %u acked %llu",
        (unsigned long long)frame->window.index, frame->window.offset, frame->window.credit,
        (unsigned long long)frame->window.acked);
    break;
  case SURE__GOAWAY:
    put(writer, " %s", goaway_name(frame->goaway.reason));
    put(writer, "%s%.*s", frame->goaway.text.len > 0 ? ": " : "", (int)frame->goaway.text.len,
        (const char *)frame->goaway.text.data);
    break;
  default:
    break;
  }
}

struct frame_text frame_name(const struct sure__frame *frame) {
  struct frame_text text = {{0}};
  struct writer writer = {.out = &text};
  put_name(&writer, frame);
  return text;
}

struct frame_text frame_text(const struct sure__frame *frame) {
  struct frame_text text = {{0}};
  struct writer writer = {.out = &text};
  put_name(&writer, frame);
  bool goes_on = (frame->flags & SURE__CONT) != 0; /* then the first part has said it all */
  if (!goes_on) {
    put_body(&writer, frame);
  }
  put_flags(&writer, goes_on ? frame->flags & SURE__MORE : frame->flags);
  return text;
}
