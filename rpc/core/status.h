/* The inside of sure_status. */
#ifndef SURE_CORE_STATUS_H
#define SURE_CORE_STATUS_H

#include <sure/status.h>
#include <sure/store.h>

/* How a call ended, as the client engine says it: views instead of copies. */
struct sure__end {
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  uint32_t attempts;
  bool replayed;
  bool recorded;
  bool settled;
  struct sure_call_id id;
  struct sure_bytes text;
  struct sure_bytes reply; /* packed */
};

struct sure_status {
  struct sure__end end; /* without views */
  char message[SURE_STATUS_MESSAGE_LEN_MAX + 1];
};

/* Copies what `end` says, its text too. */
void sure__status_set(struct sure_status *status, const struct sure__end *end);
/* A refusal by this client: nothing was sent. `text` is static. Accepts NULL; returns `code`. */
enum sure_code sure__status_refuse(struct sure_status *status, enum sure_code code,
                                   const char *text);

#endif
