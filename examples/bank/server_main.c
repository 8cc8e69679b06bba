/* bank-server: the bank on SQLite. */
#include "handlers.h"
#include "ledger_schema.h"
#include "watch.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sure/sqlite.h>
#include <unistd.h>

#define LISTEN_MAX       16
#define EXIT_WRONG_INPUT 2
#define SECONDS_MAX      (7 * 24 * 3600)
#define URL_DEFAULT      "tcp://127.0.0.1:5001"
#define DATABASE_DEFAULT "bank.db"

const char *argp_program_version = "bank-server (Sure) 0.1.0";

struct arguments {
  const char *urls[LISTEN_MAX];
  size_t url_count;
  const char *database;
  const char *replica; /* NULL: this is the bank itself */
  uint32_t lease_s;
  uint32_t drain_s;
  bool verbose;
};

enum { OPTION_LEASE = 256, OPTION_DRAIN, OPTION_REPLICA };

static const struct argp_option options[] = {
    {"listen", 'l', "URL", 0,
     "Serve on tcp://HOST:PORT (port 0: a free one) or ipc:///PATH. May be "
     "given several times. Default: " URL_DEFAULT,
     0},
    {"database", 'd', "FILE", 0, "The ledger, made if it is not there. Default: " DATABASE_DEFAULT,
     0},
    {"replica", OPTION_REPLICA, "FILE", 0,
     "Serve this copy of the ledger, made by bank-copy, to those who can't reach the bank: "
     "balances "
     "as of its date, and no payments",
     0},
    {"lease", OPTION_LEASE, "SECONDS", 0,
     "A client's session that nobody is attached to takes no new calls after so long. Default: 60",
     0},
    {"drain", OPTION_DRAIN, "SECONDS", 0,
     "After SIGTERM, wait so long for running calls. Default: 30", 0},
    {"verbose", 'v', NULL, 0, "Say more on stderr", 0},
    {0}};

