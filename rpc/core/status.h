/* The inside of sure_status. */
#ifndef SURE_CORE_STATUS_H
#define SURE_CORE_STATUS_H

#include <sure/status.h>
#include <sure/store.h>

#include "rpc/core/metadata.h"

/* How a call ended, as the client engine says it: views instead of copies. */
struct sure__end {
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  bool is_answered; /* by a server */
  uint32_t attempts;
  uint64_t stamp;
  bool replayed;
  bool recorded;
  bool settled;
  struct sure_call_id id;
  struct sure_bytes text;
  struct sure_bytes peer;     /* of a failure: the endpoint of its last attempt */
  struct sure_bytes metadata; /* packed */
  struct sure_bytes reply;    /* packed */
};

struct sure_status {
  struct sure__end end; /* its views are into `arena` */
  char message[SURE_STATUS_MESSAGE_LEN_MAX + 1];
  bool has_extras; /* in these two */
  struct sure__arena arena;
  struct sure__meta meta;
};

/* Of one that is part of something else: what it took beside. */
void sure__status_fini(struct sure_status *status);

/* A view of a text, without its end. */
struct sure_bytes sure__bytes_of(const char *text);

/* Copies what `end` says, its text too. */
void sure__status_set(struct sure_status *status, const struct sure__end *end);
/* Why this client does not even begin with something. */
struct sure__refusal {
  enum sure_code code;
  enum sure_reason reason;
  const char *text; /* static; NULL: it is not refused */
};

static inline struct sure__refusal sure__refuse(enum sure_code code, const char *text) {
  return (struct sure__refusal){code, SURE_REASON_CHANNEL, text};
}

/* `status` may be NULL. Returns the refusal's code. */
enum sure_code sure__status_set_refusal(struct sure_status *status,
                                        const struct sure__refusal *refusal,
                                        enum sure_outcome outcome);

#endif
