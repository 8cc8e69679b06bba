#include "rpc/core/outflow.h"

#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"

static struct sure__stream_message *message_at(struct sure__list *link) {
  return sure__container_of(link, struct sure__stream_message, link);
}

void sure__outflow_init(struct sure__outflow *out, uint32_t window_len_min,
                        uint32_t window_len_max) {
  *out = (struct sure__outflow){.first = 1,
                                .next = 1,
                                .cursor_index = 1,
                                .sent_index = 1,
                                .seen_index = 1,
                                .credit = window_len_min,
                                .window_len = window_len_min,
                                .window_len_min = window_len_min,
                                .window_len_max = window_len_max};
  sure__list_init(&out->messages);
  out->cursor = &out->messages;
  out->seen = &out->messages;
}

void sure__outflow_fini(struct sure__outflow *out) {
  struct sure__list *link;
  while ((link = sure__list_pop(&out->messages)) != NULL) {
    sure__free(message_at(link));
  }
}

/* There are no messages, and the next new one is the first of all. */
static void begin_at_next(struct sure__outflow *out) {
  out->first = out->next;
  out->cursor = &out->messages;
  out->cursor_index = out->next;
  out->cursor_offset = 0;
  out->sent_index = out->next;
  out->sent_offset = 0;
  out->seen = &out->messages;
  out->seen_index = out->next;
}

bool sure__outflow_is_full(const struct sure__outflow *out) {
  return out->held_len >= out->window_len;
}

void sure__outflow_add(struct sure__outflow *out, struct sure__stream_message *message) {
  if (out->next <= out->ahead) {
    sure__free(message);
    out->next++;
    begin_at_next(out);
    return;
  }
  message->position = out->end_position;
  sure__list_append(&out->messages, &message->link);
  out->cursor = out->cursor == &out->messages ? &message->link : out->cursor;
  out->seen = out->seen == &out->messages ? &message->link : out->seen;
  out->end_position += message->len + SURE__STREAM_MESSAGE_COST;
  out->held_len += message->len + SURE__STREAM_MESSAGE_COST;
  out->next++;
}

uint64_t sure__outflow_acked(const struct sure__outflow *out) {
  return out->ahead >= out->first ? out->ahead : out->first - 1;
}

bool sure__outflow_falls_short(const struct sure__outflow *out) {
  return out->ends && out->next <= out->ahead;
}

void sure__outflow_end(struct sure__outflow *out) {
  out->ends = true;
}

/* ---- parts ---- */

static bool is_at_end(const struct sure__outflow *out) {
  return out->cursor == &out->messages;
}

/* What the next part counts beside its bytes. */
static uint32_t extra_cost(const struct sure__outflow *out) {
  return out->cursor_offset == 0 ? SURE__STREAM_MESSAGE_COST : 0;
}

