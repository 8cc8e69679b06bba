#include "rpc/core/status.h"

#include <string.h>

#include "rpc/core/memory.h"

struct sure_status *sure_status_new(void) {
  return sure__alloc(sizeof(struct sure_status));
}

struct sure_status *sure_status_free(struct sure_status *status) {
  sure__free(status);
  return NULL;
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

void sure__status_set(struct sure_status *status, const struct sure__end *end) {
  size_t len = cut(end->text, SURE_STATUS_MESSAGE_LEN_MAX);
  if (len > 0) {
    memcpy(status->message, end->text.data, len);
  }
  status->message[len] = '\0';
  status->end = *end;
  status->end.text = (struct sure_bytes){0};
  status->end.reply = (struct sure_bytes){0};
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

bool sure_status_recorded(const struct sure_status *status) {
  return status->end.recorded;
}

bool sure_status_settled(const struct sure_status *status) {
  return status->end.settled;
}

struct sure_call_id sure_status_call_id(const struct sure_status *status) {
  return status->end.id;
}
