#include "peer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Latencies in buckets that are 1/32 of their power of two wide. */
enum { SUB_BITS = 5, BUCKETS = 64 << SUB_BITS };

struct peer_run {
  uint64_t begun_ns;
  uint64_t end_ns;
  uint64_t last_ns;
  uint64_t count;
  uint64_t buckets[BUCKETS];
};

uint64_t peer_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
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

/* ---- latencies ---- */

static size_t bucket_of(uint64_t ns) {
  if (ns < 1u << SUB_BITS) {
    return (size_t)ns;
  }
  unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
  uint64_t part = (ns >> (exponent - SUB_BITS)) & ((1u << SUB_BITS) - 1);
  return ((exponent - SUB_BITS + 1) << SUB_BITS) + (size_t)part;
}

static double bucket_us(size_t bucket) {
  size_t exponent = bucket >> SUB_BITS;
  size_t part = bucket & ((1u << SUB_BITS) - 1);
  if (exponent == 0) {
    return (double)part / 1000;
  }
  return (double)((part + (1u << SUB_BITS)) << (exponent - 1)) / 1000;
}

static double percentile_us(const struct peer_run *run, double share) {
  uint64_t wanted = (uint64_t)((double)run->count * share);
  uint64_t seen = 0;
  for (size_t i = 0; i < BUCKETS; i++) {
    seen += run->buckets[i];
    if (seen > wanted) {
      return bucket_us(i);
    }
  }
  return 0;
}

bool peer_count(struct peer_run *run, uint64_t begun_ns) {
  run->last_ns = peer_now_ns();
  run->buckets[bucket_of(run->last_ns - begun_ns)]++;
  run->count++;
  return run->last_ns < run->end_ns;
}

bool peer_is_over(const struct peer_run *run) {
  return run->last_ns >= run->end_ns;
}

/* ---- the program ---- */

static void print_usage(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("cpu %.3f peak %ld\n", cpu, usage.ru_maxrss);
}

/* ---- calls that block ---- */

struct caller {
  pthread_t thread;
  void *connection;
  struct peer_run run; /* its own */
  bool has_failed;
};

static void *call_and_wait(void *user) {
  struct caller *caller = user;
  bool goes_on = true;
  while (goes_on && !caller->has_failed) {
    uint64_t begun_ns = peer_now_ns();
    caller->has_failed = !peer_call_and_wait(caller->connection);
    goes_on = peer_count(&caller->run, begun_ns);
  }
  return NULL;
}

static void add(struct peer_run *run, const struct peer_run *part) {
  run->count += part->count;
  run->last_ns = part->last_ns > run->last_ns ? part->last_ns : run->last_ns;
  for (size_t i = 0; i < BUCKETS; i++) {
    run->buckets[i] += part->buckets[i];
  }
}

static bool block(struct peer_run *run, const char *address, unsigned thread_count) {
  void *connection = peer_connect(address);
  struct caller *callers = calloc(thread_count, sizeof *callers);
  bool has_run = connection != NULL && callers != NULL;
  unsigned begun_count = 0;
  for (; has_run && begun_count < thread_count; begun_count++) {
    struct caller *caller = &callers[begun_count];
    caller->connection = connection;
    caller->run = *run;
    has_run = pthread_create(&caller->thread, NULL, call_and_wait, caller) == 0;
  }
  for (unsigned i = 0; i < begun_count; i++) {
    pthread_join(callers[i].thread, NULL);
    has_run = has_run && !callers[i].has_failed;
    add(run, &callers[i].run);
  }
  free(callers);
  if (connection != NULL) {
    peer_disconnect(connection);
  }
  return has_run;
}

static bool measure(struct peer_run *run, const char *scenario, const char *address,
                    unsigned count) {
  if (strcmp(scenario, "unary") == 0) {
    return peer_call(run, address, count);
  }
  if (strcmp(scenario, "unrecorded") == 0) {
    return peer_call_unrecorded(run, address, count);
  }
  if (strcmp(scenario, "blocking") == 0) {
    return block(run, address, count);
  }
  return strcmp(scenario, "stream") == 0 && peer_pour(run, address);
}

static int be_client(char **arguments) {
  struct peer_run *run = calloc(1, sizeof *run);
  if (run == NULL) {
    return 1;
  }
  run->begun_ns = peer_now_ns();
  run->end_ns = run->begun_ns + (uint64_t)(strtod(arguments[3], NULL) * 1e9);
  unsigned count = (unsigned)strtoul(arguments[2], NULL, 10);
  bool has_run = measure(run, arguments[1], arguments[0], count) && run->count > 0;
  if (has_run) {
    printf("calls %llu seconds %.3f p50 %.1f p99 %.1f p999 %.1f ", (unsigned long long)run->count,
           (double)(run->last_ns - run->begun_ns) / 1e9, percentile_us(run, 0.5),
           percentile_us(run, 0.99), percentile_us(run, 0.999));
    print_usage();
  }
  free(run);
  return has_run ? 0 : 1;
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
  if (argc == 6 && strcmp(argv[1], "client") == 0) {
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return be_client(argv + 2);
  }
  fprintf(stderr,
          "usage: %s server [PATH]\n"
          "       %s client ADDRESS unary|unrecorded|blocking|stream COUNT SECONDS\n",
          argv[0], argv[0]);
  return 2;
}
