/* Interceptors: code of the application that stands around all calls of a channel or a server, for
 * what concerns them alike: logging, metrics, authentication, tracing.
 *
 * What the library does with a call has fixed stages; interceptors stand before or after them, and
 * cannot be put in between:
 *
 *     client   call_begins -> [deadline, number, retries] -> attempt_begins -> sent
 *              call_ended  <- [settle, acknowledgment]    <- attempt_ended  <- answered
 *
 *     server   peer_attaches   -> [session]
 *              attempt_arrives -> [admission, dedup, record] -> handler_begins -> handler
 *                                                            <- handler_ended  <-
 *
 * A channel or server has at most SURE_INTERCEPTORS_MAX of them. What begins goes through them in
 * the order in which they were given, what ended in reverse. Any hook may be NULL. Hooks run on the
 * library's threads and on those of callers, several at once, with no lock of the library held.
 * They may not block, unless they say so here. */
#ifndef SURE_INTERCEPTOR_H
#define SURE_INTERCEPTOR_H

#include <sure/call.h>
#include <sure/metadata.h>
#include <sure/method.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SURE_INTERCEPTOR_VERSION 1
#define SURE_INTERCEPTORS_MAX    8

/* ---- client ---- */

/* A call on its way out, or one attempt of it. */
struct sure_outgoing {
  const struct sure_method *method;
  uint32_t attempt; /* its number, from 1; 0: this is about the call */
  /* What goes with it, to be added to: with all attempts what call_begins adds, with the one that
   * begins what attempt_begins adds. Valid inside the hook. */
  struct sure_metadata *metadata;
};

/* How one attempt ended. */
struct sure_attempt_end {
  const struct sure_method *method;
  uint32_t attempt;
  enum sure_code code; /* as answered, or UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED without one */
  enum sure_reason reason;
  uint64_t duration_ms;
};

struct sure_client_interceptor {
  uint32_t version; /* SURE_INTERCEPTOR_VERSION */
  void *user;
  /* Before anything is done, on the caller's thread, which it may block. Another code than SURE_OK
   * ends the call with it, outcome NOT_APPLIED. `*slot` is the interceptor's own number in this
   * call, 0 before; the time, for example. */
  enum sure_code (*call_begins)(void *user, const struct sure_outgoing *outgoing, uint64_t *slot);
  /* It has ended, and its application will be told next. For each call whose call_begins said OK,
   * once. */
  void (*call_ended)(void *user, const struct sure_method *method, const struct sure_status *status,
                     uint64_t slot);
  /* Before each attempt. Another code than SURE_OK ends the call with it; the outcome says what
   * earlier attempts have done. */
  enum sure_code (*attempt_begins)(void *user, const struct sure_outgoing *outgoing);
  /* Once for each that was sent. It may come on another thread than the next attempt_begins, beside
   * it or after it, and after its call has ended. */
  void (*attempt_ended)(void *user, const struct sure_attempt_end *end);
};

/* ---- server ---- */

/* A client that wants to attach. Valid inside peer_attaches. */
struct sure_attach;

#define SURE_PRINCIPAL_LEN_MAX 255

/* What its channel was given as credentials; may be NULL, which is an empty set. */
SURE_API const struct sure_metadata *sure_attach_credentials(const struct sure_attach *attach);
/* Who it is (copied). Sessions, records and idempotency keys belong to a principal; nobody else
 * gets an answer about them (S5). Without one it is the empty principal.
 * SURE_INVALID_ARGUMENT: over SURE_PRINCIPAL_LEN_MAX bytes. */
SURE_API enum sure_code sure_attach_set_principal(struct sure_attach *attach,
                                                  struct sure_bytes principal);

struct sure_server_interceptor {
  uint32_t version; /* SURE_INTERCEPTOR_VERSION */
  void *user;
  /* A client is about to get a session. Another code than SURE_OK (UNAUTHENTICATED,
   * PERMISSION_DENIED) turns it away: calls that wait for the session end with it. */
  enum sure_code (*peer_attaches)(void *user, struct sure_attach *attach);
  /* An attempt is here, before it is known whether its call is running or recorded. Another code
   * than SURE_OK (with sure_call_fail, details, metadata) answers it: not run. The request is not
   * unpacked yet; of the functions in sure/call.h those that are about the attempt, its metadata
   * and its failure can be called. */
  enum sure_code (*attempt_arrives)(void *user, struct sure_call *call);
  /* On the handler's thread, inside the transaction if it has one, as often as the handler runs,
   * and before the second phase of one that prepares. Another code than SURE_OK takes the place of
   * the handler's. `*slot` is the interceptor's own number in this run, 0 before. */
  enum sure_code (*handler_begins)(void *user, struct sure_call *call, uint64_t *slot);
  /* The same afterwards; `code` is the handler's. For each handler_begins that said OK, once. */
  void (*handler_ended)(void *user, struct sure_call *call, enum sure_code code, uint64_t slot);
};

#ifdef __cplusplus
}
#endif

#endif
