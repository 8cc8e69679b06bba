#include "cast.h"

/* Short, so that some calls end UNKNOWN while the server is away, and are settled. */
#define CALL_TIMEOUT_MS "300"

void cast_journal_name(unsigned number, char out_name[JOURNAL_NAME_LEN_MAX]) {
  snprintf(out_name, JOURNAL_NAME_LEN_MAX, "journal-%u", number);
}

bool cast_start_server(struct cast *cast, const char **out_why) {
  char program[CHILD_PATH_LEN_MAX];
  char url[CHILD_URL_LEN_MAX];
  const char *argv[] = {program, "--listen", cast->server_url, "--database", cast->database, NULL};
  *out_why = "bank-server does not start (see server.log)";
  return child_find(BANK_DIRECTORY, "bank-server", program) &&
         child_start(argv, "server.log", &cast->server) && child_read_url(&cast->server, url);
}

bool cast_start_proxy(struct cast *cast, const char **out_why) {
  char program[CHILD_PATH_LEN_MAX];
  char url[CHILD_URL_LEN_MAX];
  const char *argv[] = {program,  "--listen", cast->proxy_url,   "--target", cast->server_url,
                        "--loss", cast->loss, "--stats-on-exit", NULL};
  *out_why = "sure-lossy-proxy does not start";
  return child_find(PROXY_DIRECTORY, "sure-lossy-proxy", program) &&
         child_start(argv, NULL, &cast->proxy) && child_read_url(&cast->proxy, url);
}

bool cast_start_load(struct cast *cast, unsigned index, unsigned number, const char *url,
                     const char **out_why) {
  char program[CHILD_PATH_LEN_MAX];
  char journal[JOURNAL_NAME_LEN_MAX];
  char charges[16];
  char seed[16];
  char connections[16];
  cast_journal_name(number, journal);
  snprintf(charges, sizeof charges, "%u", cast->charges_a_load);
  snprintf(seed, sizeof seed, "%u", number + 1);
  snprintf(connections, sizeof connections, "%d", LOAD_CONNECTIONS);
  const char *argv[] = {program,
                        "--server",
                        url,
                        "--charges",
                        charges,
                        "--connections",
                        connections,
                        "--seed",
                        seed,
                        "--timeout-ms",
                        CALL_TIMEOUT_MS,
                        "--give-up-after",
                        cast->give_up_s,
                        "--journal",
                        journal,
                        NULL};
  *out_why = "bank-load does not start";
  return child_find(BANK_DIRECTORY, "bank-load", program) &&
         child_start(argv, "load.log", &cast->loads[index]);
}

int cast_run_audit(const struct cast *cast, const char *journal, char *out_line, size_t len) {
  char program[CHILD_PATH_LEN_MAX];
  struct child audit = {0};
  const char *argv[] = {program, "--json", cast->database, journal, NULL};
  if (!child_find(BANK_DIRECTORY, "bank-audit", program) || !child_start(argv, NULL, &audit)) {
    return 2;
  }
  bool has_line = fgets(out_line, (int)len, audit.output) != NULL;
  int status = child_end(&audit, 0);
  child_fini(&audit);
  return has_line ? status : 2;
}

void cast_fini(struct cast *cast) {
  for (int i = 0; i < LOADS; i++) {
    child_fini(&cast->loads[i]);
  }
  child_fini(&cast->proxy);
  child_fini(&cast->server);
}
