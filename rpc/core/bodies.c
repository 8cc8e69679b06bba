#include "rpc/core/bodies.h"

#include <string.h>

#include "rpc/core/assert.h"
#include "rpc/core/memory.h"
#include "rpc/core/wire.h"

struct body {
  struct sure__list turn;
  uint64_t sequence;
  uint32_t attempt;
  struct sure__buffer frames;
  size_t sent_len;
};

void sure__bodies_init(struct sure__bodies *bodies) {
  *bodies = (struct sure__bodies){0};
  sure__list_init(&bodies->going);
  sure__list_init(&bodies->waiting);
}

bool sure__bodies_is_empty(const struct sure__bodies *bodies) {
  return sure__list_is_empty(&bodies->going) && sure__list_is_empty(&bodies->waiting);
}

/* It is in no list. */
static void free_body(struct sure__bodies *bodies, struct body *body) {
  bodies->len -= body->frames.len - body->sent_len;
  sure__buffer_fini(&body->frames);
  sure__free(body);
}

static void clear(struct sure__bodies *bodies, struct sure__list *list) {
  struct sure__list *link;
  while ((link = sure__list_pop(list)) != NULL) {
    free_body(bodies, sure__container_of(link, struct body, turn));
  }
}

void sure__bodies_fini(struct sure__bodies *bodies) {
  clear(bodies, &bodies->going);
  clear(bodies, &bodies->waiting);
  sure__assert(bodies->len == 0 && "each byte was counted");
  bodies->going_count = 0;
}

static void begin_waiting(struct sure__bodies *bodies) {
  struct sure__list *link;
  while (bodies->going_count < SURE__BODIES_GOING_MAX &&
         (link = sure__list_pop(&bodies->waiting)) != NULL) {
    sure__list_append(&bodies->going, link);
    bodies->going_count++;
  }
}

static struct body *find(const struct sure__list *list, uint64_t sequence, uint32_t attempt) {
  for (struct sure__list *l = list->next; l != list; l = l->next) {
    struct body *body = sure__container_of(l, struct body, turn);
    if (body->sequence == sequence && body->attempt == attempt) {
      return body;
    }
  }
  return NULL;
}

static struct body *find_any(const struct sure__bodies *bodies, uint64_t sequence,
                             uint32_t attempt) {
  struct body *body = find(&bodies->going, sequence, attempt);
  return body != NULL ? body : find(&bodies->waiting, sequence, attempt);
}

bool sure__bodies_has(const struct sure__bodies *bodies, uint64_t sequence, uint32_t attempt) {
  return find_any(bodies, sequence, attempt) != NULL;
}

static struct body *new_body(struct sure__bodies *bodies, const struct sure__frame *frame) {
  struct body *body = sure__alloc(sizeof *body);
  if (body != NULL) {
    *body = (struct body){.sequence = frame->sequence, .attempt = frame->attempt};
    sure__list_append(&bodies->waiting, &body->turn);
  }
  return body;
}

/* Or one that is added to again and again, and never ends, would grow with all that it ever was.
 * Only when that is most of it: a byte is then moved at most once for each that was sent. */
static void forget_sent(struct body *body) {
  if (body->sent_len > body->frames.len / 2) {
    body->frames.len -= body->sent_len;
    memmove(body->frames.data, body->frames.data + body->sent_len, body->frames.len);
    body->sent_len = 0;
  }
}

bool sure__bodies_add(struct sure__bodies *bodies, const struct sure__frame *frame) {
  struct body *before = find_any(bodies, frame->sequence, frame->attempt);
  if (before != NULL) {
    forget_sent(before);
  }
  struct body *body = before != NULL ? before : new_body(bodies, frame);
  size_t len_before = body == NULL ? 0 : body->frames.len;
  if (body == NULL || !sure__frame_encode(&body->frames, frame)) {
    if (body != before) {
      sure__list_remove(&body->turn);
      free_body(bodies, body);
    }
    return false;
  }
  bodies->len += body->frames.len - len_before;
  begin_waiting(bodies);
  return true;
}

static void end_going(struct sure__bodies *bodies, struct body *body) {
  free_body(bodies, body);
  bodies->going_count--;
  begin_waiting(bodies);
}

size_t sure__bodies_next(struct sure__bodies *bodies, struct sure__buffer *out) {
  struct sure__list *link = sure__list_pop(&bodies->going);
  sure__assert(link != NULL && "who asks for a frame has seen that there is one");
  struct body *body = sure__container_of(link, struct body, turn);
  const uint8_t *frame = body->frames.data + body->sent_len;
  size_t len = sure__get_u32(frame); /* a frame begins with its length */
  if (!sure__buffer_append(out, frame, len)) {
    sure__list_append(&bodies->going, link);
    return 0;
  }
  body->sent_len += len;
  bodies->len -= len;
  if (body->sent_len < body->frames.len) {
    sure__list_append(&bodies->going, link);
  } else {
    end_going(bodies, body);
  }
  return len;
}

void sure__bodies_drop(struct sure__bodies *bodies, uint64_t sequence, uint32_t attempt) {
  struct body *body = find(&bodies->waiting, sequence, attempt);
  if (body != NULL) {
    sure__list_remove(&body->turn);
    free_body(bodies, body);
    return;
  }
  body = find(&bodies->going, sequence, attempt);
  if (body != NULL) {
    sure__list_remove(&body->turn);
    end_going(bodies, body);
  }
}
