/* Interceptors of real channels and servers, over loopback TCP; and the examples' ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sure/sure.h>

#include "bearer.h"
#include "e2e.sure.h"
#include "metrics.h"

/* What happened, in its order. */
struct trace {
  pthread_mutex_t mutex;
  char text[2048];
};

static struct trace trace = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&trace.mutex);
  size_t len = strlen(trace.text);
  (void)vsnprintf(trace.text + len, sizeof trace.text - len, format, arguments);
  pthread_mutex_unlock(&trace.mutex);
  va_end(arguments);
}

static struct sure_store *store;
static struct sure_server *server;
static struct sure_channel *channel;
static struct sure_status *status;
static _Atomic int64_t total;
static _Atomic int fails_left; /* the handler says UNAVAILABLE so often first */

/* ---- the service ---- */

static enum sure_code do_add(void *user, struct sure_call *call,
                             const Sure__E2e__V1__AddRequest *request,
                             Sure__E2e__V1__AddReply *reply) {
  (void)user;
  struct sure_bytes number = {0};
  sure_metadata_find(sure_call_metadata(call), "attempt", &number);
  note("handler%.*s ", (int)number.len, (const char *)number.data);
  if (atomic_load(&fails_left) > 0 && atomic_fetch_sub(&fails_left, 1) > 0) {
    return SURE_UNAVAILABLE;
  }
  reply->total = atomic_fetch_add(&total, request->amount) + request->amount;
  return SURE_OK;
}

static enum sure_code do_add_keyed(void *user, struct sure_call *call,
                                   const Sure__E2e__V1__AddKeyedRequest *request,
                                   Sure__E2e__V1__AddReply *reply) {
  (void)user;
  (void)call;
  reply->total = atomic_fetch_add(&total, request->amount) + request->amount;
  return SURE_OK;
}

static void serve(const struct sure_server_interceptor *interceptors, size_t count) {
  static const struct sure__e2e__v1__counter_server handlers = {.add = do_add,
                                                                .add_keyed = do_add_keyed};
  struct sure_memory_store_options keys = {.allow_volatile_keys = true};
  assert_int_equal(SURE_OK, sure_memory_store_open(&keys, &store));
  struct sure_server_options options = {.store = store};
  assert_int_equal(SURE_OK, sure_server_open(&options, &server));
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(SURE_OK, sure_server_add_interceptor(server, &interceptors[i]));
  }
  assert_int_equal(SURE_OK, sure__e2e__v1__counter_server__register(server, &handlers, NULL));
  assert_int_equal(SURE_OK, sure_server_listen(server, "tcp://127.0.0.1:0"));
}

static void open_channel(const struct sure_channel_options *options) {
  struct sure_channel_options own = *options;
  own.target = sure_server_url(server, 0);
  own.timeout_ms = 60000;
  assert_int_equal(SURE_OK, sure_channel_open(&own, &channel));
}

static enum sure_code add(const struct sure_call_options *options) {
  Sure__E2e__V1__AddRequest request = SURE__E2E__V1__ADD_REQUEST__INIT;
  Sure__E2e__V1__AddReply *reply = NULL;
  request.amount = 1;
  enum sure_code code =
      sure__e2e__v1__counter_client__add(channel, &request, options, &reply, status);
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  return code;
}

static enum sure_code add_keyed(char *key) {
  Sure__E2e__V1__AddKeyedRequest request = SURE__E2E__V1__ADD_KEYED_REQUEST__INIT;
  Sure__E2e__V1__AddReply *reply = NULL;
  request.key = key;
  request.amount = 1;
  enum sure_code code =
      sure__e2e__v1__counter_client__add_keyed(channel, &request, NULL, &reply, status);
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  return code;
}

static void close_channel(void) {
  channel = sure_channel_free(channel, 0);
}

static int begin(void **state) {
  (void)state;
  trace.text[0] = '\0';
  atomic_store(&total, 0);
  atomic_store(&fails_left, 0);
  status = sure_status_new();
  return status == NULL;
}

static int end(void **state) {
  (void)state;
  close_channel();
  server = sure_server_free(server);
  sure_store_free(store);
  store = NULL;
  sure_status_free(status);
  return 0;
}

/* ---- interceptors that note what they see ---- */

static enum sure_code note_call_begins(void *user, const struct sure_outgoing *outgoing,
                                       uint64_t *slot) {
  note("call(%s) ", (const char *)user);
  assert_int_equal(0, *slot);
  assert_int_equal(0, outgoing->attempt);
  *slot = 7;
  return SURE_OK;
}

