/* A real server, and clients of plain sockets that keep the protocol, or do not. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpc/net/clock.h"
#include "tests/e2e/raw_server.h"

static struct echo_server echo;

static int begin(void **state) {
  (void)state;
  echo_start(&echo, NULL, NULL);
  return 0;
}

static int end(void **state) {
  (void)state;
  echo_stop(&echo);
  return 0;
}

/* Somebody else is still served. */
static void expect_service(void) {
  struct raw_client client;
  raw_open(&client, echo.url);
  echo_call(&client, ECHO_POOL, 1, 1, "still here");
  echo_expect(&client, 1, "still here", SURE__RECORDED);
  raw_close(&client);
}

static void each_run_mode_answers_and_replays(void **state) {
  (void)state;
  static const enum echo_method modes[] = {ECHO_INLINE, ECHO_POOL, ECHO_TX, ECHO_PREPARE};
  struct raw_client client;
  raw_open(&client, echo.url);
  for (uint64_t i = 0; i < 4; i++) {
    echo_call(&client, modes[i], 1 + i, 1, "hello");
    echo_expect(&client, 1 + i, "hello", SURE__RECORDED);
    echo_call(&client, modes[i], 1 + i, 2, "hello");
    echo_expect(&client, 1 + i, "hello", SURE__RECORDED | SURE__REPLAYED);
  }
  assert_int_equal(4, echo.run_count);
  assert_int_equal(2, echo.prepare_count); /* a first phase may run for nothing */
  echo_call(&client, ECHO_READ, 5, 1, "hello");
  echo_expect(&client, 5, "hello", 0);
  raw_close(&client);
}

static void a_reply_lost_with_its_connection_is_replayed_on_another(void **state) {
  (void)state;
  struct raw_client client;
  struct raw_client again;
  raw_open(&client, echo.url);
  echo_call(&client, ECHO_POOL, 1, 1, "charge");
  echo_expect(&client, 1, "charge", SURE__RECORDED);
  raw_close(&client);
  assert_int_equal(SURE__ATTACHED_OPEN, raw_resume(&again, echo.url, &client.session));
  echo_call(&again, ECHO_POOL, 1, 2, "charge");
  echo_expect(&again, 1, "charge", SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(1, echo.run_count);
  raw_close(&again);
}

static void a_duplicate_on_another_connection_joins(void **state) {
  (void)state;
  struct raw_client a;
  struct raw_client b;
  raw_open(&a, echo.url);
  assert_int_equal(SURE__ATTACHED_OPEN, raw_resume(&b, echo.url, &a.session));
  echo_call(&a, ECHO_SLOW, 1, 1, "charge");
  echo_wait_for_slow();
  echo_call(&b, ECHO_SLOW, 1, 2, "charge");
  assert_int_equal(2, raw_expect(&b, SURE__ACCEPTED).attempt);
  echo_let_go();
  echo_expect(&a, 1, "charge", SURE__RECORDED);
  echo_expect(&b, 1, "charge", SURE__RECORDED | SURE__JOINED);
  assert_int_equal(1, echo.run_count);
  raw_close(&a);
  raw_close(&b);
}

static void garbage_in_place_of_hello_is_let_go_without_a_word(void **state) {
  (void)state;
  struct raw_client client;
  raw_dial(&client, echo.url);
  raw_send_bytes(&client, "GET / HTTP/1.1\r\nHost: bank\r\n\r\n", 30);
  raw_expect_closed(&client);
  assert_int_equal(0, client.in.len);
  raw_close(&client);
  expect_service();
}

static void half_a_frame_and_then_nothing_harms_nobody(void **state) {
  (void)state;
  struct raw_client client;
  static const uint8_t half[20] = {56, 0, 0, 0, SURE__HELLO};
  raw_dial(&client, echo.url);
  raw_send_bytes(&client, half, sizeof half);
  raw_close(&client);
  expect_service();
}

static void a_frame_of_more_than_64_kib_ends_the_connection(void **state) {
  (void)state;
  struct raw_client client;
  static const uint8_t header[32] = {0x01, 0x00, 0x01, 0x00, SURE__PING}; /* 65 537 */
  raw_open(&client, echo.url);
  raw_send_bytes(&client, header, sizeof header);
  raw_expect_closed(&client);
  raw_close(&client);
  expect_service();
}

static void a_request_that_is_no_message_is_internal_and_not_run(void **state) {
  (void)state;
  struct raw_client client;
  static const uint8_t bad_utf8[] = {0x0A, 0x02, 0xC3, 0x28};
  raw_open(&client, echo.url);
  echo_call(&client, ECHO_POOL, 1, 1, "");
  echo_expect(&client, 1, "", SURE__RECORDED);
  struct sure_bytes payloads[] = {{bad_utf8, sizeof bad_utf8}, {bad_utf8, 3}};
  for (uint64_t i = 0; i < 2; i++) {
    struct sure__frame frame = echo_request(ECHO_POOL, 2 + i, 1, payloads[i]);
    raw_send(&client, &frame);
    frame = raw_expect(&client, SURE__RESPONSE);
    assert_int_equal(SURE_INTERNAL, frame.response.code);
    assert_int_equal(SURE_REASON_UNPARSABLE, frame.response.reason);
    assert_int_equal(SURE__NOT_RUN, frame.flags);
  }
  assert_int_equal(1, echo.run_count);
  raw_close(&client);
}

static void a_hundred_connections_at_once_are_served(void **state) {
  (void)state;
  enum { COUNT = 100 };
  static struct raw_client clients[COUNT];
  for (int i = 0; i < COUNT; i++) {
    raw_open(&clients[i], echo.url);
  }
  for (int i = 0; i < COUNT; i++) {
    echo_call(&clients[i], i % 2 == 0 ? ECHO_POOL : ECHO_INLINE, 1, 1, "hello");
  }
  for (int i = 0; i < COUNT; i++) {
    echo_expect(&clients[i], 1, "hello", SURE__RECORDED);
    raw_close(&clients[i]);
  }
  assert_int_equal(COUNT, echo.run_count);
}

static void connections_over_the_limit_are_closed(void **state) {
  (void)state;
  struct raw_client clients[3];
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.connection_count_max = 2}, NULL);
  raw_open(&clients[0], echo.url);
  raw_open(&clients[1], echo.url);
  raw_dial(&clients[2], echo.url);
  raw_expect_closed(&clients[2]);
  for (int i = 0; i < 3; i++) {
    raw_close(&clients[i]);
  }
}

