/* sure-bench: calls per second between two processes over loopback. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { OPTION_SERVE = 1000, URL_LEN_MAX = 256 };

struct arguments {
  struct bench_options options;
  int serve_fd; /* -1: this is the client */
};

static const struct argp_option option_list[] = {
    {"durable", 'd', 0, 0, "Charges into SQLite, with fsync, rather than echoes", 0},
    {"outstanding", 'n', "COUNT", 0, "Calls open at a time (64)", 0},
    {"seconds", 's', "SECONDS", 0, "How long to measure (3)", 0},
    {"url", 'u', "URL", 0, "Where to listen (tcp://127.0.0.1:0)", 0},
    {"database", 'f', "FILE", 0, "Of --durable (sure-bench.db, removed before and after)", 0},
    {"serve", OPTION_SERVE, "FD", OPTION_HIDDEN, "Be the server; write the URL to FD", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  struct bench_options *options = &arguments->options;
  switch (key) {
  case 'd':
    options->is_durable = true;
    return 0;
  case 'n':
    options->outstanding = (unsigned)strtoul(text, NULL, 10);
    return 0;
  case 's':
    options->seconds = (unsigned)strtoul(text, NULL, 10);
    return 0;
  case 'u':
    options->url = text;
    return 0;
  case 'f':
    options->database = text;
    return 0;
  case OPTION_SERVE:
    arguments->serve_fd = (int)strtol(text, NULL, 10);
    return 0;
  case ARGP_KEY_END:
    if (options->outstanding < 1 || options->outstanding > 4000 || options->seconds < 1) {
      argp_error(state, "--outstanding takes 1 to 4000, --seconds at least 1");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void remove_database(const char *path) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-owners"};
  char name[4096];
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    unlink(name);
  }
}

/* A process of its own, so that the two sides share no lock and no allocator. */
static pid_t start_server(const struct bench_options *options, char *url, size_t url_size) {
  int ends[2];
  if (pipe(ends) != 0) {
    return -1;
  }
  pid_t pid = fork();
  if (pid == 0) {
    char fd[16];
    close(ends[0]);
    snprintf(fd, sizeof fd, "%d", ends[1]);
    execl("/proc/self/exe", "sure-bench", "--serve", fd, "--url", options->url, "--database",
          options->database, options->is_durable ? "--durable" : NULL, (char *)NULL);
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

static int measure(const struct bench_options *options) {
  char url[URL_LEN_MAX];
  pid_t server = start_server(options, url, sizeof url);
  if (server < 0) {
    fprintf(stderr, "sure-bench: the server did not start\n");
    return 1;
  }
  struct bench_options client_options = *options;
  client_options.url = url;
  struct bench_result result;
  bool has_run = bench_call(&client_options, &result);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  if (!has_run || result.failures > 0) {
    fprintf(stderr, "sure-bench: calls failed\n");
    return 1;
  }
  printf("%s outstanding=%u calls=%llu seconds=%.2f calls_per_second=%.0f\n",
         options->is_durable ? "charge-sqlite" : "echo-memory", options->outstanding,
         (unsigned long long)result.calls, result.seconds, (double)result.calls / result.seconds);
  return 0;
}

int main(int argc, char **argv) {
  struct arguments arguments = {.options = {.outstanding = 64,
                                            .seconds = 3,
                                            .url = "tcp://127.0.0.1:0",
                                            .database = "sure-bench.db"},
                                .serve_fd = -1};
  const struct argp argp = {
      option_list, parse, NULL, "Measure calls per second between two processes over loopback.",
      NULL,        NULL,  NULL};
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);
  if (arguments.serve_fd >= 0) {
    return bench_serve(&arguments.options, arguments.serve_fd);
  }
  if (arguments.options.is_durable) {
    remove_database(arguments.options.database);
  }
  int status = measure(&arguments.options);
  if (arguments.options.is_durable) {
    remove_database(arguments.options.database);
  }
  return status;
}
