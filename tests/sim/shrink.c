#include "tests/sim/shrink.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 2, TRIAL_SECONDS_MAX = 20, CHANGES_LEN_MAX = 2048 };

/* In a process of its own, as what fails may also end it. Too slow a trial is none. */
static bool still_fails(const struct sim_setup *setup) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(TRIAL_SECONDS_MAX);
    if (freopen("/dev/null", "w", stderr) == NULL) { /* where an assertion would be told of */
      _exit(EXIT_SUCCESS);
    }
    sim_run_setup(setup, NULL);
    _exit(sim.has_failed ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    abort();
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) != SIGALRM : WEXITSTATUS(status) != EXIT_SUCCESS;
}

/* The fields in which `plan` is not what the seed decided, as --set takes them. */
static void write_changes(const struct plan *plan, const struct plan *before, char *out) {
  size_t len = 0;
  out[0] = '\0';
  for (size_t i = 0; i < PLAN_FIELD_COUNT; i++) {
    const struct plan_field *field = &plan_fields[i];
    uint32_t value = *plan_at(plan, field);
    if (value != *plan_at(before, field) && len < CHANGES_LEN_MAX) {
      len += (size_t)snprintf(out + len, CHANGES_LEN_MAX - len, "%s%s=%u", len == 0 ? "" : ",",
                              field->name, value);
    }
  }
}

struct shrinking {
  struct sim_setup setup;
  struct plan before;
  struct plan plan; /* the smallest that failed */
  char changes[CHANGES_LEN_MAX];
};

static bool try_value(struct shrinking *s, const struct plan_field *field, uint32_t value) {
  uint32_t *place = (uint32_t *)(uintptr_t)plan_at(&s->plan, field);
  uint32_t was = *place;
  *place = value;
  write_changes(&s->plan, &s->before, s->changes);
  if (still_fails(&s->setup)) {
    return true;
  }
  *place = was;
  write_changes(&s->plan, &s->before, s->changes);
  return false;
}

/* As little of it as there may be, or else half, and half again. */
static void shrink_field(struct shrinking *s, const struct plan_field *field) {
  const uint32_t *value = plan_at(&s->plan, field);
  bool goes_on = *value > field->least && !try_value(s, field, field->least);
  while (goes_on && *value - field->least > 1) {
    goes_on = try_value(s, field, field->least + (*value - field->least) / 2);
  }
}

static void tell(const struct shrinking *s) {
  printf("the smallest story: sure-sim --seed %llu", (unsigned long long)s->setup.seed);
  if (s->setup.strikes_permille > 0) {
    printf(" --strikes %u", s->setup.strikes_permille);
  }
  printf("%s%s%s --trace\n", s->setup.uses_sqlite ? " --sqlite" : "",
         s->changes[0] == '\0' ? "" : " --set ", s->changes);
}

void shrink(const struct sim_setup *setup) {
  struct shrinking s = {.setup = *setup};
  sim_make_plan(setup);
  s.before = sim.plan;
  s.plan = sim.plan;
  s.setup.changes = s.changes;
  if (!still_fails(&s.setup)) {
    printf("seed %llu does not fail again by itself\n", (unsigned long long)setup->seed);
    return;
  }
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < PLAN_FIELD_COUNT; i++) {
      shrink_field(&s, &plan_fields[i]);
    }
  }
  tell(&s);
}
