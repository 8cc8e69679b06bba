/* Targets of channels: what is taken, what is refused, and which addresses come of it. */
#include "rpc/client/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sure__urls resolve(const char *text) {
  struct sure__target target;
  struct sure__urls urls;
  const char *problem = NULL;
  assert_null(sure__target_init(&target, text));
  assert_true(sure__target_resolve(&target, &urls, &problem));
  sure__target_fini(&target);
  return urls;
}

static void several_endpoints_keep_their_order(void **state) {
  (void)state;
  struct sure__urls urls = resolve("tcp://b:2, tcp://a:1,ipc:///tmp/x,tcp://b:2");
  assert_int_equal(urls.count, 3); /* each address once */
  assert_string_equal(urls.urls[0], "tcp://b:2");
  assert_string_equal(urls.urls[1], "tcp://a:1");
  assert_string_equal(urls.urls[2], "ipc:///tmp/x");
  sure__urls_fini(&urls);
}

static void numeric_names_need_no_name_server(void **state) {
  (void)state;
  struct sure__urls urls = resolve("dns:127.0.0.1:5000,dns:///[::1]:5001");
  assert_int_equal(urls.count, 2);
  assert_string_equal(urls.urls[0], "tcp://127.0.0.1:5000");
  assert_string_equal(urls.urls[1], "tcp://[::1]:5001");
  sure__urls_fini(&urls);
}

static void name_becomes_its_addresses(void **state) {
  (void)state;
  struct sure__urls urls = resolve("dns:localhost:5000");
  bool has_loopback = false;
  for (size_t i = 0; i < urls.count; i++) {
    has_loopback = has_loopback || strcmp(urls.urls[i], "tcp://127.0.0.1:5000") == 0 ||
                   strcmp(urls.urls[i], "tcp://[::1]:5000") == 0;
  }
  assert_true(has_loopback);
  sure__urls_fini(&urls);
}

static void unknown_name_is_no_address(void **state) {
  (void)state;
  struct sure__target target;
  struct sure__urls urls;
  const char *problem = NULL;
  assert_null(sure__target_init(&target, "dns:no-such-host.invalid:1"));
  assert_true(target.has_names);
  assert_false(sure__target_resolve(&target, &urls, &problem));
  assert_non_null(problem);
  sure__target_fini(&target);
}

static void wrong_targets_are_refused_by_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *problem;
  } cases[] = {
      {"", "must begin with"},           {"nowhere", "must begin with"},
      {"tcp://a:1,", "must begin with"}, {"tcp://a:1,http://b", "must begin with"},
      {"dns:", "host and a port"},       {"dns:host", "host and a port"},
      {"dns:host:", "host and a port"},  {"dns::1", "host and a port"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sure__target target;
    const char *problem = sure__target_init(&target, cases[i].text);
    assert_non_null(problem);
    assert_non_null(strstr(problem, cases[i].problem));
  }
}

static void as_many_endpoints_as_there_may_be_and_one_more(void **state) {
  (void)state;
  static char text[SURE__ENDPOINTS_MAX * 16 + 32];
  size_t len = 0;
  for (int i = 0; i < SURE__ENDPOINTS_MAX; i++) {
    len +=
        (size_t)snprintf(text + len, sizeof text - len, "%stcp://a:%d", i == 0 ? "" : ",", i + 1);
  }
  struct sure__urls urls = resolve(text);
  assert_int_equal(urls.count, SURE__ENDPOINTS_MAX);
  sure__urls_fini(&urls);
  struct sure__target target;
  (void)snprintf(text + len, sizeof text - len, ",tcp://a:9999");
  assert_non_null(strstr(sure__target_init(&target, text), "more than 256"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(several_endpoints_keep_their_order),
      cmocka_unit_test(numeric_names_need_no_name_server),
      cmocka_unit_test(name_becomes_its_addresses),
      cmocka_unit_test(unknown_name_is_no_address),
      cmocka_unit_test(wrong_targets_are_refused_by_what_is_wrong),
      cmocka_unit_test(as_many_endpoints_as_there_may_be_and_one_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
