#include "tests/lib/both_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/server_stream.h"

static const struct sure__client_config client_config = {
    .accept_timeout_ms = 200,
    .connect_timeout_ms = 2000,
    .reconnect_ms_initial = 50,
    .reconnect_ms_max = 500,
    .keepalive_time_ms = 500,
    .keepalive_timeout_ms = 200,
    .ack_idle_ms = 50,
    .idle_timeout_ms = 600000,
    .message_len_max = 200 * 1024,
    .unresolved_calls_max = 8,
    .balancing = SURE_ROUND_ROBIN,
    .retry_budget = {.is_unlimited = true},
    .outlier_detection = {.is_disabled = true},
    .random_seed = 1,
};

static struct ends_pipe *pipe_of(struct ends *ends, struct sure__link *link) {
  for (size_t i = 0; i < ends->pipe_count; i++) {
    if (ends->pipes[i].link == link) {
      return &ends->pipes[i];
    }
  }
  return NULL;
}

static void close_pipe(struct ends_pipe *pipe) {
  pipe->link = NULL;
  client_fini(&pipe->end);
}

static void dial(struct ends *ends, struct sure__link *link) {
  struct ends_pipe *pipe = pipe_of(ends, NULL); /* one that is over */
  if (pipe == NULL) {
    assert_true(ends->pipe_count < ENDS_PIPES_MAX);
    pipe = &ends->pipes[ends->pipe_count++];
  }
  *pipe = (struct ends_pipe){.link = link};
  if (client_connect(&ends->driver, &pipe->end)) {
    sure__client_connected(&ends->client, link, ends->now_ms);
  } else {
    close_pipe(pipe);
    sure__client_not_connected(&ends->client, link, "refused", ends->now_ms);
  }
}

static void deliver(struct ends *ends) {
  struct sure__list *l;
  while ((l = sure__list_pop(&ends->client.completed)) != NULL) {
    struct sure__client_call *call = sure__container_of(l, struct sure__client_call, link);
    for (size_t i = 0; i < ENDS_CALLS_MAX; i++) {
      struct ends_call *known = &ends->calls[i];
      if (known->call == call) {
        *known = (struct ends_call){.has_ended = true,
                                    .code = call->end.code,
                                    .outcome = call->end.outcome,
                                    .reason = call->end.reason,
                                    .id = call->end.id};
      }
    }
    sure__client_recycle(&ends->client, call);
  }
}

/* What the client wants. True: there was something. */
static bool act(struct ends *ends) {
  struct sure__list *l = sure__list_pop(&ends->client.acting);
  if (l == NULL) {
    return false;
  }
  struct sure__link *link = sure__container_of(l, struct sure__link, acting);
  struct ends_pipe *pipe = pipe_of(ends, link);
  if (link->close_reason != NULL) {
    if (pipe != NULL) {
      close_pipe(pipe);
    }
    sure__client_link_closed(&ends->client, link);
  } else if (link->dial_wanted) {
    link->dial_wanted = false;
    dial(ends, link);
  } else if (pipe != NULL && link->out.len > 0) {
    struct sure__buffer bytes = {0};
    sure__buffer_swap(&bytes, &link->out);
    client_feed(&pipe->end, (struct sure_bytes){bytes.data, bytes.len});
    sure__buffer_fini(&bytes);
  }
  return true;
}

/* What the server has said on one connection. True: there was something. */
static bool hear(struct ends *ends, struct ends_pipe *pipe) {
  if (pipe->link == NULL) {
    return false;
  }
  if (pipe->end.out.len > pipe->taken_len) {
    struct sure_bytes bytes = {pipe->end.out.data + pipe->taken_len,
                               pipe->end.out.len - pipe->taken_len};
    pipe->taken_len = pipe->end.out.len;
    sure__client_receive(&ends->client, pipe->link, bytes, ends->now_ms);
    deliver(ends); /* while the bytes are there */
    return true;
  }
  if (pipe->end.is_closed) {
    struct sure__link *link = pipe->link;
    close_pipe(pipe);
    sure__client_disconnected(&ends->client, link, "closed", ends->now_ms);
    return true;
  }
  return false;
}

/* Time is none, so what was sent has left. True: somebody has waited for that. */
static bool make_room(struct ends *ends, struct ends_pipe *pipe) {
  bool has_made = pipe->link != NULL && (pipe->link->awaits_room || pipe->end.peer.awaits_room);
  if (has_made) {
    sure__server_sent(&ends->driver.server, &pipe->end.peer, 0);
    driver_work(&ends->driver);
    sure__client_sent(&ends->client, pipe->link, 0, ends->now_ms);
  }
  return has_made;
}

static void work(struct ends *ends) {
  bool goes_on = ends->is_open;
  while (goes_on) {
    deliver(ends);
    goes_on = act(ends);
    for (size_t i = 0; i < ends->pipe_count; i++) {
      goes_on = hear(ends, &ends->pipes[i]) || goes_on;
      goes_on = make_room(ends, &ends->pipes[i]) || goes_on;
    }
  }
  ends->client.log.count = 0;
  ends->client.log.dropped_count = 0;
}

