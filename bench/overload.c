/* sure-bench-overload: what a server at its limit still gets done when three times as much is asked
 * of it. The server has one core to itself, the load another. */
#include "overload.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTION_SERVE = 1000, URL_LEN_MAX = 256 };

/* Shares of the capacity that are offered, in per cent; the peak is looked for in all but the last,
 * which is the overload. */
static const unsigned shares[] = {50, 80, 100, 120, 300};
enum { STEPS = sizeof shares / sizeof shares[0] };

/* Of the peak, and of the memory before the overload, in per cent. */
enum { GOODPUT_MIN = 90, MEMORY_MAX = 150 };

struct arguments {
  struct overload_options options;
  int serve_fd; /* -1: this is the load */
};

static const struct argp_option option_list[] = {
    {"adaptive", 'a', 0, 0, "The server finds its limit, up to --concurrency", 0},
    {"concurrency", 'c', "CALLS", 0, "The server's limit (32)", 0},
    {"cost", 'u', "MICROSECONDS", 0, "Of one call in the handler (1000)", 0},
    {"seconds", 's', "SECONDS", 0, "Of each step (5)", 0},
    {"serve", OPTION_SERVE, "FD", OPTION_HIDDEN, "Be the server; write the URL to FD", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  struct overload_options *options = &arguments->options;
  unsigned number = text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);
  switch (key) {
  case 'a':
    options->adapts = true;
    return 0;
  case 'c':
    options->concurrency = number;
    return 0;
  case 'u':
    options->cost_us = number;
    return 0;
  case 's':
    options->seconds = number;
    return 0;
  case OPTION_SERVE:
    arguments->serve_fd = (int)number;
    return 0;
  case ARGP_KEY_END:
    if (options->concurrency < 1 || options->cost_us < 1 || options->cost_us > 100000 ||
        options->seconds < 1) {
      argp_error(state, "--concurrency and --seconds take 1 or more, --cost 1 to 100000");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static pid_t start_server(const struct overload_options *options, char *url, size_t url_size) {
  int ends[2];
  if (pipe(ends) != 0) {
    return -1;
  }
  pid_t pid = fork();
  if (pid == 0) {
    char fd[16];
    char cost[16];
    char concurrency[16];
    close(ends[0]);
    snprintf(fd, sizeof fd, "%d", ends[1]);
    snprintf(cost, sizeof cost, "%u", options->cost_us);
    snprintf(concurrency, sizeof concurrency, "%u", options->concurrency);
    execl("/proc/self/exe", "sure-bench-overload", "--serve", fd, "--cost", cost, "--concurrency",
          concurrency, options->adapts ? "--adaptive" : NULL, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  ssize_t len = pid < 0 ? -1 : read(ends[0], url, url_size - 1);
  close(ends[0]);
  if (len <= 0) {
    return -1;
  }
  url[len] = '\0';
  return pid;
}

static long rss_kib(pid_t pid) {
  char path[64];
  char line[128];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "VmRSS:", 6) == 0) {
      kib = strtol(line + 6, NULL, 10);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return kib;
}

static double goodput(const struct overload_step *step) {
  return (double)step->ok / step->seconds;
}

static bool run_steps(pid_t server, const char *url, const struct overload_options *options,
                      struct overload_step *steps) {
  printf("%9s %9s %9s %8s %8s %6s %6s %9s\n", "offered/s", "goodput/s", "refused", "unknown",
         "doubled", "p50 ms", "p99 ms", "server MB");
  for (int i = 0; i < STEPS; i++) {
    struct overload_step *step = &steps[i];
    step->offered_per_s = 10000 * shares[i] / options->cost_us;
    if (!overload_run(url, options, step)) {
      return false;
    }
    step->server_rss_kib = rss_kib(server);
    printf("%9u %9.0f %9llu %8llu %8llu %6u %6u %9.1f\n", step->offered_per_s, goodput(step),
           (unsigned long long)step->refused, (unsigned long long)step->unknown,
           (unsigned long long)step->doubled, step->p50_ms, step->p99_ms,
           (double)step->server_rss_kib / 1024);
    fflush(stdout);
  }
  return true;
}

/* 0: it has held. */
static int judge(const struct overload_step *steps) {
  const struct overload_step *over = &steps[STEPS - 1];
  const struct overload_step *before = &steps[STEPS - 2];
  double peak = 0;
  uint64_t bad = over->unknown + over->doubled;
  for (int i = 0; i < STEPS - 1; i++) {
    peak = goodput(&steps[i]) > peak ? goodput(&steps[i]) : peak;
    bad += steps[i].unknown + steps[i].doubled;
  }
  double share = 100 * goodput(over) / peak;
  double memory = 100 * (double)over->server_rss_kib / (double)before->server_rss_kib;
  bool has_held = share >= GOODPUT_MIN && memory <= MEMORY_MAX && bad == 0;
  printf("SURE OVERLOAD %s peak=%.0f at_three_times=%.0f share=%.0f%% memory=%.0f%% "
         "lost_or_doubled=%llu\n",
         has_held ? "OK" : "FAILED", peak, goodput(over), share, memory, (unsigned long long)bad);
  return has_held ? 0 : 1;
}

int main(int argc, char **argv) {
  struct arguments arguments = {.options = {.cost_us = 1000, .concurrency = 32, .seconds = 5},
                                .serve_fd = -1};
  const struct argp argp = {
      option_list, parse, NULL, "Offer a server up to three times what it can do.",
      NULL,        NULL,  NULL};
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);
  if (arguments.serve_fd >= 0) {
    return overload_serve(&arguments.options, arguments.serve_fd);
  }
  char url[URL_LEN_MAX];
  struct overload_step steps[STEPS] = {{0}};
  pid_t server = start_server(&arguments.options, url, sizeof url);
  if (server < 0) {
    fprintf(stderr, "sure-bench-overload: the server did not start\n");
    return 1;
  }
  overload_pin(1);
  bool has_run = run_steps(server, url, &arguments.options, steps);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  if (!has_run) {
    fprintf(stderr, "sure-bench-overload: no channel to the server\n");
    return 1;
  }
  return judge(steps);
}
