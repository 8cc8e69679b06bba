/* A server whose handler costs a fixed time of its only core. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sure/sure.h>
#include <time.h>
#include <unistd.h>

#include "bench.sure.h"
#include "overload.h"

struct work {
  uint64_t rounds; /* that take the cost of one call */
  atomic_uint_fast64_t effects;
};

void overload_pin(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0) {
    perror("sure-bench-overload: can't stay on one core");
  }
}

static uint64_t burn(uint64_t rounds) {
  volatile uint64_t x = 88172645463325252u;
  for (uint64_t i = 0; i < rounds; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

static double cpu_s(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Of processor time, so that the cost is the same whoever else is there. */
static uint64_t rounds_for(unsigned cost_us) {
  const uint64_t sample = 20000000;
  double begin = cpu_s();
  burn(sample);
  return (uint64_t)((double)sample * cost_us / 1e6 / (cpu_s() - begin));
}

/* The number of the effect is the reply, so that nobody else can have got it. */
static enum sure_code echo(void *user, struct sure_call *call,
                           const Sure__Bench__V1__EchoRequest *request,
                           Sure__Bench__V1__EchoReply *reply) {
  struct work *work = user;
  (void)call;
  (void)request;
  burn(work->rounds);
  reply->id = atomic_fetch_add(&work->effects, 1) + 1;
  return SURE_OK;
}

int overload_serve(const struct overload_options *options, int url_fd) {
  static const struct sure__bench__v1__bench_server handlers = {.echo = echo};
  overload_pin(0);
  struct work work = {.rounds = rounds_for(options->cost_us)};
  struct sure_server *server = NULL;
  struct sure_server_options server_options = {
      .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_WARNING},
      .pool_thread_count = 1,
      .concurrency_max = options->concurrency,
      .adapts_concurrency = options->adapts};
  int status = 1;
  if (sure_server_open(&server_options, &server) == SURE_OK &&
      sure__bench__v1__bench_server__register(server, &handlers, &work) == SURE_OK &&
      sure_server_listen(server, "tcp://127.0.0.1:0") == SURE_OK) {
    const char *url = sure_server_url(server, 0);
    if (write(url_fd, url, strlen(url) + 1) > 0) {
      close(url_fd);
      status = sure_server_run(server, 0) == SURE_OK ? 0 : 1;
    }
  }
  sure_server_free(server);
  return status;
}
