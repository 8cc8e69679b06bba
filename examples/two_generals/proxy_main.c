/* sure-lossy-proxy: the proxy as a program, for demos and tests. */
#include "proxy.h"

#include <argp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct arguments {
  struct proxy_options proxy;
  bool write_stats;
};

enum { KEY_SEED = 0x100, KEY_FAULTS, KEY_STATS };

static const struct argp_option options[] = {
    {"listen", 'l', "URL", 0, "Where clients connect (tcp://127.0.0.1:0)", 0},
    {"target", 't', "URL", 0, "The server: tcp://host:port or ipc:///path", 0},
    {"loss", 'p', "PROBABILITY", 0, "Of a fault, for each request and each reply: 0 to 1 (0)", 0},
    {"seed", KEY_SEED, "NUMBER", 0, "The same number, the same dice (1)", 0},
    {"faults", KEY_FAULTS, "LIST", 0,
     "Some of cut-request,cut-after,cut-reply,cut-mid,hole-up,hole-down,late,replay "
     "(all)",
     0},
    {"stats-on-exit", KEY_STATS, NULL, 0, "Write counts as a line of JSON when told to stop", 0},
    {0},
};

static void parse_loss(double *out_loss, const char *text, struct argp_state *state) {
  char *end = NULL;
  *out_loss = strtod(text, &end);
  if (end == text || *end != '\0' || !(*out_loss >= 0 && *out_loss <= 1)) {
    argp_error(state, "--loss wants a number from 0 to 1, not '%s'", text);
  }
}

static void parse_seed(uint64_t *out_seed, const char *text, struct argp_state *state) {
  char *end = NULL;
  *out_seed = strtoull(text, &end, 10);
  if (end == text || *end != '\0') {
    argp_error(state, "--seed wants a number, not '%s'", text);
  }
}

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'l':
    arguments->proxy.listen = text;
    return 0;
  case 't':
    arguments->proxy.target = text;
    return 0;
  case 'p':
    parse_loss(&arguments->proxy.loss, text, state);
    return 0;
  case KEY_SEED:
    parse_seed(&arguments->proxy.seed, text, state);
    return 0;
  case KEY_FAULTS:
    arguments->proxy.faults = proxy_parse_faults(text);
    if (arguments->proxy.faults == 0) {
      argp_error(state, "unknown fault in '%s'", text);
    }
    return 0;
  case KEY_STATS:
    arguments->write_stats = true;
    return 0;
  case ARGP_KEY_END:
    if (arguments->proxy.target == NULL) {
      argp_error(state, "--target must be given");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* A descriptor that is readable once the process was asked to end. */
static int open_stop_fd(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return sigprocmask(SIG_BLOCK, &signals, NULL) == 0 ? signalfd(-1, &signals, SFD_CLOEXEC) : -1;
}

int main(int argc, char **argv) {
  static const struct argp argp = {
      .options = options,
      .parser = parse,
      .doc = "Passes bytes between clients and a server of Sure, and loses some at the worst "
             "moments.\vPrints 'listening on URL' when ready. Ends on SIGTERM or SIGINT."};
  struct arguments arguments = {.proxy = {.listen = "tcp://127.0.0.1:0", .seed = 1}};
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);

  int stop_fd = open_stop_fd();
  char error[PROXY_ERROR_LEN_MAX] = "can't wait for signals";
  struct proxy *proxy = stop_fd < 0 ? NULL : proxy_open(&arguments.proxy, error);
  if (proxy == NULL) {
    fprintf(stderr, "sure-lossy-proxy: %s\n", error);
    return 2;
  }
  printf("listening on %s\n", proxy_url(proxy));
  fflush(stdout);
  proxy_run(proxy, stop_fd);
  if (arguments.write_stats) {
    struct proxy_stats stats = proxy_stats(proxy);
    proxy_write_stats(&stats, stdout);
  }
  proxy_free(proxy);
  close(stop_fd);
  return fflush(stdout) == 0 ? 0 : 1;
}
