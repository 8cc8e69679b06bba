#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sure/sqlite.h>
#include <sure/sure.h>
#include <unistd.h>

#include "bench.sure.h"

enum { ACCOUNT_COUNT = 64 };

static enum sure_code echo(void *user, struct sure_call *call,
                           const Sure__Bench__V1__EchoRequest *request,
                           Sure__Bench__V1__EchoReply *reply) {
  (void)user;
  (void)call;
  reply->id = request->id;
  reply->payload = request->payload; /* lives as long as the call */
  return SURE_OK;
}

struct statements {
  sqlite3 *database;
  sqlite3_stmt *add;
};

static enum sure_code charge(void *user, struct sure_call *call,
                             const Sure__Bench__V1__ChargeRequest *request,
                             Sure__Bench__V1__ChargeReply *reply) {
  struct statements *statements = user;
  sqlite3 *database = sure_call_sqlite(call);
  if (statements->database != database) {
    sqlite3_finalize(statements->add);
    statements->database = database;
    sqlite3_prepare_v3(database,
                       "UPDATE bench_accounts SET balance = balance - ?2 WHERE id = ?1 "
                       "RETURNING balance",
                       -1, SQLITE_PREPARE_PERSISTENT, &statements->add, NULL);
  }
  sqlite3_bind_int64(statements->add, 1, request->account % ACCOUNT_COUNT);
  sqlite3_bind_int64(statements->add, 2, request->amount);
  int step = sqlite3_step(statements->add);
  if (step == SQLITE_ROW) {
    reply->balance = sqlite3_column_int64(statements->add, 0);
  }
  sqlite3_reset(statements->add);
  return step == SQLITE_ROW ? SURE_OK : sure_call_fail(call, SURE_INTERNAL, "no such account");
}

static enum sure_code make_accounts(void *user, sqlite3 *database, bool is_new,
                                    const char **out_message) {
  (void)user;
  (void)out_message;
  if (!is_new) {
    return SURE_OK;
  }
  int error = sqlite3_exec(database,
                           "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER);"
                           "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
                           "WHERE i < 63) INSERT INTO bench_accounts SELECT i, 0 FROM n;",
                           NULL, NULL, NULL);
  return error == SQLITE_OK ? SURE_OK : SURE_INTERNAL;
}

static const struct sure__bench__v1__bench_server handlers = {.echo = echo, .charge = charge};

static enum sure_code open_store(const struct bench_options *options,
                                 struct sure_store **out_store) {
  if (!options->is_durable) {
    return sure_memory_store_open(NULL, out_store);
  }
  char problem[256] = "";
  enum sure_code code = sure_sqlite_store_open(
      &(struct sure_sqlite_store_options){.path = options->database, .schema = make_accounts},
      out_store, problem, sizeof problem);
  if (code != SURE_OK) {
    fprintf(stderr, "sure-bench: %s\n", problem);
  }
  return code;
}

int bench_serve(const struct bench_options *options, int url_fd) {
  struct sure_store *store = NULL;
  struct sure_server *server = NULL;
  struct statements statements = {0};
  if (open_store(options, &store) != SURE_OK) {
    return 1;
  }
  int status = 1;
  struct sure_server_options server_options = {
      .store = store, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_WARNING}};
  if (sure_server_open(&server_options, &server) == SURE_OK &&
      (options->is_durable ||
       sure_server_set_run_mode(server, "sure.bench.v1.Bench", SURE_RUN_INLINE) == SURE_OK) &&
      sure__bench__v1__bench_server__register(server, &handlers, &statements) == SURE_OK &&
      sure_server_listen(server, options->url) == SURE_OK) {
    const char *url = sure_server_url(server, 0);
    if (write(url_fd, url, strlen(url) + 1) > 0) {
      close(url_fd);
      status = sure_server_run(server, 0) == SURE_OK ? 0 : 1;
    }
  }
  server = sure_server_free(server);
  sqlite3_finalize(statements.add);
  sure_store_free(store);
  return status;
}
