/* two_generals-server: a till. Each method writes a line for the charge into the ledger, the same
 * for all three; what differs is what the runtime does around them. */
#include <argp.h>
#include <sqlite3.h>
#include <stdio.h>

#include <sure/sqlite.h>
#include <sure/sure.h>

#include "two_generals.sure.h"

/* No constraint keeps an intent from being charged twice: the ledger shows what happened. */
static enum sure_code create_ledger(void *user, sqlite3 *database, bool is_new,
                                    const char **out_message) {
  (void)user;
  (void)is_new;
  static const char schema[] =
      "CREATE TABLE IF NOT EXISTS charge(entry INTEGER PRIMARY KEY, intent INTEGER NOT NULL,"
      " amount INTEGER NOT NULL) STRICT";
  if (sqlite3_exec(database, schema, NULL, NULL, NULL) != SQLITE_OK) {
    *out_message = "can't create the ledger";
    return SURE_INTERNAL;
  }
  return SURE_OK;
}

static enum sure_code charge(void *user, struct sure_call *call, const Generals__Charge *request,
                             Generals__Receipt *reply) {
  (void)user;
  sqlite3 *ledger = sure_call_sqlite(call);
  sqlite3_stmt *insert = NULL;
  if (sqlite3_prepare_v2(ledger, "INSERT INTO charge(intent, amount) VALUES (?, ?)", -1, &insert,
                         NULL) != SQLITE_OK) {
    return sure_call_fail(call, SURE_INTERNAL, "%s", sqlite3_errmsg(ledger));
  }
  sqlite3_bind_int64(insert, 1, (sqlite3_int64)request->intent);
  sqlite3_bind_int64(insert, 2, request->amount);
  int result = sqlite3_step(insert);
  sqlite3_finalize(insert);
  if (result != SQLITE_DONE) {
    return sure_call_fail(call, SURE_INTERNAL, "%s", sqlite3_errmsg(ledger));
  }
  reply->entry = sqlite3_last_insert_rowid(ledger);
  return SURE_OK;
}

static enum sure_code open_server(struct sure_store *store, const char *url,
                                  struct sure_server **out_server) {
  static const struct generals__till_server till = {
      .charge_at_least_once = charge, .charge_at_most_once = charge, .charge_exactly_once = charge};
  struct sure_server_options options = {
      .store = store, .logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR}};
  enum sure_code code = sure_server_open(&options, out_server);
  if (code == SURE_OK) {
    code = generals__till_server__register(*out_server, &till, NULL);
  }
  return code == SURE_OK ? sure_server_listen(*out_server, url) : code;
}

struct arguments {
  const char *listen;
  const char *database;
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'l':
    arguments->listen = text;
    return 0;
  case 'd':
    arguments->database = text;
    return 0;
  case ARGP_KEY_END:
    if (arguments->database == NULL) {
      argp_error(state, "--database must be given");
    }
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static int fail(const char *what) {
  fprintf(stderr, "two_generals-server: %s\n", what);
  return 2;
}

int main(int argc, char **argv) {
  static const struct argp_option options[] = {
      {"listen", 'l', "URL", 0, "Where to serve (tcp://127.0.0.1:0)", 0},
      {"database", 'd', "FILE", 0, "The ledger and the completion records", 0},
      {0},
  };
  static const struct argp argp = {
      .options = options, .parser = parse, .doc = "A till that charges as often as it is told to."};
  struct arguments arguments = {.listen = "tcp://127.0.0.1:0"};
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);

  char error[256];
  struct sure_store *store = NULL;
  struct sure_sqlite_store_options store_options = {.path = arguments.database,
                                                    .schema = create_ledger};
  if (sure_sqlite_store_open(&store_options, &store, error, sizeof error) != SURE_OK) {
    return fail(error);
  }
  struct sure_server *server = NULL;
  enum sure_code code = open_server(store, arguments.listen, &server);
  if (code == SURE_OK) {
    printf("listening on %s\n", sure_server_url(server, 0));
    fflush(stdout);
    code = sure_server_run(server, 1000);
  }
  sure_server_free(server);
  sure_store_free(store);
  return code == SURE_OK || code == SURE_DEADLINE_EXCEEDED ? 0 : fail(sure_code_text(code));
}
