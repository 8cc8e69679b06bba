/* Handlers that commit as they go, with a store in memory: what they may do, and how calls under
 * one key follow each other. The bank's import test has the processes that die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>
#include <sure/sure.h>

#include "commit.sure.h"

typedef Sure__Commit__V1__Number Number;

enum { REFUSED = 99 };

/* What the handler of Sum does. */
enum habit { COMMITS_EACH, READS_ON, FORGETS_TO_COMMIT };

static struct sure_server *server;
static struct sure_store *store;
static struct sure_channel *channel;
static struct sure_status *status;
static enum habit habit;
static uint64_t sum; /* what the effects have come to */

/* ---- handlers ---- */

static enum sure_code add(void *user, struct sure_call *call) {
  const Number *number = user;
  (void)call;
  sum += number->value;
  return number->value == REFUSED ? SURE_INVALID_ARGUMENT : SURE_OK;
}

static enum sure_code tell_sum(void *user, struct sure_call *call) {
  Number *reply = user;
  (void)call;
  reply->value = sum;
  return SURE_OK;
}

static enum sure_code take(struct sure_stream *stream, Number *number) {
  enum sure_code code = habit == COMMITS_EACH ? sure_stream_commit(stream, add, number) : SURE_OK;
  sure__commit__v1__number__free_unpacked(number, NULL);
  return code;
}

static enum sure_code sum_up(void *user, struct sure_call *call, struct sure_stream *stream,
                             Number *reply) {
  (void)user;
  (void)call;
  Number *number;
  enum sure_code code;
  while ((code = sure__commit__v1__intake_server__sum__read(stream, &number)) == SURE_OK) {
    code = take(stream, number);
    if (code != SURE_OK || habit == FORGETS_TO_COMMIT) {
      return code;
    }
  }
  return code == SURE_OUT_OF_RANGE ? sure_stream_commit(stream, tell_sum, reply) : code;
}

static enum sure_code plain(void *user, struct sure_call *call, struct sure_stream *stream,
                            Number *reply) {
  (void)user;
  (void)call;
  return sure_stream_commit(stream, tell_sum, reply);
}

/* ---- set-up ---- */

static int begin(void **state) {
  (void)state;
  static const struct sure__commit__v1__intake_server handlers = {.sum = sum_up, .plain = plain};
  static const struct sure_memory_store_options volatile_keys = {.allow_volatile_keys = true};
  habit = COMMITS_EACH;
  sum = 0;
  assert_int_equal(SURE_OK, sure_memory_store_open(&volatile_keys, &store));
  const struct sure_server_options options = {.store = store};
  assert_int_equal(SURE_OK, sure_server_open(&options, &server));
  assert_int_equal(SURE_OK,
                   sure_server_set_run_mode(server, "sure.commit.v1.Intake/Sum", SURE_RUN_TX));
  assert_int_equal(SURE_OK, sure__commit__v1__intake_server__register(server, &handlers, NULL));
  assert_int_equal(SURE_OK, sure_server_listen(server, "tcp://127.0.0.1:0"));
  const struct sure_channel_options to = {.target = sure_server_url(server, 0)};
  assert_int_equal(SURE_OK, sure_channel_open(&to, &channel));
  status = sure_status_new();
  return 0;
}

static int finish(void **state) {
  (void)state;
  channel = sure_channel_free(channel, 0);
  server = sure_server_free(server);
  store = sure_store_free(store);
  sure_status_free(status);
  return 0;
}

static struct sure_stream *open_sum(const char *key, struct sure_status *its_status) {
  const struct sure_call_options options = {.timeout_ms = 60000, .idempotency_key = key};
  struct sure_stream *stream = NULL;
  assert_int_equal(
      SURE_OK, sure__commit__v1__intake_client__sum__open(channel, &options, &stream, its_status));
  return stream;
}

static enum sure_code write_number(struct sure_stream *stream, uint64_t value) {
  Number number = SURE__COMMIT__V1__NUMBER__INIT;
  number.value = value;
  return sure__commit__v1__intake_client__sum__write(stream, &number);
}

static void write_numbers(struct sure_stream *stream, uint64_t first, uint64_t last) {
  for (uint64_t value = first; value <= last; value++) {
    assert_int_equal(SURE_OK, write_number(stream, value));
  }
}

