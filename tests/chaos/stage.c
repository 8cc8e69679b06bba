#include "stage.h"

#include "random.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 20

int64_t stage_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t stage_dice(struct stage *stage, uint64_t min, uint64_t max) {
  return random_between(&stage->random, min, max);
}

bool stage_fail(struct stage *stage, const char *why) {
  stage->why = why;
  return false;
}

/* The clients after the first come through the proxy, so that requests and replies are also lost
 * at the worst moments; the first has the link to itself. */
static bool start_load(struct stage *stage, unsigned index) {
  const char *direct = network_direct_url(&stage->network);
  const char *url = index == 0 && direct != NULL ? direct : stage->cast.proxy_url;
  return cast_start_load(&stage->cast, index, stage->numbers[index], url, &stage->why);
}

static bool start_next_load(struct stage *stage, unsigned index) {
  stage->numbers[index] = stage->load_count++;
  return start_load(stage, index);
}

bool stage_open(struct stage *stage) {
  const char **why = &stage->why;
  if (!network_start_server(&stage->network, &stage->cast, why) ||
      !cast_start_proxy(&stage->cast, why)) {
    return false;
  }
  for (unsigned i = 0; i < LOADS; i++) {
    if (!start_next_load(stage, i)) {
      return false;
    }
  }
  stage->why = NULL;
  return true;
}

void stage_close(struct stage *stage) {
  cast_fini(&stage->cast);
}

static bool is_running(const struct child *child) {
  return child->pid > 0;
}

/* Take the results of loads that have ended, and start others in their place. */
static bool tend_loads(struct stage *stage) {
  for (unsigned i = 0; i < LOADS; i++) {
    struct child *load = &stage->cast.loads[i];
    if (!is_running(load) || !child_has_ended(load)) {
      continue;
    }
    if (!results_add(load, &stage->results, &stage->why) ||
        (!stage->is_closing && !start_next_load(stage, i))) {
      return false;
    }
  }
  return true;
}

static bool look(struct stage *stage) {
  nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
  if (!tend_loads(stage)) {
    return false;
  }
  stage->why = NULL;
  return true;
}

bool stage_run(struct stage *stage, int64_t ms) {
  int64_t until = stage_now_ms() + ms;
  while (stage_now_ms() < until) {
    if (!look(stage)) {
      return false;
    }
  }
  return true;
}

bool stage_kill_server(struct stage *stage) {
  bool runs;
  if (!stage_reap_server(stage, &runs)) {
    return false;
  }
  if (runs) {
    child_fini(&stage->cast.server);
    stage->counts.kills++;
  }
  return true;
}

bool stage_reap_server(struct stage *stage, bool *out_runs) {
  struct child *server = &stage->cast.server;
  *out_runs = is_running(server) && !child_has_ended(server);
  if (*out_runs || !is_running(server)) {
    return true;
  }
  int status = child_end(server, 0);
  child_fini(server);
  stage->counts.exits++;
  fprintf(stderr, "sure-chaos: the server ended by itself, with status %d\n", status);
  return status < 128 || stage_fail(stage, "the server crashed (see server.log)");
}

bool stage_start_server(struct stage *stage, bool is_hampered) {
  bool runs;
  if (!stage_reap_server(stage, &runs)) {
    return false;
  }
  if (runs || network_start_server(&stage->network, &stage->cast, &stage->why)) {
    stage->why = NULL;
    return true;
  }
  if (!is_hampered) {
    return false;
  }
  /* It has ended its output: it will end, too. */
  int status = child_end(&stage->cast.server, 0);
  child_fini(&stage->cast.server);
  stage->counts.exits++;
  stage->why = NULL;
  return status < 128 || stage_fail(stage, "the server crashed as it started (see server.log)");
}

bool stage_kill_client(struct stage *stage) {
  unsigned index = (unsigned)stage_dice(stage, 0, LOADS - 1);
  child_fini(&stage->cast.loads[index]);
  stage->counts.client_kills++;
  bool started = start_load(stage, index);
  stage->why = started ? NULL : stage->why;
  return started;
}

static uint64_t applied_in_journal(unsigned number) {
  char path[JOURNAL_NAME_LEN_MAX];
  char line[512];
  uint64_t applied = 0;
  cast_journal_name(number, path);
  FILE *journal = fopen(path, "r");
  if (journal == NULL) {
    return 0;
  }
  while (fgets(line, sizeof line, journal) != NULL) {
    applied += strstr(line, "\tapplied\t") != NULL;
  }
  fclose(journal);
  return applied;
}

uint64_t stage_applied(const struct stage *stage) {
  uint64_t applied = stage->results.charges;
  for (unsigned i = 0; i < LOADS; i++) {
    applied += is_running(&stage->cast.loads[i]) ? applied_in_journal(stage->numbers[i]) : 0;
  }
  return applied;
}

bool stage_finish(struct stage *stage) {
  stage->is_closing = true;
  for (unsigned i = 0; i < LOADS; i++) {
    while (is_running(&stage->cast.loads[i])) {
      if (!look(stage)) {
        return false;
      }
    }
  }
  return true;
}
