/* The methods of a server, and how each of them runs (S4, S14). */
#include "rpc/core/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xxhash.h>

#include "tests/lib/failing_allocator.h"

/* A plan in letters: c claims, p prepares, s in the store, r reads, i inlined, x external. */
static const char *plan_text(enum sure_semantics semantics, enum sure_run_mode mode, bool durable,
                             bool reads) {
  static char text[8];
  struct sure__plan plan;
  if (!sure__plan_make(semantics, mode, durable, reads, &plan)) {
    return "refused";
  }
  char *end = text;
  *end = plan.claims ? 'c' : '\0', end += plan.claims;
  *end = plan.prepares ? 'p' : '\0', end += plan.prepares;
  *end = plan.in_store ? 's' : '\0', end += plan.in_store;
  *end = plan.reads ? 'r' : '\0', end += plan.reads;
  *end = plan.inlined ? 'i' : '\0', end += plan.inlined;
  *end = plan.external ? 'x' : '\0', end += plan.external;
  *end = '\0';
  return text;
}

static void each_mode_semantics_and_durability_has_its_plan(void **state) {
  (void)state;
  static const char *const volatile_plans[6][4] = {
      /*                    EXACTLY_ONCE  NO_SIDE_EFFECTS AT_LEAST_ONCE AT_MOST_ONCE */
      [SURE_RUN_AUTO] = {"c", "", "", ""},
      [SURE_RUN_TX] = {"s", "", "s", "s"},
      [SURE_RUN_PREPARE] = {"ps", "refused", "ps", "ps"},
      [SURE_RUN_POOL] = {"c", "", "", ""},
      [SURE_RUN_INLINE] = {"ci", "i", "i", "i"},
      [SURE_RUN_EXTERNAL] = {"cx", "refused", "refused", "refused"},
  };
  static const char *const durable_plans[6][4] = {
      [SURE_RUN_AUTO] = {"s", "r", "s", "s"},
      [SURE_RUN_TX] = {"s", "r", "s", "s"},
      [SURE_RUN_PREPARE] = {"ps", "refused", "ps", "ps"},
      [SURE_RUN_POOL] = {"refused", "", "", ""},
      [SURE_RUN_INLINE] = {"refused", "i", "i", "i"},
      [SURE_RUN_EXTERNAL] = {"cx", "refused", "refused", "refused"},
  };
  for (int mode = 0; mode < 6; mode++) {
    for (int semantics = 0; semantics < 4; semantics++) {
      assert_string_equal(
          volatile_plans[mode][semantics],
          plan_text((enum sure_semantics)semantics, (enum sure_run_mode)mode, false, false));
      assert_string_equal(
          durable_plans[mode][semantics],
          plan_text((enum sure_semantics)semantics, (enum sure_run_mode)mode, true, true));
    }
  }
  assert_string_equal("refused", plan_text(SURE_EXACTLY_ONCE, (enum sure_run_mode)6, false, false));
}

/* ---- adding ---- */

static struct sure_method methods[3];
static sure_handler_fn *trampolines[3];
static enum sure_run_mode modes[3];
static const struct sure_store_ops store_ops = {.version = SURE_STORE_VERSION};
static struct sure_store store;
static struct sure_service service;
static struct sure__registry registry;

static struct sure_method method(const char *name) {
  return (struct sure_method){.full_name = name, .id = XXH3_64bits(name, strlen(name))};
}

static int begin(void **state) {
  (void)state;
  store = (struct sure_store){.ops = &store_ops};
  methods[0] = method("t.T/A");
  methods[1] = method("t.T/B");
  methods[2] = method("t.T/C");
  memset(modes, 0, sizeof modes);
  service = (struct sure_service){SURE_ABI, "t.T", methods, 3};
  sure__registry_init(&registry);
  return 0;
}

static int end(void **state) {
  (void)state;
  sure__registry_fini(&registry);
  assert_int_equal(0, failing_allocator_live());
  return 0;
}