/* The same of a call that may have its result already, and then takes no more. */
static void write_numbers_until_it_ends(struct sure_stream *stream, uint64_t first, uint64_t last) {
  enum sure_code code = SURE_OK;
  for (uint64_t value = first; value <= last && code == SURE_OK; value++) {
    code = write_number(stream, value);
  }
  assert_true(code == SURE_OK || code == SURE_CANCELLED);
}

static void wait_until_committed(struct sure_stream *stream, uint64_t count) {
  while (sure_stream_committed(stream) < count) {
    sched_yield();
  }
  assert_int_equal(count, sure_stream_committed(stream));
}

static enum sure_code finish_sum(struct sure_stream *stream, uint64_t *out_sum) {
  Number *reply = NULL;
  enum sure_code code = sure__commit__v1__intake_client__sum__finish(stream, &reply);
  if (code == SURE_OK) {
    *out_sum = reply->value;
    sure__commit__v1__number__free_unpacked(reply, NULL);
  }
  return code;
}

/* ---- tests ---- */

static void client_hears_what_is_committed_while_its_stream_goes_on(void **state) {
  (void)state;
  uint64_t total = 0;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 5);
  wait_until_committed(stream, 5);
  write_numbers(stream, 6, 10);
  assert_int_equal(SURE_OK, finish_sum(stream, &total));
  assert_int_equal(55, total);
  assert_int_equal(SURE_APPLIED, sure_status_outcome(status));
}

static void call_with_the_same_key_goes_on_and_both_get_the_same_result(void **state) {
  (void)state;
  struct sure_status *other_status = sure_status_new();
  uint64_t total = 0, other_total = 0;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 10);
  wait_until_committed(stream, 10);
  struct sure_stream *other = open_sum("day1", other_status);
  wait_until_committed(other, 10); /* the first ten are not its own */
  write_numbers(other, 1, 20);
  assert_int_equal(SURE_OK, finish_sum(other, &other_total));
  assert_int_equal(210, other_total);
  write_numbers_until_it_ends(stream, 11, 20);
  assert_int_equal(SURE_OK, finish_sum(stream, &total));
  assert_int_equal(210, total);
  assert_int_equal(210, sum);
  assert_true(sure_status_settled(status) || sure_status_replayed(status));
  sure_status_free(other_status);
}

static void call_that_has_ended_is_not_begun_again(void **state) {
  (void)state;
  uint64_t total = 0;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 3);
  assert_int_equal(SURE_OK, finish_sum(stream, &total));
  assert_int_equal(SURE_OK, finish_sum(open_sum("day1", status), &total));
  assert_int_equal(6, total);
  assert_int_equal(6, sum);
  assert_true(sure_status_replayed(status));
}

static void failure_after_a_commit_leaves_the_call_to_be_gone_on_with(void **state) {
  (void)state;
  uint64_t total = 0;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, REFUSED - 1, REFUSED);
  assert_int_equal(SURE_INVALID_ARGUMENT, finish_sum(stream, &total));
  assert_int_equal(SURE_OUTCOME_UNKNOWN, sure_status_outcome(status));
  sum = REFUSED - 1; /* a store in memory undoes nothing */
  stream = open_sum("day1", status);
  write_numbers(stream, REFUSED - 1, REFUSED - 1);
  write_numbers(stream, 1, 1);
  assert_int_equal(SURE_OK, finish_sum(stream, &total));
  assert_int_equal(REFUSED, total);
}

static void fewer_messages_than_are_committed_can_not_be_the_same_call(void **state) {
  (void)state;
  uint64_t total = 0;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 3);
  wait_until_committed(stream, 3);
  sure_stream_cancel(stream);
  assert_int_equal(SURE_CANCELLED, finish_sum(stream, &total));
  stream = open_sum("day1", status);
  write_numbers(stream, 1, 2);
  assert_int_equal(SURE_FAILED_PRECONDITION, finish_sum(stream, &total));
  assert_non_null(strstr(sure_status_message(status), "committed under this key"));
}

static void handler_may_not_wait_for_more_before_it_has_committed(void **state) {
  (void)state;
  uint64_t total = 0;
  habit = READS_ON;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 1);
  assert_int_equal(SURE_FAILED_PRECONDITION, finish_sum(stream, &total));
}