static void open_ends(struct ends *ends, size_t endpoint_count) {
  static const char *const urls[] = {"tcp://a:1", "tcp://b:1"};
  assert_true(sure__client_init(&ends->client, &client_config));
  assert_true(sure__client_set_endpoints(&ends->client, urls, endpoint_count, ends->now_ms));
  ends->is_open = true;
  work(ends);
}

void ends_begin(struct ends *ends, size_t endpoint_count) {
  *ends = (struct ends){.now_ms = 1000};
  driver_init(&ends->driver, &driver_config);
  open_ends(ends, endpoint_count);
}

void ends_begin_with(struct ends *ends, size_t endpoint_count, const struct driver_plan *plans,
                     size_t plan_count) {
  *ends = (struct ends){.now_ms = 1000};
  driver_init_with(&ends->driver, &driver_config, plans, plan_count);
  open_ends(ends, endpoint_count);
}

void ends_end(struct ends *ends) {
  sure__client_shut_down(&ends->client, ends->now_ms);
  work(ends);
  sure__client_hang_up(&ends->client, ends->now_ms);
  work(ends);
  sure__client_fini(&ends->client);
  driver_fini(&ends->driver);
}

void ends_pass(struct ends *ends, uint64_t ms) {
  uint64_t end_ms = ends->now_ms + ms;
  work(ends);
  while (ends->now_ms < end_ms) {
    uint64_t next_ms = sure__client_next_ms(&ends->client);
    uint64_t wake_ms = sure__server_next_wake(&ends->driver.server);
    next_ms = next_ms < wake_ms ? next_ms : wake_ms;
    next_ms = next_ms < end_ms ? next_ms : end_ms;
    uint64_t step_ms = next_ms > ends->now_ms ? next_ms - ends->now_ms : 0;
    ends->now_ms += step_ms;
    driver_advance(&ends->driver, step_ms);
    sure__client_advance(&ends->client, ends->now_ms);
    work(ends);
  }
}

void ends_cut(struct ends *ends) {
  for (size_t i = 0; i < ends->pipe_count; i++) {
    struct sure__link *link = ends->pipes[i].link;
    if (link != NULL) {
      close_pipe(&ends->pipes[i]);
      sure__client_disconnected(&ends->client, link, "cut", ends->now_ms);
    }
  }
  work(ends);
}

/* ---- calls ---- */

static const struct sure_method *method_of(struct ends *ends, enum driver_method method) {
  return &ends->driver.methods[method];
}

/* "a-key:charge", "b-key:charge", ... */
static bool fill(struct sure__client_call *call, size_t number, bool is_keyed) {
  char text[] = "a-key:charge";
  text[0] = (char)('a' + number);
  struct sure_bytes key = {(const uint8_t *)text, is_keyed ? 5 : 0};
  return sure__arena_copy(&call->arena, sure__bytes_of(text), &call->request) &&
         sure__arena_copy(&call->arena, key, &call->key);
}

void ends_stream(struct ends *ends, size_t number, enum driver_method method,
                 struct sure__client_stream *stream) {
  struct sure__client_call *call = sure__client_call_new(&ends->client);
  assert_non_null(call);
  call->method = method_of(ends, method);
  call->timeout_ms = 60000;
  call->stream = stream;
  sure__client_stream_init(stream, call->method, client_config.message_len_max);
  assert_null(sure__client_start(&ends->client, call, ends->now_ms).text);
  ends->calls[number] = (struct ends_call){.call = call};
  work(ends);
}

void ends_call(struct ends *ends, size_t number, enum driver_method method, bool is_hedged) {
  struct sure__client_call *call = sure__client_call_new(&ends->client);
  if (call == NULL) {
    return;
  }
  call->method = method_of(ends, method);
  call->timeout_ms = 5000;
  call->hedging.attempts_max = is_hedged ? 3 : 0;
  call->hedging.delay_ms = 20;
  if (!fill(call, number, method == DRIVER_KEYED) ||
      sure__client_start(&ends->client, call, ends->now_ms).text != NULL) {
    sure__client_recycle(&ends->client, call);
    return;
  }
  ends->calls[number] = (struct ends_call){.call = call};
  work(ends);
}

void ends_cancel(struct ends *ends, size_t number) {
  if (ends->calls[number].call != NULL) {
    sure__client_cancel(&ends->client, ends->calls[number].call->handle, ends->now_ms);
    work(ends);
  }
}

void ends_settle(struct ends *ends, size_t number, enum driver_method method) {
  struct ends_call *known = &ends->calls[number];
  if (!known->has_ended || known->outcome != SURE_OUTCOME_UNKNOWN || known->id.epoch == 0) {
    return;
  }
  struct sure__client_call *call = sure__client_call_new(&ends->client);
  assert_non_null(call);
  call->method = method_of(ends, method);
  call->timeout_ms = 5000;
  call->settle_id = known->id;
  struct sure__refusal refusal = sure__client_settle(&ends->client, call, ends->now_ms);
  if (refusal.text != NULL) {
    sure__client_recycle(&ends->client, call);
    return; /* nothing more is to be learned */
  }
  *known = (struct ends_call){.call = call};
  work(ends);
}