static void connections_over_the_limit_of_an_address_are_closed(void **state) {
  (void)state;
  struct raw_client clients[3];
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.address_connections_max = 2}, NULL);
  raw_open(&clients[0], echo.url);
  raw_open(&clients[1], echo.url);
  raw_dial(&clients[2], echo.url);
  raw_expect_closed(&clients[2]);
  for (int i = 0; i < 3; i++) {
    raw_close(&clients[i]);
  }
}

/* The next one has to wait for a whole lease; a session that is there already may be taken up. */
static void an_address_may_open_so_many_sessions_and_no_more(void **state) {
  (void)state;
  struct raw_client first;
  struct raw_client again;
  struct raw_client other;
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.address_sessions_max = 1}, NULL);
  raw_open(&first, echo.url);
  raw_close(&first);
  assert_int_equal(SURE__ATTACHED_FULL, raw_try_open(&other, echo.url));
  assert_int_equal(SURE__ATTACHED_OPEN, raw_resume(&again, echo.url, &first.session));
  raw_close(&other);
  raw_close(&again);
}

/* S23. The client asks for more than the sockets can hold, takes nothing, and goes on asking. */
static void a_client_that_never_reads_is_read_no_more_and_then_closed(void **state) {
  (void)state;
  struct raw_client client;
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.unsent_len_max = 65536, .unsent_ms_max = 100},
             NULL);
  raw_open(&client, echo.url);
  fcntl(client.fd, F_SETFL, O_NONBLOCK);
  for (uint64_t i = 1; i <= 64; i++) { /* 38 MB of replies */
    echo_call(&client, ECHO_LARGE, i, 1, "x");
  }
  struct pollfd end = {.fd = client.fd, .events = 0};
  for (int tries = 0; tries < 200 && poll(&end, 1, 50) == 0; tries++) {
    raw_send(&client, &(struct sure__frame){.type = SURE__PING});
  }
  assert_true(end.revents & (POLLHUP | POLLERR));
  raw_close(&client);
  expect_service();
}

static void expect_large_replies(struct raw_client *client, uint64_t count) {
  while (count > 0) {
    struct sure__frame frame = raw_expect(client, SURE__RESPONSE);
    count -= (frame.flags & SURE__MORE) == 0;
  }
}

/* The second connection shows that the replies are on their way on the first as well, which still
 * has most of them to write when the server ends it. */