static void handler_may_not_end_before_it_has_committed(void **state) {
  (void)state;
  uint64_t total = 0;
  habit = FORGETS_TO_COMMIT;
  struct sure_stream *stream = open_sum("day1", status);
  write_numbers(stream, 1, 1);
  assert_int_equal(SURE_INTERNAL, finish_sum(stream, &total));
}

static void stream_without_a_key_is_refused_where_one_is_needed(void **state) {
  (void)state;
  uint64_t total = 0;
  assert_int_equal(SURE_FAILED_PRECONDITION, finish_sum(open_sum(NULL, status), &total));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
}

static void assert_key_is_refused(const char *key) {
  const struct sure_call_options options = {.idempotency_key = key};
  struct sure_stream *stream;
  assert_int_equal(SURE_INVALID_ARGUMENT,
                   sure__commit__v1__intake_client__sum__open(channel, &options, &stream, status));
}

static void keys_that_can_not_be_are_refused_before_anything_is_sent(void **state) {
  (void)state;
  char long_key[SURE_KEY_LEN_MAX + 2];
  memset(long_key, 'k', sizeof long_key);
  long_key[sizeof long_key - 1] = '\0';
  assert_key_is_refused("");
  assert_key_is_refused(long_key);
  const struct sure_call_options options = {.idempotency_key = "k"};
  struct sure_stream *stream;
  assert_int_equal(SURE_INVALID_ARGUMENT, sure__commit__v1__intake_client__plain__open(
                                              channel, &options, &stream, status));
}

static void only_a_method_that_runs_in_transactions_commits(void **state) {
  (void)state;
  struct sure_stream *stream;
  Number *reply;
  assert_int_equal(SURE_OK,
                   sure__commit__v1__intake_client__plain__open(channel, NULL, &stream, status));
  assert_int_equal(SURE_FAILED_PRECONDITION,
                   sure__commit__v1__intake_client__plain__finish(stream, &reply));
}

static void drain_does_not_wait_for_a_client_that_can_go_on_elsewhere(void **state) {
  (void)state;
  struct sure_stream *stream = open_sum("day1", status);
  uint64_t total = 0;
  write_numbers(stream, 1, 3);
  wait_until_committed(stream, 3);
  assert_int_equal(SURE_OK, sure_server_drain(server, 30000));
  sure_stream_cancel(stream);
  assert_int_not_equal(SURE_OK, finish_sum(stream, &total));
  assert_int_equal(6, sum);
}

static void server_can_be_freed_while_handlers_wait_for_their_clients(void **state) {
  (void)state;
  enum { STREAMS = 8 };
  struct sure_stream *streams[STREAMS];
  uint64_t total = 0;
  for (int i = 0; i < STREAMS; i++) {
    const char key[] = {(char)('a' + i), '\0'};
    streams[i] = open_sum(key, NULL);
    write_numbers(streams[i], 1, 3);
  }
  wait_until_committed(streams[STREAMS - 1], 3);
  server = sure_server_free(server); /* others may be in the middle of a commit */
  for (int i = 0; i < STREAMS; i++) {
    sure_stream_cancel(streams[i]);
    assert_int_not_equal(SURE_OK, finish_sum(streams[i], &total));
  }
  assert_in_range(sum, 6, 6 * STREAMS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(client_hears_what_is_committed_while_its_stream_goes_on),
      TEST(call_with_the_same_key_goes_on_and_both_get_the_same_result),
      TEST(call_that_has_ended_is_not_begun_again),
      TEST(failure_after_a_commit_leaves_the_call_to_be_gone_on_with),
      TEST(fewer_messages_than_are_committed_can_not_be_the_same_call),
      TEST(handler_may_not_wait_for_more_before_it_has_committed),
      TEST(handler_may_not_end_before_it_has_committed),
      TEST(stream_without_a_key_is_refused_where_one_is_needed),
      TEST(keys_that_can_not_be_are_refused_before_anything_is_sent),
      TEST(only_a_method_that_runs_in_transactions_commits),
      TEST(drain_does_not_wait_for_a_client_that_can_go_on_elsewhere),
      TEST(server_can_be_freed_while_handlers_wait_for_their_clients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
