/* The server that the end-to-end tests start, stop and kill. It speaks to its test over file
 * descriptor 3: first its address and a newline, then a byte whenever a handler has done its work
 * and waits, which goes on when it gets a byte back. */
#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sqlite.h>
#include <sure/sure.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "e2e.sure.h"

enum { CONTROL_FD = 3 };

struct sum {
  int64_t total;
  uint64_t effects;
};

struct counter {
  struct sure_server *server;
  atomic_uint_fast64_t runs;
  pthread_mutex_t lock; /* guards what follows, which is used with the memory store */
  struct sum sum;
};

struct arguments {
  const char *database;
  const char *url;
  struct sure_server_options options;
  struct sure_sqlite_store_options sqlite;
};

/* ---- the work ---- */

static bool read_sum(sqlite3 *database, struct sum *out_sum) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, "SELECT total(amount), count(*) FROM effects", -1, &statement,
                         NULL) != SQLITE_OK) {
    return false;
  }
  bool is_read = sqlite3_step(statement) == SQLITE_ROW;
  if (is_read) {
    out_sum->total = sqlite3_column_int64(statement, 0);
    out_sum->effects = (uint64_t)sqlite3_column_int64(statement, 1);
  }
  sqlite3_finalize(statement);
  return is_read;
}

static bool insert(sqlite3 *database, int64_t amount) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, "INSERT INTO effects (amount) VALUES (?1)", -1, &statement,
                         NULL) != SQLITE_OK) {
    return false;
  }
  sqlite3_bind_int64(statement, 1, amount);
  bool is_done = sqlite3_step(statement) == SQLITE_DONE;
  sqlite3_finalize(statement);
  return is_done;
}

static bool meet_test(void) {
  char byte = 'm';
  return write(CONTROL_FD, &byte, 1) == 1 && read(CONTROL_FD, &byte, 1) == 1;
}

static void add_in_memory(struct counter *counter, int64_t amount, struct sum *out_sum) {
  pthread_mutex_lock(&counter->lock);
  counter->sum.total += amount;
  counter->sum.effects++;
  *out_sum = counter->sum;
  pthread_mutex_unlock(&counter->lock);
}

/* What came beside the request goes back: what is named "echo-trailing..." at the end, the rest in
 * the beginning. */
static void echo_metadata(struct sure_call *call) {
  const struct sure_metadata *metadata = sure_call_metadata(call);
  for (size_t i = 0; i < sure_metadata_count(metadata); i++) {
    const char *key = sure_metadata_key(metadata, i);
    bool is_trailing = strncmp(key, "echo-trailing", 13) == 0;
    sure_metadata_add_bytes(is_trailing ? sure_call_trailing_metadata(call)
                                        : sure_call_initial_metadata(call),
                            key, sure_metadata_value(metadata, i));
  }
  if (sure_call_traceparent(call) != NULL) {
    sure_metadata_add(sure_call_initial_metadata(call), "seen-trace", sure_call_traceparent(call));
  }
}

static enum sure_code fail_as_told(struct sure_call *call,
                                   const Sure__E2e__V1__AddRequest *request) {
  sure_call_add_detail_message(call, &request->base);
  if (request->retry_after_ms != 0) {
    sure_call_retry_after(call, request->retry_after_ms);
  }
  return sure_call_fail(call, (enum sure_code)request->fail_code, "failed as it was told to");
}

static enum sure_code work(struct counter *counter, struct sure_call *call,
                           const Sure__E2e__V1__AddRequest *request, struct sum *out_sum) {
  atomic_fetch_add(&counter->runs, 1);
  echo_metadata(call);
  sqlite3 *database = sure_call_sqlite(call);
  bool is_done = database == NULL || insert(database, request->amount);
  if (request->meets && !meet_test()) {
    return sure_call_fail(call, SURE_INTERNAL, "the test is gone");
  }
  if (request->fail_code != 0) {
    return fail_as_told(call, request);
  }
  if (database == NULL) {
    add_in_memory(counter, request->amount, out_sum); /* nothing changes but on the way to OK */
    return SURE_OK;
  }
  return is_done && read_sum(database, out_sum) ? SURE_OK
                                                : sure_call_fail(call, SURE_INTERNAL, "SQLite");
}

/* ---- handlers ---- */

static enum sure_code add(void *user, struct sure_call *call,
                          const Sure__E2e__V1__AddRequest *request,
                          Sure__E2e__V1__AddReply *reply) {
  struct sum sum = {0};
  enum sure_code code = work(user, call, request, &sum);
  if (code == SURE_OK) {
    reply->total = sum.total;
    reply->ballast.len = request->reply_len;
    reply->ballast.data = sure_call_alloc(call, request->reply_len);
  }
  return code;
}

