#include "logger.h"

#include <inttypes.h>
#include <time.h>

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static enum sure_code call_begins(void *user, const struct sure_outgoing *outgoing,
                                  uint64_t *slot) {
  (void)user;
  (void)outgoing;
  *slot = now_us();
  return SURE_OK;
}

static void call_ended(void *user, const struct sure_method *method,
                       const struct sure_status *status, uint64_t slot) {
  FILE *file = user;
  fprintf(file, "%s %s, %s, attempts: %" PRIu32 ", %.1f ms\n", method->full_name,
          sure_code_name(sure_status_code(status)), sure_outcome_name(sure_status_outcome(status)),
          sure_status_attempts(status), (double)(now_us() - slot) / 1000);
}

struct sure_client_interceptor logger_interceptor(FILE *file) {
  return (struct sure_client_interceptor){.version = SURE_INTERCEPTOR_VERSION,
                                          .user = file,
                                          .call_begins = call_begins,
                                          .call_ended = call_ended};
}