static void note_call_ended(void *user, const struct sure_method *method,
                            const struct sure_status *end_status, uint64_t slot) {
  (void)method;
  assert_int_equal(7, slot);
  note("%s(%s) ", sure_code_name(sure_status_code(end_status)), (const char *)user);
}

static enum sure_code note_attempt_begins(void *user, const struct sure_outgoing *outgoing) {
  char number[16];
  (void)snprintf(number, sizeof number, "%u", outgoing->attempt);
  note("attempt%s(%s) ", number, (const char *)user);
  return strcmp(user, "a") == 0 ? sure_metadata_add(outgoing->metadata, "attempt", number)
                                : SURE_OK;
}

static void note_attempt_ended(void *user, const struct sure_attempt_end *attempt_end) {
  note("%u:%s(%s) ", attempt_end->attempt, sure_code_name(attempt_end->code), (const char *)user);
}

static struct sure_client_interceptor noter(char *name) {
  return (struct sure_client_interceptor){.version = SURE_INTERCEPTOR_VERSION,
                                          .user = name,
                                          .call_begins = note_call_begins,
                                          .call_ended = note_call_ended,
                                          .attempt_begins = note_attempt_begins,
                                          .attempt_ended = note_attempt_ended};
}

static enum sure_code note_arrival(void *user, struct sure_call *call) {
  note("arrives%u(%s) ", sure_call_attempt(call), (const char *)user);
  return SURE_OK;
}

static enum sure_code note_handler_begins(void *user, struct sure_call *call, uint64_t *slot) {
  (void)call;
  *slot = 8;
  note("begins(%s) ", (const char *)user);
  return SURE_OK;
}

static void note_handler_ended(void *user, struct sure_call *call, enum sure_code code,
                               uint64_t slot) {
  (void)call;
  assert_int_equal(8, slot);
  note("ended(%s)=%s ", (const char *)user, sure_code_name(code));
}

static struct sure_server_interceptor server_noter(char *name) {
  return (struct sure_server_interceptor){.version = SURE_INTERCEPTOR_VERSION,
                                          .user = name,
                                          .attempt_arrives = note_arrival,
                                          .handler_begins = note_handler_begins,
                                          .handler_ended = note_handler_ended};
}

static void what_begins_goes_in_order_and_what_ended_in_reverse(void **state) {
  (void)state;
  struct sure_client_interceptor clients[] = {noter("a"), noter("b")};
  struct sure_server_interceptor servers[] = {server_noter("c"), server_noter("d")};
  serve(servers, 2);
  open_channel(&(struct sure_channel_options){.interceptors = clients, .interceptor_count = 2});
  assert_int_equal(SURE_OK, add(NULL));
  assert_string_equal(trace.text, "call(a) call(b) attempt1(a) attempt1(b) arrives1(c) arrives1(d) "
                                  "begins(c) begins(d) handler1 ended(d)=OK ended(c)=OK "
                                  "1:OK(b) 1:OK(a) OK(b) OK(a) ");
}

/* Both were noted once, this one first. */
static void assert_order(const char *earlier, const char *later) {
  const char *first = strstr(trace.text, earlier);
  assert_non_null(first);
  assert_null(strstr(first + 1, earlier));
  const char *second = strstr(first, later);
  assert_non_null(second);
  assert_null(strstr(second + 1, later));
}

/* The retry is inside of the call: its hooks run once, those of attempts run for each, and each
 * attempt has the metadata of its own hook. The end of one may be told beside the next one's
 * beginning. */
static void each_attempt_has_its_own_hooks_and_metadata(void **state) {
  (void)state;
  struct sure_client_interceptor interceptor = noter("a");
  serve(NULL, 0);
  open_channel(
      &(struct sure_channel_options){.interceptors = &interceptor, .interceptor_count = 1});
  atomic_store(&fails_left, 2);
  const struct sure_retry_policy retry = {.backoff_ms_initial = 1, .backoff_ms_max = 1};
  const struct sure_call_options options = {.retry = &retry};
  assert_int_equal(SURE_OK, add(&options));
  const char *const sent[] = {"call(a)",  "attempt1(a)", "handler1",  "attempt2(a)",
                              "handler2", "attempt3(a)", "handler3 ", " OK(a) "};
  for (size_t i = 1; i < sizeof sent / sizeof *sent; i++) {
    assert_order(sent[i - 1], sent[i]);
  }
  assert_order("handler1", "1:UNAVAILABLE(a)");
  assert_order("handler2", "2:UNAVAILABLE(a)");
  assert_order("handler3", "3:OK(a)");
}

/* ---- interceptors that stop something ---- */