static void what_was_said_before_the_end_of_a_connection_still_arrives(void **state) {
  (void)state;
  enum { COUNT = 32 }; /* 19 MB */
  struct raw_client slow;
  struct raw_client quick;
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.unsent_len_max = 64U << 20}, NULL);
  raw_open(&slow, echo.url);
  assert_int_equal(SURE__ATTACHED_OPEN, raw_resume(&quick, echo.url, &slow.session));
  for (uint64_t i = 1; i <= COUNT; i++) {
    echo_call(&slow, ECHO_LARGE, i, 1, "x");
  }
  for (uint64_t i = 1; i <= COUNT; i++) {
    echo_call(&quick, ECHO_LARGE, i, 2, "x");
    expect_large_replies(&quick, 1);
  }
  raw_send(&slow, &(struct sure__frame){.type = SURE__WELCOME}); /* no word of a client */
  expect_large_replies(&slow, COUNT);
  assert_int_equal(SURE__GOAWAY_PROTOCOL_ERROR, raw_expect(&slow, SURE__GOAWAY).goaway.reason);
  raw_expect_closed(&slow);
  raw_close(&slow);
  raw_close(&quick);
}

/* They take turns, so that it gets in between. */
static void a_small_reply_does_not_wait_for_the_large_ones_before_it(void **state) {
  (void)state;
  enum { COUNT = 64 }; /* 38 MB: far more than a socket takes ahead of its reader */
  struct raw_client client;
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.unsent_len_max = 64U << 20}, NULL);
  raw_open(&client, echo.url);
  for (uint64_t i = 1; i <= COUNT; i++) {
    echo_call(&client, ECHO_LARGE, i, 1, "x");
  }
  echo_call(&client, ECHO_POOL, COUNT + 1, 1, "x"); /* its handler runs after theirs */
  while (echo.run_count <= COUNT) {
    sched_yield();
  }
  unsigned large_count = 0;
  struct sure__frame frame;
  while ((frame = raw_expect(&client, SURE__RESPONSE)).sequence <= COUNT) {
    large_count += (frame.flags & SURE__MORE) == 0;
  }
  assert_in_range(large_count, 0, COUNT / 2);
  raw_close(&client);
}

static void a_reply_too_large_on_a_volatile_store_was_applied(void **state) {
  (void)state;
  struct raw_client client;
  echo_stop(&echo);
  echo_start(&echo, &(struct sure_server_options){.message_len_max = 500000}, NULL);
  raw_open(&client, echo.url);
  for (uint32_t attempt = 1; attempt <= 2; attempt++) {
    echo_call(&client, ECHO_LARGE, 1, attempt, "x");
    struct sure__frame frame = raw_expect(&client, SURE__RESPONSE);
    assert_int_equal(SURE_RESOURCE_EXHAUSTED, frame.response.code);
    assert_string_equal("REPLY_LOST", sure_reason_name(frame.response.reason));
    assert_int_equal(attempt == 1 ? SURE__RECORDED : SURE__RECORDED | SURE__REPLAYED, frame.flags);
  }
  assert_int_equal(1, echo.run_count);
  raw_close(&client);
}

static sem_t refused;

static void count_refusals(void *user, enum sure_log_level level, const char *text) {
  (void)user;
  if (level == SURE_LOG_WARNING && strstr(text, "accept") != NULL) {
    sem_post(&refused);
  }
}

/* Without files for new connections the server waits for better times and does not spin. The
 * sockets of the server before are closed on some other thread, and may leave a place or two. */
static void a_server_out_of_files_tries_again_after_a_pause(void **state) {
  (void)state;
  enum { COUNT = 6 };
  struct rlimit before;
  struct raw_client clients[COUNT];
  sem_init(&refused, 0, 0);
  echo_stop(&echo);
  struct sure_logger logger = {.fn = count_refusals, .level_min = SURE_LOG_WARNING};
  echo_start(&echo, &(struct sure_server_options){.logger = logger}, NULL);
  for (int i = 0; i < COUNT; i++) {
    raw_socket(&clients[i], echo.url);
  }
  assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
  int lowest = dup(0);
  close(lowest);
  struct rlimit tight = {.rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max};
  assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &tight));
  for (int i = 0; i < COUNT; i++) {
    raw_connect(&clients[i], echo.url);
  }
  uint64_t begin_ms = sure__clock_ms();
  for (int i = 0; i < 4; i++) {
    sem_wait(&refused);
  }
  uint64_t spent_ms = sure__clock_ms() - begin_ms;
  assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
  assert_true(spent_ms >= 100);
  expect_service();
  for (int i = 0; i < COUNT; i++) {
    raw_close(&clients[i]);
  }
}

/* ---- addresses ---- */

static void a_port_in_use_and_wrong_urls_are_refused(void **state) {
  (void)state;
  struct sure_server *other;
  assert_int_equal(SURE_OK, sure_server_open(NULL, &other));
  assert_int_equal(SURE_ALREADY_EXISTS, sure_server_listen(other, echo.url));
  static const char *const wrong[] = {"",      "tcp",           "http://127.0.0.1:1",
                                      "ipc:/", "inproc://sure", "tcp://127.0.0.1:notaport"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(SURE_INVALID_ARGUMENT, sure_server_listen(other, wrong[i]));
  }
  assert_null(sure_server_url(other, 0));
  sure_server_free(other);
}

