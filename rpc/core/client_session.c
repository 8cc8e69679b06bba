/* Sessions of a channel: numbers, and what becomes of calls when a session ends (S2, S3). */
#include "rpc/core/assert.h"
#include "rpc/core/client_state.h"
#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"

bool sure__client_new_session(struct sure__client *client, const struct sure_session_id *id,
                              const struct sure_store_id *store) {
  struct sure__client_session *session = sure__alloc(sizeof *session);
  if (session == NULL) {
    return false;
  }
  session->epoch = ++client->epoch_last;
  session->id = *id;
  session->store = *store;
  session->sequence_next = 1;
  sure__list_init(&session->open);
  sure__index_init(&session->by_sequence);
  sure__list_append(&client->sessions, &session->link);
  client->session = session;
  client->stats.sessions++;
  return true;
}

void sure__client_number(struct sure__client *client, struct sure__client_call *call) {
  struct sure__client_session *session = client->session;
  call->session = session;
  call->sequence = session->sequence_next++;
  sure__assert(call->reply_held.len == 0 && "what has a record keeps its number (S3)");
  if (call->method->semantics == SURE_EXACTLY_ONCE && !call->has_store) {
    call->has_store = true;
    call->target.store = session->store;
  }
  sure__list_append(&session->open, &call->open_link);
  sure__index_add(&session->by_sequence, &call->by_sequence, call->sequence);
}

struct sure__client_call *sure__client_session_find(const struct sure__client_session *session,
                                                    uint64_t sequence) {
  struct sure__index_link *link = sure__index_find(&session->by_sequence, sequence);
  return link == NULL ? NULL : sure__container_of(link, struct sure__client_call, by_sequence);
}

struct sure__client_session *sure__client_find_session(const struct sure__client *client,
                                                       uint64_t epoch) {
  for (struct sure__list *link = client->sessions.next; link != &client->sessions;
       link = link->next) {
    struct sure__client_session *session =
        sure__container_of(link, struct sure__client_session, link);
    if (session->epoch == epoch) {
      return session;
    }
  }
  return NULL;
}

void sure__client_drop_session_if_empty(struct sure__client *client,
                                        struct sure__client_session *session) {
  if (session == client->session || !sure__list_is_empty(&session->open)) {
    return;
  }
  sure__list_remove(&session->link);
  sure__index_fini(&session->by_sequence);
  sure__free(session);
}

static void end_unknowable(struct sure__client *client, struct sure__client_call *call,
                           enum sure__session_end how, uint64_t now_ms) {
  struct sure__answer answer = {.code = SURE_UNAVAILABLE, .final = true};
  if (how == SURE__SESSION_REUSED) {
    answer.reason = SURE_REASON_SEQUENCE_REUSED;
    answer.text = sure__bytes_of("the session is used by someone else too");
  } else if (how == SURE__SESSION_ELSEWHERE) {
    answer.reason = SURE_REASON_WRONG_STORE;
    answer.text = sure__bytes_of("the endpoint serves another store now");
  } else {
    answer.reason = SURE_REASON_SESSION_LOST;
    answer.text = sure__bytes_of("the session is lost");
  }
  sure__client_end(client, call, &answer, now_ms);
}

/* Takes the call out of the ended session; it gets a number of the next one. */
static void renumber(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms) {
  sure__client_ack(client, call, now_ms);
  if (call->phase != SURE__CALL_SENT) {
    return; /* its place in the queue, or its pause, goes on */
  }
  struct sure__answer answer = {.code = SURE_UNAVAILABLE,
                                .reason = SURE_REASON_SESSION_LOST,
                                .text = sure__bytes_of("the session is lost")};
  sure__client_retry(client, call, &answer, now_ms);
}

/* No link that is attached to the session will answer any more. */
static void forget_attempts(struct sure__client *client, struct sure__client_call *call,
                            uint64_t now_ms) {
  static const struct sure__answer lost = {.code = SURE_UNAVAILABLE,
                                           .reason = SURE_REASON_SESSION_LOST};
  while (!sure__list_is_empty(&call->attempts)) {
    struct sure__attempt *attempt =
        sure__container_of(call->attempts.next, struct sure__attempt, of_call);
    sure__client_drop_attempt(client, attempt, &lost, now_ms);
  }
}

static void leave_session(struct sure__client *client, struct sure__client_call *call,
                          enum sure__session_end how, uint64_t now_ms) {
  bool can_settle = how == SURE__SESSION_LOST || how == SURE__SESSION_FENCED;
  forget_attempts(client, call, now_ms);
  switch (call->method->semantics) {
  case SURE_NO_SIDE_EFFECTS:
  case SURE_AT_LEAST_ONCE:
    renumber(client, call, now_ms);
    return;
  case SURE_AT_MOST_ONCE:
    end_unknowable(client, call, how, now_ms);
    return;
  case SURE_EXACTLY_ONCE:
    if (!can_settle && !SURE__MUTANT(RETRY_TO_ANOTHER_STORE)) {
      end_unknowable(client, call, how, now_ms);
    } else if (call->sent == call->undone || SURE__MUTANT(RETRY_TO_ANOTHER_STORE)) {
      renumber(client, call, now_ms); /* nothing of it can be in the old session */
    } else if (call->phase != SURE__CALL_SETTLING) {
      sure__list_remove(&call->link);
      sure__client_begin_settle(client, call);
    }
  }
}

static const char *describe(enum sure__session_end how) {
  switch (how) {
  case SURE__SESSION_LOST:
    return "is forgotten by the server";
  case SURE__SESSION_FENCED:
    return "is fenced or forgotten";
  case SURE__SESSION_REUSED:
    return "is used by someone else too (sequence reuse)";
  case SURE__SESSION_ELSEWHERE:
    return "can't go on: the endpoint serves another store";
  }
  return "has ended";
}

static void drop_links(struct sure__client *client, const struct sure__link *spared,
                       uint64_t now_ms) {
  struct sure__list *next;
  for (struct sure__list *l = client->links.next; l != &client->links; l = next) {
    next = l->next;
    struct sure__link *link = sure__container_of(l, struct sure__link, of_client);
    if (link->state == SURE__LINK_ATTACHED && !link->is_replica && link != spared) {
      sure__client_drop_link(client, link, "the session is over", now_ms);
    }
  }
}

void sure__client_end_session(struct sure__client *client, enum sure__session_end how,
                              const struct sure__link *spared, uint64_t now_ms) {
  struct sure__client_session *session = client->session;
  sure__assert(session != NULL && "only the present session ends");
  /* The calls of a fenced session are settled, those of the others may be lost. */
  sure__log_queue(&client->log, how == SURE__SESSION_FENCED ? SURE_LOG_WARNING : SURE_LOG_ERROR,
                  "session %s (number %llu of this channel) %s",
                  sure__log_session(&session->id).text, (unsigned long long)session->epoch,
                  describe(how));
  struct sure__list *next;
  for (struct sure__list *link = session->open.next; link != &session->open; link = next) {
    next = link->next;
    struct sure__client_call *call = sure__container_of(link, struct sure__client_call, open_link);
    if (!call->unresolved) {
      leave_session(client, call, how, now_ms);
    } else if (how != SURE__SESSION_FENCED) {
      sure__client_drop_entry(client, call, now_ms); /* nobody can ever settle it by its number */
    }
  }
  client->session = NULL; /* only now, so that it was not freed under the loop */
  drop_links(client, spared, now_ms);
  sure__client_drop_session_if_empty(client, session);
}
