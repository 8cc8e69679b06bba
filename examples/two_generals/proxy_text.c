/* Faults and counts of the proxy as text. */
#include "proxy.h"

#include <inttypes.h>
#include <string.h>

static const char *const fault_names[PROXY_FAULT_COUNT] = {
#define PROXY_FAULT_NAME(id, name, side) [PROXY_##id] = name,
    PROXY_FAULT_LIST(PROXY_FAULT_NAME)
#undef PROXY_FAULT_NAME
};

static uint32_t fault_bit(const char *name, size_t len) {
  for (uint32_t fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
    if (strlen(fault_names[fault]) == len && memcmp(fault_names[fault], name, len) == 0) {
      return 1u << fault;
    }
  }
  return 0;
}

uint32_t proxy_parse_faults(const char *list) {
  uint32_t faults = 0;
  for (;;) {
    size_t len = strcspn(list, ",");
    uint32_t bit = fault_bit(list, len);
    if (bit == 0) {
      return 0;
    }
    faults |= bit;
    if (list[len] == '\0') {
      return faults;
    }
    list += len + 1;
  }
}

void proxy_write_stats(const struct proxy_stats *stats, FILE *out) {
  fprintf(out, "{\"connections\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"responses\":%" PRIu64,
          stats->connections, stats->requests, stats->responses);
  fprintf(out, ",\"replays\":%" PRIu64 ",\"replay_answers\":%" PRIu64 ",\"faults\":{",
          stats->replays, stats->replay_answers);
  uint64_t sum = 0;
  for (int fault = 0; fault < PROXY_FAULT_COUNT; fault++) {
    fprintf(out, "%s\"%s\":%" PRIu64, fault == 0 ? "" : ",", fault_names[fault],
            stats->faults[fault]);
    sum += stats->faults[fault];
  }
  fprintf(out, "},\"faults_sum\":%" PRIu64 "}\n", sum);
}
