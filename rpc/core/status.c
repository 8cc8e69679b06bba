#include "rpc/core/status.h"

#include <string.h>

#include "rpc/core/memory.h"

struct sure_status *sure_status_new(void) {
  return sure__alloc(sizeof(struct sure_status));
}

struct sure_status *sure_status_free(struct sure_status *status) {
  if (status != NULL) {
    sure__status_fini(status);
    sure__free(status);
  }
  return NULL;
}

void sure__status_fini(struct sure_status *status) {
  sure__arena_fini(&status->arena);
}

struct sure_bytes sure__bytes_of(const char *text) {
  return (struct sure_bytes){(const uint8_t *)text, strlen(text)};
}

/* The longest prefix of at most `max` bytes that does not end inside a UTF-8 character. */
static size_t cut(struct sure_bytes text, size_t max) {
  if (text.len <= max) {
    return text.len;
  }
  size_t len = max;
  while (len > 0 && (text.data[len] & 0xC0) == 0x80) {
    len--;
  }
  return len;
}

/* What most statuses do not have. Without memory for it, or when it is malformed, it is left out:
 * how the call ended is known all the same. */
static void take_extras(struct sure_status *status, const struct sure__end *end) {
  bool has_extras = end->metadata.len > 0 || end->peer.len > 0;
  if (!has_extras && !status->has_extras) {
    return;
  }
  status->has_extras = has_extras;
  sure__arena_reset(&status->arena);
  sure__meta_init(&status->meta, &status->arena);
  if (sure__meta_unpack(&status->meta, &status->arena, end->metadata) != SURE__META_OK) {
    sure__meta_init(&status->meta, &status->arena);
  }
  struct sure_bytes peer = {0};
  uint8_t *room = end->peer.len == 0 ? NULL : sure__arena_alloc(&status->arena, end->peer.len + 1);
  if (room != NULL) {
    memcpy(room, end->peer.data, end->peer.len);
    room[end->peer.len] = '\0';
    peer = (struct sure_bytes){room, end->peer.len};
  }
  status->end.peer = peer;
}

void sure__status_set(struct sure_status *status, const struct sure__end *end) {
  size_t len = cut(end->text, SURE_STATUS_MESSAGE_LEN_MAX);
  if (len > 0) {
    memcpy(status->message, end->text.data, len);
  }
  status->message[len] = '\0';
  status->end = *end;
  status->end.text = (struct sure_bytes){0};
  status->end.reply = (struct sure_bytes){0};
  status->end.metadata = (struct sure_bytes){0};
  take_extras(status, end);
}

enum sure_code sure__status_set_refusal(struct sure_status *status,
                                        const struct sure__refusal *refusal,
                                        enum sure_outcome outcome) {
  if (status != NULL) {
    struct sure__end end = {.code = refusal->code,
                            .outcome = outcome,
                            .reason = refusal->reason,
                            .text = sure__bytes_of(refusal->text)};
    sure__status_set(status, &end);
  }
  return refusal->code;
}

enum sure_code sure_status_code(const struct sure_status *status) {
  return status->end.code;
}

enum sure_outcome sure_status_outcome(const struct sure_status *status) {
  return status->end.outcome;
}

enum sure_reason sure_status_reason(const struct sure_status *status) {
  return status->end.reason;
}

const char *sure_status_message(const struct sure_status *status) {
  return status->message;
}

uint32_t sure_status_attempts(const struct sure_status *status) {
  return status->end.attempts;
}

bool sure_status_replayed(const struct sure_status *status) {
  return status->end.replayed;
}

uint64_t sure_status_stamp(const struct sure_status *status) {
  return status->end.stamp;
}

bool sure_status_recorded(const struct sure_status *status) {
  return status->end.recorded;
}

bool sure_status_settled(const struct sure_status *status) {
  return status->end.settled;
}

const char *sure_status_peer(const struct sure_status *status) {
  return status->end.peer.data == NULL ? "" : (const char *)status->end.peer.data;
}

enum sure_origin sure_status_origin(const struct sure_status *status) {
  if (!status->end.is_answered) {
    return SURE_ORIGIN_CLIENT;
  }
  return status->end.reason == SURE_REASON_NONE ? SURE_ORIGIN_HANDLER : SURE_ORIGIN_SERVER;
}

const struct sure_metadata *sure_status_initial_metadata(const struct sure_status *status) {
  return &status->meta.pairs;
}

const struct sure_metadata *sure_status_trailing_metadata(const struct sure_status *status) {
  return &status->meta.trailing;
}

size_t sure_status_detail_count(const struct sure_status *status) {
  return status->meta.detail_count;
}

const char *sure_status_detail_type(const struct sure_status *status, size_t index) {
  return status->meta.details[index].type_url;
}

struct sure_bytes sure_status_detail(const struct sure_status *status, size_t index) {
  return status->meta.details[index].value;
}

int64_t sure_status_as_of_ms(const struct sure_status *status) {
  return status->meta.as_of_ms;
}

struct sure_call_id sure_status_call_id(const struct sure_status *status) {
  return status->end.id;
}
