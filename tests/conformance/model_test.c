/* The store that is named on the command line against a dumb list, with ops at random. */
#include "tests/conformance/world.h"
#include "tests/lib/store_script.h"

static const struct factory *factory;

static struct sure_store *reopen(void *user) {
  struct world *world = user;
  world_reopen(world);
  return world->store;
}

static void play(unsigned seed) {
  static struct world world;
  static struct store_script script;
  uint8_t bytes[1200];
  srand(seed);
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(rand() >> 7);
  }
  world_init(&world, factory);
  world.limits = (struct limits){.session_records_max = SCRIPT_RECORDS_MAX};
  world.store = factory->open(&world);
  memset(&script, 0, sizeof script);
  script.store = world.store;
  script.model.is_durable = factory->durable;
  script.model.session_records_max = SCRIPT_RECORDS_MAX;
  script.reopen = factory->durable ? reopen : NULL;
  script.user = &world;
  script.data = bytes;
  script.len = sizeof bytes;
  while (store_script_step(&script)) {
  }
  if (script.problem[0] != '\0') {
    fail_msg("seed %u: %s", seed, script.problem);
  }
  assert_true(script.run_count > 0);
  world_fini(&world);
}

static void a_store_says_what_a_list_would_say(void **state) {
  (void)state;
  unsigned count = factory->durable ? 60 : 3000;
  for (unsigned seed = 1; seed <= count; seed++) {
    play(seed);
  }
}

int main(int argc, char **argv) {
  factory = argc > 1 && strcmp(argv[1], "sqlite") == 0 ? &sqlite_factory : &memory_factory;
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_store_says_what_a_list_would_say)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
