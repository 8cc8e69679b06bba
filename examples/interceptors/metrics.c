#include "metrics.h"

#include <inttypes.h>

static enum sure_code handler_begins(void *user, struct sure_call *call, uint64_t *slot) {
  struct metrics *metrics = user;
  (void)call;
  (void)slot;
  atomic_fetch_add(&metrics->running, 1);
  return SURE_OK;
}

static void handler_ended(void *user, struct sure_call *call, enum sure_code code, uint64_t slot) {
  struct metrics *metrics = user;
  (void)call;
  (void)slot;
  atomic_fetch_sub(&metrics->running, 1);
  atomic_fetch_add(&metrics->ended[code], 1);
}

struct sure_server_interceptor metrics_interceptor(struct metrics *metrics) {
  return (struct sure_server_interceptor){.version = SURE_INTERCEPTOR_VERSION,
                                          .user = metrics,
                                          .handler_begins = handler_begins,
                                          .handler_ended = handler_ended};
}

void metrics_print(struct metrics *metrics, FILE *file) {
  fprintf(file, "# TYPE handlers_running gauge\nhandlers_running %" PRIu64 "\n",
          atomic_load(&metrics->running));
  fprintf(file, "# TYPE handlers_ended_total counter\n");
  for (int code = 0; code <= SURE_CODE_MAX; code++) {
    uint64_t count = atomic_load(&metrics->ended[code]);
    if (count > 0) {
      fprintf(file, "handlers_ended_total{code=\"%s\"} %" PRIu64 "\n",
              sure_code_name((enum sure_code)code), count);
    }
  }
}