static void port_zero_gives_a_real_url(void **state) {
  (void)state;
  assert_string_not_equal("tcp://127.0.0.1:0", echo.url);
  expect_service();
}

static void a_unix_socket_is_served_as_well(void **state) {
  (void)state;
  char url[64];
  snprintf(url, sizeof url, "ipc:///tmp/sure-raw-%d", (int)getpid());
  echo_stop(&echo);
  echo_start(&echo, NULL, url);
  expect_service();
}

/* ---- the end ---- */

static void *drain(void *user) {
  *(enum sure_code *)user = sure_server_drain(echo.server, 20000);
  return NULL;
}

static void drain_answers_running_calls_and_then_closes(void **state) {
  (void)state;
  struct raw_client client;
  enum sure_code code = SURE_UNKNOWN;
  pthread_t thread;
  raw_open(&client, echo.url);
  echo_call(&client, ECHO_SLOW, 1, 1, "charge");
  echo_wait_for_slow();
  assert_int_equal(0, pthread_create(&thread, NULL, drain, &code));
  assert_int_equal(SURE__GOAWAY_DRAINING, raw_expect(&client, SURE__GOAWAY).goaway.reason);
  echo_call(&client, ECHO_POOL, 2, 1, "new");
  struct sure__frame frame = raw_expect(&client, SURE__RESPONSE);
  assert_int_equal(SURE_REASON_DRAINING, frame.response.reason);
  assert_int_equal(SURE__NOT_RUN, frame.flags);
  echo_let_go();
  echo_expect(&client, 1, "charge", SURE__RECORDED);
  raw_expect_closed(&client);
  pthread_join(thread, NULL);
  assert_int_equal(SURE_OK, code);
  raw_close(&client);
}

static void stop_cuts_a_drain_short_and_free_waits_for_the_handler(void **state) {
  (void)state;
  struct raw_client client;
  enum sure_code code = SURE_UNKNOWN;
  pthread_t thread;
  raw_open(&client, echo.url);
  echo_call(&client, ECHO_SLOW, 1, 1, "charge");
  echo_wait_for_slow();
  assert_int_equal(0, pthread_create(&thread, NULL, drain, &code));
  raw_expect(&client, SURE__GOAWAY);
  sure_server_stop(echo.server);
  raw_expect_closed(&client);
  pthread_join(thread, NULL);
  assert_int_equal(SURE_DEADLINE_EXCEEDED, code);
  echo_let_go();
  raw_close(&client);
  /* The end of the test frees the server, whose pool is perhaps in the handler still. */
}

static void a_server_can_be_freed_while_clients_come_and_go(void **state) {
  (void)state;
  struct raw_client clients[20];
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 20; i++) {
      raw_dial(&clients[i], echo.url);
      raw_send(&clients[i], &(struct sure__frame){.type = SURE__HELLO,
                                                  .hello = {.version_min = 1, .version_max = 1}});
    }
    echo_stop(&echo);
    for (int i = 0; i < 20; i++) {
      raw_close(&clients[i]);
    }
    echo_start(&echo, NULL, NULL);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_run_mode_answers_and_replays),
      TEST(a_reply_lost_with_its_connection_is_replayed_on_another),
      TEST(a_duplicate_on_another_connection_joins),
      TEST(garbage_in_place_of_hello_is_let_go_without_a_word),
      TEST(half_a_frame_and_then_nothing_harms_nobody),
      TEST(a_frame_of_more_than_64_kib_ends_the_connection),
      TEST(a_request_that_is_no_message_is_internal_and_not_run),
      TEST(a_hundred_connections_at_once_are_served),
      TEST(connections_over_the_limit_are_closed),
      TEST(connections_over_the_limit_of_an_address_are_closed),
      TEST(an_address_may_open_so_many_sessions_and_no_more),
      TEST(a_client_that_never_reads_is_read_no_more_and_then_closed),
      TEST(what_was_said_before_the_end_of_a_connection_still_arrives),
      TEST(a_small_reply_does_not_wait_for_the_large_ones_before_it),
      TEST(a_reply_too_large_on_a_volatile_store_was_applied),
      TEST(a_server_out_of_files_tries_again_after_a_pause),
      TEST(a_port_in_use_and_wrong_urls_are_refused),
      TEST(port_zero_gives_a_real_url),
      TEST(a_unix_socket_is_served_as_well),
      TEST(drain_answers_running_calls_and_then_closes),
      TEST(stop_cuts_a_drain_short_and_free_waits_for_the_handler),
      TEST(a_server_can_be_freed_while_clients_come_and_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