static uint32_t parse_seconds(struct argp_state *state, const char *text) {
  char *end;
  errno = 0;
  long seconds = strtol(text, &end, 10);
  if (errno || end == text || *end != '\0' || seconds < 1 || seconds > SECONDS_MAX) {
    argp_error(state, "'%s' is not a number of seconds from 1 to %d", text, SECONDS_MAX);
  }
  return (uint32_t)seconds;
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'l':
    if (arguments->url_count == LISTEN_MAX) {
      argp_error(state, "more than %d addresses to listen on", LISTEN_MAX);
    }
    arguments->urls[arguments->url_count++] = value;
    return 0;
  case 'd':
    arguments->database = value;
    return 0;
  case OPTION_REPLICA:
    arguments->replica = value;
    return 0;
  case OPTION_LEASE:
    arguments->lease_s = parse_seconds(state, value);
    return 0;
  case OPTION_DRAIN:
    arguments->drain_s = parse_seconds(state, value);
    return 0;
  case 'v':
    arguments->verbose = true;
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "'%s' is one word too many", value);
    return 0;
  case ARGP_KEY_END:
    if (arguments->replica != NULL && arguments->database != NULL) {
      argp_error(state, "a server has a --database or is a --replica");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp parser = {
    options,
    parse_option,
    NULL,
    "A small bank whose payments take effect exactly once.\v"
    "It prints \"listening on URL\" for each address once it serves there. SIGTERM and SIGINT make "
    "it answer the calls that run, take no new ones, and end; a second one ends it at once.\n\n"
    "Exit status: 0 after an end in good order; 1 if calls were cut off or the database failed; 2 "
    "if it could not start: wrong input, an address in use, a database that is not ours.",
    NULL,
    NULL,
    NULL};

static int complain(const char *what, const char *why) {
  fprintf(stderr, "bank-server: %s: %s\n", what, why);
  return EXIT_WRONG_INPUT;
}

static const char *listen_problem(enum sure_code code) {
  switch ((int)code) {
  case SURE_INVALID_ARGUMENT:
    return "not an address of this machine, such as tcp://127.0.0.1:5001 or ipc:///tmp/bank";
  case SURE_ALREADY_EXISTS:
    return "the address is in use";
  case SURE_PERMISSION_DENIED:
    return "not allowed";
  default:
    return sure_code_text(code);
  }
}

static int listen_on_all(struct sure_server *server, const struct arguments *arguments) {
  for (size_t i = 0; i < arguments->url_count; i++) {
    enum sure_code code = sure_server_listen(server, arguments->urls[i]);
    if (code) {
      return complain(arguments->urls[i], listen_problem(code));
    }
  }
  for (size_t i = 0; i < arguments->url_count; i++) {
    printf("listening on %s\n", sure_server_url(server, i));
  }
  return EXIT_SUCCESS;
}

/* What the library has to say. Until the server serves, main says what goes wrong, in one line. */
struct log {
  _Atomic bool serving;
  bool verbose;
};

static void write_log(void *user, enum sure_log_level level, const char *text) {
  const struct log *log = user;
  if (log->verbose || atomic_load(&log->serving)) {
    sure_log_to_stderr(NULL, level, text);
  }
}

static int serve(struct sure_server *server, struct bank_watch *watch,
                 const struct arguments *arguments, struct log *log) {
  enum sure_code code = bank_register(server, watch);
  if (code) {
    return complain("the service can't be offered", sure_code_text(code));
  }
  int status = listen_on_all(server, arguments);
  if (status) {
    return status;
  }
  atomic_store(&log->serving, true);
  code = sure_server_run(server, arguments->drain_s * 1000);
  if (code == SURE_OK) {
    return EXIT_SUCCESS;
  }
  complain("ended early",
           code == SURE_DEADLINE_EXCEEDED ? "some calls were cut off" : sure_code_text(code));
  return EXIT_FAILURE;
}

static int serve_from(struct sure_store *store, struct bank_watch *watch,
                      const struct arguments *arguments, struct sure_logger logger) {
  const struct sure_server_options server_options = {
      .store = store, .logger = logger, .session_lease_ms = arguments->lease_s * 1000};
  struct sure_server *server;
  enum sure_code code = sure_server_open(&server_options, &server);
  if (code) {
    return complain("can't start", sure_code_text(code));
  }
  int status = serve(server, watch, arguments, logger.user);
  sure_server_free(server);
  return status;
}

/* The signals that end the server wait from here on until sure_server_run takes them, so that one
 * that comes as soon as "listening" is read ends it in good order, too. */
static void hold_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/* A database made for a server which then could not listen goes: a wrong URL changes nothing. */
static void remove_new(const char *database) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-owners"};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(path, sizeof path, "%s%s", database, suffixes[i]);
    unlink(path);
  }
}

static int serve_replica(const struct arguments *arguments, struct sure_logger logger) {
  struct sure_store *store;
  char why[256];
  if (sure_sqlite_replica_open(arguments->replica, &store, why, sizeof why)) {
    return complain("can't open the copy", why);
  }
  int status = serve_from(store, NULL, arguments, logger);
  sure_store_free(store);
  return status;
}

static int serve_database(const struct arguments *arguments, struct sure_logger logger) {
  const char *path = arguments->database != NULL ? arguments->database : DATABASE_DEFAULT;
  const struct sure_sqlite_store_options store_options = {
      .path = path, .logger = logger, .schema = ledger_schema};
  bool is_new = access(path, F_OK) != 0;
  struct sure_store *store;
  char why[256];
  if (sure_sqlite_store_open(&store_options, &store, why, sizeof why)) {
    return complain("can't open the database", why);
  }
  struct bank_watch *watch = bank_watch_open(path);
  int status = watch ? serve_from(store, watch, arguments, logger)
                     : complain("can't watch the database", path);
  bank_watch_free(watch);
  sure_store_free(store);
  if (is_new && status == EXIT_WRONG_INPUT) {
    remove_new(path);
  }
  return status;
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  argp_err_exit_status = EXIT_WRONG_INPUT;
  setvbuf(stdout, NULL, _IOLBF, 0);
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  if (arguments.url_count == 0) {
    arguments.urls[arguments.url_count++] = URL_DEFAULT;
  }
  hold_signals();

  struct log log = {.verbose = arguments.verbose};
  const struct sure_logger logger = {.fn = write_log,
                                     .user = &log,
                                     .level_min =
                                         arguments.verbose ? SURE_LOG_DEBUG : SURE_LOG_WARNING};
  return arguments.replica != NULL ? serve_replica(&arguments, logger)
                                   : serve_database(&arguments, logger);
}