static enum sure_code add_keyed(void *user, struct sure_call *call,
                                const Sure__E2e__V1__AddKeyedRequest *request,
                                Sure__E2e__V1__AddReply *reply) {
  Sure__E2e__V1__AddRequest plain = SURE__E2E__V1__ADD_REQUEST__INIT;
  plain.amount = request->amount;
  plain.meets = request->meets;
  return add(user, call, &plain, reply);
}

static enum sure_code get(void *user, struct sure_call *call,
                          const Sure__E2e__V1__GetRequest *request,
                          Sure__E2e__V1__GetReply *reply) {
  struct counter *counter = user;
  struct sum sum;
  (void)request;
  if (sure_call_sqlite(call) == NULL) {
    pthread_mutex_lock(&counter->lock);
    sum = counter->sum;
    pthread_mutex_unlock(&counter->lock);
  } else if (!read_sum(sure_call_sqlite(call), &sum)) {
    return sure_call_fail(call, SURE_INTERNAL, "SQLite");
  }
  struct sure_server_stats stats;
  sure_server_get_stats(counter->server, &stats);
  reply->total = sum.total;
  reply->effects = sum.effects;
  reply->runs = atomic_load(&counter->runs);
  reply->joined = stats.joined;
  reply->replayed = stats.replayed;
  reply->stale = stats.stale;
  reply->protocol_errors = stats.protocol_errors;
  return SURE_OK;
}

static const struct sure__e2e__v1__counter_server handlers = {
    .add = add,
    .add_keyed = add_keyed,
    .add_at_most_once = add,
    .add_at_least_once = add,
    .get = get,
};

/* ---- the program ---- */

static enum sure_code make_tables(void *user, sqlite3 *database, bool is_new,
                                  const char **out_message) {
  (void)user;
  (void)out_message;
  const char *sql = "CREATE TABLE effects (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)";
  return !is_new || sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ? SURE_OK
                                                                               : SURE_INTERNAL;
}

static enum sure_code open_store(struct arguments *arguments, struct sure_store **out_store) {
  if (arguments->database == NULL) {
    return sure_memory_store_open(&(struct sure_memory_store_options){.allow_volatile_keys = true},
                                  out_store);
  }
  char problem[256] = "";
  arguments->sqlite.path = arguments->database;
  arguments->sqlite.schema = make_tables;
  enum sure_code code =
      sure_sqlite_store_open(&arguments->sqlite, out_store, problem, sizeof problem);
  if (code != SURE_OK) {
    fprintf(stderr, "e2e-server: %s\n", problem);
  }
  return code;
}

static bool tell_url(const struct sure_server *server) {
  char line[256];
  int len = snprintf(line, sizeof line, "%s\n", sure_server_url(server, 0));
  return write(CONTROL_FD, line, (size_t)len) == len;
}

/* The exit status: 0 when drained, 2 when it can't start, 3 when the drain was cut short. */
static int serve(const struct arguments *arguments, struct counter *counter) {
  int status = 2;
  if (sure_server_open(&arguments->options, &counter->server) == SURE_OK &&
      sure__e2e__v1__counter_server__register(counter->server, &handlers, counter) == SURE_OK &&
      sure_server_listen(counter->server, arguments->url) == SURE_OK && tell_url(counter->server)) {
    status = sure_server_run(counter->server, 0) == SURE_OK ? 0 : 3;
  }
  sure_server_free(counter->server);
  return status;
}

static const struct argp_option option_list[] = {
    {"database", 'd', "FILE", 0, "Keep everything in FILE, not in memory", 0},
    {"url", 'u', "URL", 0, "Listen there", 0},
    {"lease", 'l', "MS", 0, "Session lease", 0},
    {"busy", 'b', "MS", 0, "How long another process may hold the file", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'd':
    arguments->database = text;
    return 0;
  case 'u':
    arguments->url = text;
    return 0;
  case 'l':
    arguments->options.session_lease_ms = (uint32_t)strtoul(text, NULL, 10);
    return 0;
  case 'b':
    arguments->sqlite.busy_timeout_ms = (uint32_t)strtoul(text, NULL, 10);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* Tests signal as soon as they have the address, which may be before sure_server_run. */
static void block_stop_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int main(int argc, char **argv) {
  struct sure_logger logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR};
  struct arguments arguments = {
      .url = "tcp://127.0.0.1:0", .options = {.logger = logger}, .sqlite = {.logger = logger}};
  const struct argp argp = {option_list, parse, NULL, "Serve the end-to-end tests.",
                            NULL,        NULL,  NULL};
  block_stop_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that ends takes its servers with it */
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);
  struct counter counter = {.lock = PTHREAD_MUTEX_INITIALIZER};
  if (open_store(&arguments, &arguments.options.store) != SURE_OK) {
    return 2;
  }
  int status = serve(&arguments, &counter);
  sure_store_free(arguments.options.store);
  return status;
}
