/* Streams from end to end: a client engine, a server engine, and connections that are cut at any
 * moment. Every message comes once, in order, and the end after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/memory.h"
#include "rpc/core/server_stream.h"
#include "tests/lib/both_ends.h"

enum { UPLOAD, WATCH, CHAT, CHAT_FREELY };

static const struct driver_plan plans[] = {
    [UPLOAD] = {"t.T/Upload", SURE_EXACTLY_ONCE, SURE_RUN_AUTO, .client_streams = true},
    [WATCH] = {"t.T/Watch", SURE_NO_SIDE_EFFECTS, SURE_RUN_AUTO, .server_streams = true},
    [CHAT] = {"t.T/Chat", SURE_EXACTLY_ONCE, SURE_RUN_AUTO, .client_streams = true,
              .server_streams = true},
    [CHAT_FREELY] = {"t.T/ChatFreely", SURE_AT_LEAST_ONCE, SURE_RUN_AUTO, .client_streams = true,
                     .server_streams = true},
};

enum { MESSAGES = 60, LEN_MAX = 90000 };

/* One direction: what was written and what has come. */
struct flow {
  uint64_t written;
  uint64_t read;
  bool has_ended; /* the writer has said so */
};

static struct ends ends;
static struct sure__client_stream stream;
static struct flow up;   /* from the client */
static struct flow down; /* to it */
static unsigned run_count;

/* The n-th message is so long, and full of its number. */
static size_t len_of(uint64_t n) {
  return n % 7 == 0 ? 0 : n % 5 == 0 ? LEN_MAX : (size_t)(n * 7919 % 3000);
}

static struct sure__stream_message *message_of(uint64_t n) {
  struct sure__stream_message *message = sure__alloc(sizeof *message + len_of(n));
  assert_non_null(message);
  message->len = len_of(n);
  memset(message->data, (int)n, message->len);
  return message;
}

static void take(struct flow *flow, struct sure__stream_message *message) {
  flow->read++;
  assert_int_equal(len_of(flow->read), message->len);
  for (size_t i = 0; i < message->len; i += 997) {
    assert_int_equal((uint8_t)flow->read, message->data[i]);
  }
  sure__free(message);
}

/* ---- the client ---- */

static void client_writes(void) {
  if (stream.is_over || up.has_ended || !stream.ends.sends) {
    return;
  }
  if (up.written == MESSAGES) {
    up.has_ended = true;
    sure__client_stream_done_writing(&ends.client, &stream, ends.now_ms);
    return;
  }
  struct sure__stream_message *message = message_of(up.written + 1);
  if (sure__client_stream_write(&ends.client, &stream, message, ends.now_ms)) {
    up.written++;
  } else {
    sure__free(message);
  }
}

static void client_reads(void) {
  struct sure__stream_message *message =
      sure__client_stream_read(&ends.client, &stream, ends.now_ms);
  if (message != NULL) {
    take(&down, message);
  }
}

/* ---- the handler ---- */

static struct sure_call *handler_call(void) {
  struct sure__list *held = &ends.driver.held_runs;
  return sure__list_is_empty(held) ? NULL : sure__container_of(held->next, struct sure_call, link);
}

static void handler_reads(struct sure_call *call) {
  struct sure__stream_message *message = NULL;
  if (sure__server_stream_read(&ends.driver.server, call, ends.now_ms, &message) ==
      SURE__STREAM_DONE) {
    take(&up, message);
  }
}

static void handler_writes(struct sure_call *call) {
  if (!call->stream->ends.sends || down.written == MESSAGES) {
    return;
  }
  struct sure__stream_message *message = message_of(down.written + 1);
  if (sure__server_stream_write(&ends.driver.server, call, ends.now_ms, message) ==
      SURE__STREAM_DONE) {
    down.written++;
  } else {
    sure__free(message);
  }
}

static bool handler_is_done(const struct sure_call *call) {
  const struct sure__stream *s = &call->stream->ends;
  return (!s->receives || up.read == MESSAGES) && (!s->sends || down.written == MESSAGES);
}

static void handler_works(bool reads) {
  struct sure_call *call = handler_call();
  if (call == NULL) {
    return;
  }
  if (handler_is_done(call)) {
    driver_release_runs(&ends.driver);
    ends.driver.holds_runs = true;
    run_count++;
  } else if (reads) {
    handler_reads(call);
  } else {
    handler_writes(call);
  }
  driver_work(&ends.driver);
}

/* ---- the story ---- */

static void act(unsigned what) {
  switch (what % 4) {
  case 0:
    client_writes();
    break;
  case 1:
    client_reads();
    break;
  case 2:
    handler_works(true);
    break;
  default:
    handler_works(false);
    break;
  }
}

/* `cut_permille` of all steps are a loss of all connections. */
static void play(int method, unsigned seed, unsigned cut_permille) {
  srand(seed);
  up = (struct flow){0};
  down = (struct flow){0};
  run_count = 0;
  ends_begin_with(&ends, 1, plans, sizeof plans / sizeof plans[0]);
  ends.driver.holds_runs = true;
  ends_stream(&ends, 0, (enum driver_method)method, &stream);
  for (unsigned step = 0; step < 20000 && !ends.calls[0].has_ended; step++) {
    act((unsigned)rand() >> 4);
    if ((unsigned)rand() / 16 % 1000 < cut_permille) {
      ends_cut(&ends);
    }
    ends_pass(&ends, (unsigned)rand() / 16 % 8 == 0 ? 60 : 0);
  }
  assert_true(ends.calls[0].has_ended);
  assert_string_equal("OK", sure_code_name(ends.calls[0].code));
  client_reads();
  while (down.read < down.written) {
    client_reads();
  }
  bool uploads = method != WATCH;
  bool downloads = method != UPLOAD;
  assert_int_equal(uploads ? MESSAGES : 0, up.read);
  assert_int_equal(downloads ? MESSAGES : 0, down.read);
  assert_int_equal(1, run_count);
  sure__client_stream_fini(&stream);
  ends_end(&ends);
}

static void play_all(unsigned cut_permille) {
  static const int methods[] = {UPLOAD, WATCH, CHAT, CHAT_FREELY};
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    for (unsigned seed = 1; seed <= 25; seed++) {
      play(methods[i], seed, cut_permille);
    }
  }
}

static void all_messages_come_once_and_in_order(void **state) {
  (void)state;
  play_all(0);
}

static void and_so_they_do_though_connections_are_cut_again_and_again(void **state) {
  (void)state;
  play_all(5);
}

static void and_though_hardly_a_frame_gets_through_between_two_cuts(void **state) {
  (void)state;
  play_all(100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_messages_come_once_and_in_order),
      cmocka_unit_test(and_so_they_do_though_connections_are_cut_again_and_again),
      cmocka_unit_test(and_though_hardly_a_frame_gets_through_between_two_cuts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
