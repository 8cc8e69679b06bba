#include "durable.h"

#include <stdio.h>
#include <string.h>
#include <sure/sqlite.h>
#include <sure/sure.h>
#include <unistd.h>

#include "bench.sure.h"

const char durable_charge_sql[] =
    "UPDATE bench_accounts SET balance = balance - ?2 WHERE id = ?1 RETURNING balance";

bool durable_make_accounts(sqlite3 *database) {
  static const char sql[] = "CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER);"
                            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
                            "WHERE i < 63) INSERT INTO bench_accounts SELECT i, 0 FROM n;";
  return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
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
    sqlite3_prepare_v3(database, durable_charge_sql, -1, SQLITE_PREPARE_PERSISTENT,
                       &statements->add, NULL);
  }
  sqlite3_bind_int64(statements->add, 1, request->account % DURABLE_ACCOUNTS);
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
  return !is_new || durable_make_accounts(database) ? SURE_OK : SURE_INTERNAL;
}

static enum sure_code open_store(const char *database, struct sure_store **out_store) {
  char problem[256] = "";
  enum sure_code code = sure_sqlite_store_open(
      &(struct sure_sqlite_store_options){.path = database, .schema = make_accounts}, out_store,
      problem, sizeof problem);
  if (code != SURE_OK) {
    fprintf(stderr, "sure-bench-durable: %s\n", problem);
  }
  return code;
}

static bool tell_counts(struct sure_server *server, int fd) {
  struct sure_server_stats stats;
  sure_server_get_stats(server, &stats);
  const uint64_t counts[] = {stats.runs, stats.batches};
  return write(fd, counts, sizeof counts) == sizeof counts;
}

static bool serve(struct sure_server *server, struct statements *statements, int fd) {
  static const struct sure__bench__v1__bench_server handlers = {.charge = charge};
  if (sure__bench__v1__bench_server__register(server, &handlers, statements) != SURE_OK ||
      sure_server_listen(server, "tcp://127.0.0.1:0") != SURE_OK) {
    return false;
  }
  const char *url = sure_server_url(server, 0);
  return write(fd, url, strlen(url) + 1) > 0 && sure_server_run(server, 0) == SURE_OK &&
         tell_counts(server, fd);
}

int durable_serve(const char *database, int fd) {
  struct sure_store *store = NULL;
  struct sure_server *server = NULL;
  struct statements statements = {0};
  if (open_store(database, &store) != SURE_OK) {
    return 1;
  }
  struct sure_server_options options = {
      .store = store, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_WARNING}};
  bool has_served =
      sure_server_open(&options, &server) == SURE_OK && serve(server, &statements, fd);
  server = sure_server_free(server);
  sqlite3_finalize(statements.add);
  sure_store_free(store);
  return has_served ? 0 : 1;
}
