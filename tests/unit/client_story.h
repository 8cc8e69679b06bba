/* A client engine driven by hand under a virtual clock: what it sends is looked at frame by frame,
 * and the test plays the server. */
#ifndef TESTS_UNIT_CLIENT_STORY_H
#define TESTS_UNIT_CLIENT_STORY_H

#include "rpc/core/client.h"

enum { STORY_LINKS_MAX = 32 };

/* One connection, from the wish for it on. */
struct story_link {
  struct sure__link *link; /* NULL: it is over */
  bool dial_wanted;
  const char *closed;       /* why the engine gave it up */
  struct sure__buffer wire; /* what the client sent over it */
  size_t looked_len;        /* of that, by the test */
};

struct story {
  struct sure__client client;
  uint64_t now_ms;
  struct story_link links[STORY_LINKS_MAX]; /* in the order in which they were wanted */
  size_t link_count;
  size_t at; /* the link that the functions below are about */
  struct sure__buffer from_server;
  struct sure_store_id store;
  struct sure_session_id session;
};

/* The methods of the stories. */
extern const struct sure_method charge;  /* EXACTLY_ONCE */
extern const struct sure_method read_it; /* NO_SIDE_EFFECTS */
extern const struct sure_method ping_it; /* AT_MOST_ONCE */
extern const struct sure_method repeat;  /* AT_LEAST_ONCE */

/* With one endpoint, or with as many as there are URLs, NULL at the end. */
void story_begin(struct story *story);
void story_begin_with(struct story *story, enum sure_balancing balancing, const char *const *urls);
/* Frees everything; the calls that are open are cancelled and delivered first. */
void story_end(struct story *story);

/* Time passes, the engine is woken when it asked for it. */
void story_pass(struct story *story, uint64_t ms);

/* A connection that the engine wants, if need be after a pause, comes about, with the handshake up
 * to ATTACH. The story is about this link from then on. */
void story_connect(struct story *story);
/* The one that it wants can't be had. */
void story_refuse_connection(struct story *story);
/* Whether it wants one now. */
bool story_wants_connection(const struct story *story);
/* Why the last link that the engine gave up was given up; NULL: it gave up none since the last
 * story_connect. */
const char *story_closed(const struct story *story);
/* All of it: connect, WELCOME, ATTACH, ATTACHED with `state`. */
void story_attach(struct story *story);
void story_lose_connection(struct story *story);
void story_give(struct story *story, const struct sure__frame *frame);
void story_give_attached(struct story *story, uint8_t state);

/* The next frame that the client sent; it must be one of `type`. */
struct sure__frame story_expect(struct story *story, uint8_t type);
void story_expect_nothing(struct story *story);
/* The next REQUEST must be this one. */
void story_expect_request(struct story *story, uint64_t sequence, uint32_t attempt);

/* Starts a call with a deadline of 10 s and a payload of three bytes. */
struct sure__client_call *story_start(struct story *story, const struct sure_method *method);
struct sure__client_call *story_start_with(struct story *story, const struct sure_method *method,
                                           uint32_t timeout_ms, uint32_t attempts_max);

/* The server answers (sequence, attempt). */
void story_answer(struct story *story, uint64_t sequence, uint32_t attempt, enum sure_code code,
                  unsigned flags);
void story_refuse(struct story *story, uint64_t sequence, uint32_t attempt, enum sure_code code,
                  enum sure_reason reason, unsigned flags);
void story_settled(struct story *story, uint64_t number, uint8_t verdict, enum sure_code code);

/* The next call that has ended must be `call`; its end is returned, and the call given back. */
struct sure__end story_ended(struct story *story, const struct sure__client_call *call);
void story_none_ended(struct story *story);

#endif