static enum sure_code add(const struct sure_method **out_method) {
  const char *problem;
  return sure__registry_add(&registry, &service, modes, trampolines, NULL, NULL, &store, &problem,
                            out_method);
}

/* Refused because of the i-th method, and nothing is left of the service. */
static void expect_refused(enum sure_code code, size_t i) {
  const struct sure_method *culprit = NULL;
  size_t count = registry.methods.count;
  assert_int_equal(code, add(&culprit));
  assert_ptr_equal(&methods[i], culprit);
  assert_int_equal(count, registry.methods.count);
}

static void methods_are_found_by_their_id(void **state) {
  (void)state;
  const struct sure_method *culprit;
  assert_int_equal(SURE_OK, add(&culprit));
  for (size_t i = 0; i < 3; i++) {
    assert_ptr_equal(&methods[i], sure__registry_find(&registry, methods[i].id)->table);
  }
  assert_null(sure__registry_find(&registry, 1));
}

static void a_service_is_added_once(void **state) {
  (void)state;
  const struct sure_method *culprit;
  assert_int_equal(SURE_OK, add(&culprit));
  expect_refused(SURE_ALREADY_EXISTS, 0);
}

static void a_registered_service_and_its_methods_are_known_by_name(void **state) {
  (void)state;
  const struct sure_method *culprit = NULL;
  assert_false(sure__registry_has(&registry, service.full_name));
  assert_int_equal(add(&culprit), SURE_OK);
  assert_true(sure__registry_has(&registry, service.full_name));
  assert_true(sure__registry_has(&registry, methods[0].full_name));
  assert_false(sure__registry_has(&registry, "t.T2"));
}

static void two_methods_of_one_name_are_refused(void **state) {
  (void)state;
  methods[2] = methods[0];
  expect_refused(SURE_ALREADY_EXISTS, 2);
}

static void a_table_of_another_abi_is_refused(void **state) {
  (void)state;
  const struct sure_method *culprit = methods;
  service.abi++;
  assert_int_equal(SURE_FAILED_PRECONDITION, add(&culprit));
  assert_null(culprit);
}

static void an_id_that_is_not_that_of_the_name_is_refused(void **state) {
  (void)state;
  methods[1].id++;
  expect_refused(SURE_FAILED_PRECONDITION, 1);
}

static void a_mode_that_breaks_the_promise_is_refused(void **state) {
  (void)state;
  store.durable = true;
  modes[2] = SURE_RUN_POOL;
  expect_refused(SURE_FAILED_PRECONDITION, 2);
}

static void a_key_on_a_volatile_store_is_refused_unless_allowed(void **state) {
  (void)state;
  const struct sure_method *culprit;
  methods[1].key_field = 1;
  expect_refused(SURE_FAILED_PRECONDITION, 1);
  store.allow_volatile_keys = true;
  assert_int_equal(SURE_OK, add(&culprit));
}

static void all_or_nothing_is_added_when_memory_is_short(void **state) {
  (void)state;
  const struct sure_method *culprit = NULL;
  failing_allocator_arm(1); /* the place for the service itself */
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, add(&culprit));
  assert_int_equal(0, registry.methods.count);
  for (size_t n = 0; n < 3; n++) {
    failing_allocator_arm(n + 2);
    expect_refused(SURE_RESOURCE_EXHAUSTED, n);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_mode_semantics_and_durability_has_its_plan),
      TEST(methods_are_found_by_their_id),
      TEST(a_service_is_added_once),
      TEST(a_registered_service_and_its_methods_are_known_by_name),
      TEST(two_methods_of_one_name_are_refused),
      TEST(a_table_of_another_abi_is_refused),
      TEST(an_id_that_is_not_that_of_the_name_is_refused),
      TEST(a_mode_that_breaks_the_promise_is_refused),
      TEST(a_key_on_a_volatile_store_is_refused_unless_allowed),
      TEST(all_or_nothing_is_added_when_memory_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