static enum sure_code deny_call(void *user, const struct sure_outgoing *outgoing, uint64_t *slot) {
  (void)user;
  (void)outgoing;
  (void)slot;
  return SURE_RESOURCE_EXHAUSTED;
}

static void a_call_that_is_stopped_is_not_applied_and_was_never_sent(void **state) {
  (void)state;
  struct sure_client_interceptor interceptors[] = {
      noter("a"), {.version = SURE_INTERCEPTOR_VERSION, .call_begins = deny_call}, noter("b")};
  serve(NULL, 0);
  open_channel(
      &(struct sure_channel_options){.interceptors = interceptors, .interceptor_count = 3});
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, add(NULL));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
  assert_int_equal(SURE_REASON_REFUSED, sure_status_reason(status));
  assert_int_equal(0, sure_status_attempts(status));
  assert_string_equal(trace.text, "call(a) RESOURCE_EXHAUSTED(a) ");
}

static enum sure_code deny_second(void *user, const struct sure_outgoing *outgoing) {
  (void)user;
  return outgoing->attempt < 2 ? SURE_OK : SURE_PERMISSION_DENIED;
}

static void a_retry_that_is_stopped_ends_the_call_with_what_is_true(void **state) {
  (void)state;
  struct sure_client_interceptor interceptor = {.version = SURE_INTERCEPTOR_VERSION,
                                                .attempt_begins = deny_second};
  serve(NULL, 0);
  open_channel(
      &(struct sure_channel_options){.interceptors = &interceptor, .interceptor_count = 1});
  atomic_store(&fails_left, 9);
  const struct sure_retry_policy retry = {.backoff_ms_initial = 1, .backoff_ms_max = 1};
  const struct sure_call_options options = {.retry = &retry};
  assert_int_equal(SURE_PERMISSION_DENIED, add(&options));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
  assert_int_equal(1, sure_status_attempts(status));
  assert_int_equal(0, atomic_load(&total));
}

static enum sure_code deny_arrival(void *user, struct sure_call *call) {
  (void)user;
  struct sure_metadata *trailing = sure_call_trailing_metadata(call);
  assert_int_equal(SURE_OK, sure_metadata_add(trailing, "quota", "used up"));
  return sure_call_fail(call, SURE_PERMISSION_DENIED, "%s is over its quota", "tenant 7");
}

static void an_attempt_that_is_refused_on_arrival_has_not_run_and_says_why(void **state) {
  (void)state;
  struct sure_server_interceptor interceptor = {.version = SURE_INTERCEPTOR_VERSION,
                                                .attempt_arrives = deny_arrival};
  serve(&interceptor, 1);
  open_channel(&(struct sure_channel_options){0});
  assert_int_equal(SURE_PERMISSION_DENIED, add(NULL));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
  assert_string_equal("tenant 7 is over its quota", sure_status_message(status));
  struct sure_bytes value;
  assert_true(sure_metadata_find(sure_status_trailing_metadata(status), "quota", &value));
  assert_string_equal("", trace.text);
}

static enum sure_code deny_handler(void *user, struct sure_call *call, uint64_t *slot) {
  (void)user;
  (void)slot;
  return sure_call_fail(call, SURE_FAILED_PRECONDITION, "closed today");
}

static void what_a_handlers_interceptor_says_takes_the_handlers_place(void **state) {
  (void)state;
  struct sure_server_interceptor interceptors[] = {
      server_noter("c"), {.version = SURE_INTERCEPTOR_VERSION, .handler_begins = deny_handler}};
  serve(interceptors, 2);
  open_channel(&(struct sure_channel_options){0});
  assert_int_equal(SURE_FAILED_PRECONDITION, add(NULL));
  assert_true(sure_status_recorded(status));
  assert_string_equal("closed today", sure_status_message(status));
  assert_string_equal(trace.text, "arrives1(c) begins(c) ended(c)=FAILED_PRECONDITION ");
}

/* ---- who it is ---- */

static const struct bearer bearers[] = {{"s3cret", "ada"}, {"0ther", "bob"}, {NULL, NULL}};

static void serve_bearers(void) {
  struct sure_server_interceptor interceptor = bearer_interceptor(bearers);
  serve(&interceptor, 1);
}

static void open_with(const char *token) {
  struct sure_metadata *credentials = bearer_credentials(token);
  assert_non_null(credentials);
  open_channel(
      &(struct sure_channel_options){.credentials = credentials, .reconnect_ms_initial = 100000});
  sure_metadata_free(credentials);
}