bool sure__outflow_has_part(const struct sure__outflow *out) {
  if (out->is_stopped) {
    return false;
  }
  if (is_at_end(out)) {
    return out->ends && !out->has_sent_end && !sure__outflow_falls_short(out);
  }
  size_t least_len = message_at(out->cursor)->len == 0 ? 0 : 1;
  return out->credit >= extra_cost(out) + least_len;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static bool is_beyond(uint64_t index, uint32_t offset, uint64_t than_index, uint32_t than_offset) {
  return index > than_index || (index == than_index && offset > than_offset);
}

static void advance(struct sure__outflow *out, size_t len) {
  out->credit -= (uint32_t)len + extra_cost(out);
  out->cursor_offset += (uint32_t)len;
  if (out->cursor_offset == message_at(out->cursor)->len) {
    out->cursor = out->cursor->next;
    out->cursor_index++;
    out->cursor_offset = 0;
  }
  if (is_beyond(out->cursor_index, out->cursor_offset, out->sent_index, out->sent_offset)) {
    out->sent_index = out->cursor_index;
    out->sent_offset = out->cursor_offset;
  }
}

bool sure__outflow_part(struct sure__outflow *out, size_t len_max, struct sure__part *out_part) {
  if (!sure__outflow_has_part(out)) {
    return false;
  }
  *out_part = (struct sure__part){.index = out->cursor_index, .offset = out->cursor_offset};
  if (is_at_end(out)) {
    out_part->is_end = true;
    out->has_sent_end = true;
    return true;
  }
  const struct sure__stream_message *message = message_at(out->cursor);
  size_t allowed = out->credit - extra_cost(out);
  size_t len = least(least(message->len - out->cursor_offset, len_max), allowed);
  out_part->total = (uint32_t)message->len;
  out_part->bytes = (struct sure_bytes){message->data + out->cursor_offset, len};
  advance(out, len);
  return true;
}

/* ---- what the receiver says ---- */

void sure__outflow_stop(struct sure__outflow *out) {
  out->is_stopped = true;
}

/* The receiver has had all before `index` from elsewhere, and it was not sent from here yet. */
static bool is_ahead(const struct sure__outflow *out, const struct sure__window *window) {
  return out->may_jump && window->offset == 0 && window->acked == window->index - 1 &&
         window->index > out->sent_index && (out->is_stopped || window->acked == out->ahead);
}

/* On a new connection there may be a receiver who knows nothing of the one before: he gets all that
 * was not acknowledged. Or one who has had more of it than that. */
static const char *check(const struct sure__outflow *out, const struct sure__window *window) {
  uint64_t least = out->is_stopped ? out->first : out->seen_index;
  if (window->index < least || window->acked >= window->index) {
    return "a window that goes back";
  }
  bool is_too_far =
      out->is_stopped
          ? is_beyond(window->index, window->offset, out->sent_index, out->sent_offset)
          : is_beyond(window->index, window->offset, out->cursor_index, out->cursor_offset);
  return is_too_far ? "a window beyond what was sent" : NULL;
}

static void see(struct sure__outflow *out, uint64_t index) {
  while (out->seen_index < index) {
    out->seen = out->seen->next;
    out->seen_index++;
  }
}

/* What (link, offset) counts from the beginning of the stream. */
static uint64_t position_of(const struct sure__outflow *out, struct sure__list *link,
                            uint32_t offset) {
  if (link == &out->messages) {
    return out->end_position;
  }
  uint32_t begun = offset > 0 ? offset + SURE__STREAM_MESSAGE_COST : 0;
  return message_at(link)->position + begun;
}

static void begin_again(struct sure__outflow *out, uint32_t offset) {
  bool skips = SURE__MUTANT(STREAM_MESSAGE_SKIPPED) && out->seen != &out->messages;
  out->cursor = skips ? out->seen->next : out->seen;
  out->cursor_index = out->seen_index;
  out->cursor_offset = SURE__MUTANT(STREAM_PART_AGAIN) ? 0 : offset;
  out->has_sent_end = out->has_sent_end && SURE__MUTANT(STREAM_END_SAID_ONCE);
  out->is_stopped = false;
}

static void forget(struct sure__outflow *out, uint64_t acked) {
  while (out->first <= acked) {
    struct sure__stream_message *message = message_at(sure__list_pop(&out->messages));
    out->held_len -= message->len + SURE__STREAM_MESSAGE_COST;
    out->first++;
    sure__free(message);
  }
}

/* All that is here is of no use any more, or there is none yet that is. */
static void jump(struct sure__outflow *out, const struct sure__window *window) {
  out->ahead = window->acked;
  uint64_t last = out->next - 1;
  forget(out, window->acked < last ? window->acked : last);
  if (out->next <= window->index) {
    begin_at_next(out);
  }
  out->sent_index = out->first;
  out->sent_offset = 0;
  out->seen = out->messages.next;
  out->seen_index = out->first;
  begin_again(out, 0);
  out->credit = window->credit;
}

/* The writer may be ahead of the acknowledgments as far as the receiver allows: with less, the
 * receiver could wait for more before it acknowledges what it has. */
static void adapt(struct sure__outflow *out, uint64_t granted) {
  uint64_t acked = out->end_position - out->held_len;
  uint64_t reach = granted - acked;
  out->window_len = reach < out->window_len_min   ? out->window_len_min
                    : reach > out->window_len_max ? out->window_len_max
                                                  : (uint32_t)reach;
}

const char *sure__outflow_take(struct sure__outflow *out, const struct sure__window *window) {
  if (window->index > 0 && is_ahead(out, window)) {
    jump(out, window);
    return NULL;
  }
  const char *problem = check(out, window);
  if (problem != NULL) {
    return problem;
  }
  if (out->is_stopped) {
    out->seen = out->messages.next;
    out->seen_index = out->first;
  }
  see(out, window->index);
  if (window->offset > 0 &&
      (out->seen == &out->messages || window->offset >= message_at(out->seen)->len)) {
    return "a window beyond its message";
  }
  if (out->is_stopped) {
    begin_again(out, window->offset);
  }
  uint64_t under_way = position_of(out, out->cursor, out->cursor_offset) -
                       position_of(out, out->seen, window->offset);
  out->credit = window->credit > under_way ? (uint32_t)(window->credit - under_way) : 0;
  uint64_t granted = position_of(out, out->seen, window->offset) + window->credit;
  forget(out, window->acked);
  adapt(out, granted);
  return NULL;
}
