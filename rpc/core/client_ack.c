/* Acknowledgments (protocol 6, S9, S10).
 *
 * Numbers are given out in ascending order and appended to the session's list of open ones, so that
 * list is the whole truth: its first number is the watermark, and the gaps between its members are
 * the acknowledged ranges. Nothing else has to be kept in step with it. */
#include "rpc/core/client_state.h"
#include "rpc/core/mutant.h"

/* So many numbers acknowledged above the watermark are told at once, as the server keeps a record
 * for each of them until then. */
enum { ABOVE_COUNT_MAX = 64 };

static struct sure__client_call *open_call_at(struct sure__list *link) {
  return sure__container_of(link, struct sure__client_call, open_link);
}

uint64_t sure__client_session_watermark(const struct sure__client_session *session) {
  if (sure__list_is_empty(&session->open)) {
    return session->sequence_next;
  }
  return open_call_at(session->open.next)->sequence;
}

static void note_ack(struct sure__client_session *session, uint64_t sequence, bool above,
                     uint64_t now_ms) {
  if (!session->untold) {
    session->untold = true;
    session->untold_since_ms = now_ms;
  }
  if (above) {
    session->untold_above_count++;
    if (sequence > session->untold_above_last) {
      session->untold_above_last = sequence;
    }
  } else if (sure__client_session_watermark(session) > session->untold_above_last) {
    session->untold_above_count = 0; /* the watermark says it all */
  }
}

void sure__client_ack(struct sure__client *client, struct sure__client_call *call,
                      uint64_t now_ms) {
  struct sure__client_session *session = call->session;
  bool above = session->open.next != &call->open_link;
  sure__list_remove(&call->open_link);
  sure__index_remove(&session->by_sequence, &call->by_sequence);
  call->session = NULL;
  note_ack(session, call->sequence, above, now_ms);
  sure__client_drop_session_if_empty(client, session);
}

void sure__client_drop_entry(struct sure__client *client, struct sure__client_call *call,
                             uint64_t now_ms) {
  call->unresolved = false;
  client->unresolved_count--;
  sure__client_ack(client, call, now_ms);
  if (call->delivered) {
    sure__client_recycle(client, call);
  }
}

void sure__client_release(struct sure__client *client, struct sure_call_id id, uint64_t now_ms) {
  struct sure__client_session *session = sure__client_find_session(client, id.epoch);
  struct sure__client_call *call =
      session == NULL ? NULL : sure__client_session_find(session, id.sequence);
  if (call != NULL && call->unresolved) {
    sure__client_drop_entry(client, call, now_ms);
    sure__client_tell_acks(client, now_ms);
  }
}

void sure__client_session_told(struct sure__client_session *session) {
  session->untold = session->untold_above_count > 0;
}

void sure__client_session_untell(struct sure__client_session *session, uint64_t now_ms) {
  session->sequence_next -= SURE__MUTANT(SEQUENCE_REUSED) && session->sequence_next > 1;
  size_t open_count = session->by_sequence.count;
  session->untold = session->sequence_next - 1 > open_count;
  session->untold_since_ms = now_ms;
  if (session->sequence_next - sure__client_session_watermark(session) > open_count) {
    session->untold_above_count++; /* a watermark alone would not say it */
    session->untold_above_last = session->sequence_next - 1;
  }
}

static size_t collect_ranges(const struct sure__client_session *session,
                             struct sure_range *ranges) {
  size_t count = 0;
  for (struct sure__list *link = session->open.next; link != &session->open; link = link->next) {
    uint64_t first = open_call_at(link)->sequence + 1;
    uint64_t end =
        link->next == &session->open ? session->sequence_next : open_call_at(link->next)->sequence;
    if (first < end) {
      ranges[count++] = (struct sure_range){first, end - 1};
    }
  }
  return count;
}

void sure__client_send_ack(struct sure__client *client, struct sure__link *link) {
  struct sure__client_session *session = client->session;
  size_t count = collect_ranges(session, client->ranges);
  if (!sure__ack_encode(&link->out, sure__client_session_watermark(session), client->ranges,
                        count)) {
    link->out_of_memory = true;
  }
  sure__client_touch(client, link);
  session->untold = false;
  session->untold_above_count = 0;
}

void sure__client_tell_acks(struct sure__client *client, uint64_t now_ms) {
  const struct sure__client_session *session = client->session;
  if (session == NULL || !session->untold || client->shut_down) {
    return;
  }
  struct sure__link *link = sure__client_any_link(client);
  uint64_t due_ms = session->untold_since_ms + client->config.ack_idle_ms;
  if (link == NULL) {
    return; /* whoever attaches next looks again */
  }
  if (session->untold_above_count >= ABOVE_COUNT_MAX || now_ms >= due_ms) {
    sure__client_send_ack(client, link);
  } else if (!sure__timer_is_set(&client->ack_timer)) {
    sure__timers_set(&client->timers, &client->ack_timer, due_ms);
  }
}
