/* What may be said of a call's effect (S19, protocol 5.4). This is the only place that says it. */
#ifndef SURE_CORE_OUTCOME_H
#define SURE_CORE_OUTCOME_H

#include <sure/method.h>
#include <sure/status.h>

/* What is known when a call ends. */
struct sure__evidence {
  enum sure_semantics semantics;
  uint32_t sent;   /* attempts handed to the transport */
  uint32_t undone; /* of these, answered NOT_RUN or ROLLED_BACK on their own connection */
  bool answered;   /* `code` is a server's answer, and not our own word */
  bool recorded;   /* and that answer is a completion record or a tombstone */
  /* The key belongs to another request for good, which could not be if this one had run. */
  bool key_reused;
  /* The record says that the effect happened, though there is no reply to give (S8). */
  bool reply_lost;
  enum sure_code code;
};

/* An EXACTLY_ONCE call is judged by S19 alone. The others leave no record, so an answer is all that
 * there is: OK counts as APPLIED (for AT_LEAST_ONCE: once or more often). A method without side
 * effects has none that could have happened: its failures are NOT_APPLIED. */
enum sure_outcome sure__outcome(const struct sure__evidence *evidence);

#endif
