/* sure-sim-mutants: wakes one planted bug after the other and shows that the simulator finds it. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/core/mutant.h"
#include "tests/sim/sim.h"

enum { SEEDS_MAX = 1500 };

enum sure__mutant sure__mutant;

static const struct {
  const char *name;
  const char *rule;
  const char *store; /* where it is looked for */
  struct sim_setup setup;
} mutants[] = {
#define MUTANT_ROW(name, rule) {#name, rule, "memory", {0}},
    SURE__MUTANT_LIST(MUTANT_ROW)
#undef MUTANT_ROW
#define MUTANT_ROW(name, rule)                                                                     \
  {#name, rule, "memory, clocks", {.changes = "server_count=3,skew_every_ms=100"}},
        SURE__MUTANT_CLOCKS_LIST(MUTANT_ROW)
#undef MUTANT_ROW
#define MUTANT_ROW(name, rule) {#name, rule, "SQLite", {.uses_sqlite = true}},
            SURE__MUTANT_SQLITE_LIST(MUTANT_ROW)
#undef MUTANT_ROW
#define MUTANT_ROW(name, rule)                                                                     \
  {#name, rule, "SQLite, bank", {.uses_sqlite = true, .changes = "bank_permille=1000"}},
                SURE__MUTANT_BANK_LIST(MUTANT_ROW)
#undef MUTANT_ROW
};

/* What a run told: which seed it was at, and why it failed. */
struct finding {
  unsigned seed;
  bool is_caught;
  char reason[sizeof sim.reason];
};

/* In a process of its own, as a bug may also end it. */
static void hunt(enum sure__mutant mutant, int out) {
  struct finding finding = {0};
  struct sim_setup setup = mutants[mutant - 1].setup;
  sure__mutant = mutant;
  while (finding.seed < SEEDS_MAX && !finding.is_caught) {
    finding.seed++;
    (void)snprintf(finding.reason, sizeof finding.reason, "the library stopped itself");
    (void)lseek(out, 0, SEEK_SET);
    if (write(out, &finding, sizeof finding) != sizeof finding) {
      break;
    }
    setup.seed = finding.seed;
    sim_run_setup(&setup, NULL);
    finding.is_caught = sim.has_failed;
    memcpy(finding.reason, sim.reason, sizeof finding.reason);
  }
  (void)lseek(out, 0, SEEK_SET);
  _exit(write(out, &finding, sizeof finding) == sizeof finding ? 0 : 1);
}

static struct finding find(enum sure__mutant mutant) {
  struct finding finding = {0};
  FILE *file = tmpfile();
  fflush(stdout);
  pid_t child = file == NULL ? -1 : fork();
  if (child == 0) {
    (void)freopen("/dev/null", "w", stderr); /* what an assertion says is expected here */
    hunt(mutant, fileno(file));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || fseek(file, 0, SEEK_SET) != 0 ||
      fread(&finding, sizeof finding, 1, file) != 1) {
    abort();
  }
  finding.is_caught = finding.is_caught || WIFSIGNALED(status);
  (void)fclose(file);
  return finding;
}

/* As a row of the table in docs/testing.md. */
static void tell(size_t i, const struct finding *finding) {
  printf("| %s | %s | %s | %u | %s |\n", mutants[i].name, mutants[i].rule, mutants[i].store,
         finding->seed, finding->is_caught ? finding->reason : "MISSED");
}

int main(int argc, char **argv) {
  const char *wanted = argc > 1 ? argv[1] : NULL;
  unsigned caught = 0;
  unsigned missed = 0;
  printf("| bug | breaks | store | seeds | what the checker said |\n|---|---|---|---|---|\n");
  for (size_t i = 0; i < sizeof mutants / sizeof mutants[0]; i++) {
    if (wanted == NULL || strcmp(wanted, mutants[i].name) == 0) {
      struct finding finding = find((enum sure__mutant)(i + 1));
      tell(i, &finding);
      caught += finding.is_caught;
      missed += !finding.is_caught;
    }
  }
  printf("SURE MUTANTS %s caught=%u missed=%u\n", missed == 0 ? "OK" : "FAILED", caught, missed);
  return missed == 0 && caught > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
