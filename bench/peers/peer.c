#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "run.h"

uint64_t peer_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void peer_fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

void peer_ready(const char *address) {
  printf("%s\n", address);
  fflush(stdout);
}

static void end_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGINT);
}

void peer_wait_for_end(void) {
  sigset_t set;
  int number;
  end_signals(&set);
  sigwait(&set, &number);
}

static void print_usage(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("cpu %.3f peak %ld\n", cpu, usage.ru_maxrss);
}

/* ADDRESS SCENARIO COUNT SECONDS [PAYLOAD] */
static int be_client(char **arguments) {
  struct peer_run run = {.scenario = arguments[1],
                         .mutex = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER,
                         .payload_len = PEER_PAYLOAD_LEN};
  unsigned count = (unsigned)strtoul(arguments[2], NULL, 10);
  if (arguments[4] != NULL) {
    run.payload_len = strtoul(arguments[4], NULL, 10);
  }
  run.payload = calloc(1, run.payload_len + 1);
  uint64_t begun_ns = peer_now_ns();
  run.end_ns = begun_ns + (uint64_t)(strtod(arguments[3], NULL) * 1e9);
  bool has_run = run.payload != NULL && run_scenario(&run, arguments[0], count);
  const struct histogram *latencies = &run.latencies;
  if (has_run && latencies->count > 0) {
    printf("calls %llu seconds %.3f p50 %.1f p99 %.1f p999 %.1f ",
           (unsigned long long)latencies->count, (double)(run.last_ns - begun_ns) / 1e9,
           histogram_percentile_us(latencies, 0.5), histogram_percentile_us(latencies, 0.99),
           histogram_percentile_us(latencies, 0.999));
    print_usage();
  }
  free(run.payload);
  return has_run && latencies->count > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  sigset_t set;
  end_signals(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
  if ((argc == 2 || argc == 3) && strcmp(argv[1], "server") == 0) {
    bool has_served = peer_serve(argv[2]);
    print_usage();
    return has_served ? 0 : 1;
  }
  if ((argc == 6 || argc == 7) && strcmp(argv[1], "client") == 0) {
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return be_client(argv + 2);
  }
  fprintf(stderr,
          "usage: %s server [PATH]\n"
          "       %s client ADDRESS unary|open|blocking|stream|... COUNT SECONDS [PAYLOAD]\n",
          argv[0], argv[0]);
  return 2;
}