static void a_call_of_a_client_that_is_turned_away_ends_with_the_code(void **state) {
  (void)state;
  serve_bearers();
  open_with("guess");
  assert_int_equal(SURE_UNAUTHENTICATED, add(NULL));
  assert_int_equal(SURE_NOT_APPLIED, sure_status_outcome(status));
  assert_int_equal(SURE_REASON_REFUSED, sure_status_reason(status));
  assert_int_equal(SURE_UNAUTHENTICATED, add(NULL)); /* and the next one does not wait either */
}

/* The reconnect pause is 100 s: it is not what lets the call through. */
static void a_token_that_was_renewed_is_shown_at_once(void **state) {
  (void)state;
  serve_bearers();
  open_with("expired");
  assert_int_equal(SURE_UNAUTHENTICATED, add(NULL));
  struct sure_metadata *credentials = bearer_credentials("s3cret");
  assert_int_equal(SURE_OK, sure_channel_set_credentials(channel, credentials));
  sure_metadata_free(credentials);
  assert_int_equal(SURE_OK, add(NULL));
}

static void an_idempotency_key_is_its_owners_alone(void **state) {
  (void)state;
  serve_bearers();
  open_with("s3cret");
  assert_int_equal(SURE_OK, add_keyed("rent"));
  close_channel();
  open_with("0ther");
  assert_int_equal(SURE_OK, add_keyed("rent"));
  assert_false(sure_status_replayed(status));
  assert_int_equal(2, atomic_load(&total));
  close_channel();
  open_with("s3cret");
  assert_int_equal(SURE_OK, add_keyed("rent"));
  assert_true(sure_status_replayed(status));
  assert_int_equal(2, atomic_load(&total));
}

/* ---- metrics, and limits ---- */

static void metrics_count_what_handlers_returned(void **state) {
  (void)state;
  struct metrics metrics = {0};
  struct sure_server_interceptor interceptor = metrics_interceptor(&metrics);
  serve(&interceptor, 1);
  open_channel(&(struct sure_channel_options){0});
  assert_int_equal(SURE_OK, add(NULL));
  assert_int_equal(SURE_OK, add(NULL));
  atomic_store(&fails_left, 1);
  const struct sure_retry_policy once = {.attempts_max = 1};
  const struct sure_call_options options = {.retry = &once};
  assert_int_equal(SURE_UNAVAILABLE, add(&options));
  assert_int_equal(2, atomic_load(&metrics.ended[SURE_OK]));
  assert_int_equal(1, atomic_load(&metrics.ended[SURE_UNAVAILABLE]));
  assert_int_equal(0, atomic_load(&metrics.running));
}

static void interceptors_are_bounded_and_versioned(void **state) {
  (void)state;
  struct sure_server_interceptor good = server_noter("c");
  struct sure_server_interceptor bad = good;
  bad.version++;
  assert_int_equal(SURE_OK, sure_server_open(NULL, &server));
  assert_int_equal(SURE_INVALID_ARGUMENT, sure_server_add_interceptor(server, &bad));
  for (int i = 0; i < SURE_INTERCEPTORS_MAX; i++) {
    assert_int_equal(SURE_OK, sure_server_add_interceptor(server, &good));
  }
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, sure_server_add_interceptor(server, &good));
  assert_int_equal(SURE_OK, sure_server_listen(server, "tcp://127.0.0.1:0"));
  assert_int_equal(SURE_FAILED_PRECONDITION, sure_server_add_interceptor(server, &good));

  struct sure_client_interceptor clients[SURE_INTERCEPTORS_MAX + 1] = {0};
  struct sure_channel_options options = {.target = sure_server_url(server, 0),
                                         .interceptors = clients,
                                         .interceptor_count = SURE_INTERCEPTORS_MAX + 1};
  assert_int_equal(SURE_INVALID_ARGUMENT, sure_channel_open(&options, &channel));
  options.interceptor_count = 1; /* of version 0 */
  assert_int_equal(SURE_INVALID_ARGUMENT, sure_channel_open(&options, &channel));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_begins_goes_in_order_and_what_ended_in_reverse),
      TEST(each_attempt_has_its_own_hooks_and_metadata),
      TEST(a_call_that_is_stopped_is_not_applied_and_was_never_sent),
      TEST(a_retry_that_is_stopped_ends_the_call_with_what_is_true),
      TEST(an_attempt_that_is_refused_on_arrival_has_not_run_and_says_why),
      TEST(what_a_handlers_interceptor_says_takes_the_handlers_place),
      TEST(a_call_of_a_client_that_is_turned_away_ends_with_the_code),
      TEST(a_token_that_was_renewed_is_shown_at_once),
      TEST(an_idempotency_key_is_its_owners_alone),
      TEST(metrics_count_what_handlers_returned),
      TEST(interceptors_are_bounded_and_versioned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
