/* sure-bench-footprint: what a server holds in memory for a session, a record and a connection on
 * which nothing happens. The first two are counted in the memory store itself, by malloc's own
 * books; the third is the growth of a server process. Prints one `name value` a line, in bytes. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>

#include "connect.h"
#include "served.h"
#include "store_ops.h"

enum { SESSIONS = 100000, RECORDS = 16000, CONNECTIONS = 500 };

/* ---- the store ---- */

static double used(void) {
  struct mallinfo2 info = mallinfo2();
  return (double)info.uordblks + (double)info.hblkhd;
}

static bool measure_store(void) {
  struct sure_store *store = NULL;
  if (sure_memory_store_open(NULL, &store) != SURE_OK) {
    return false;
  }
  bool is_good = true;
  double before = used();
  for (uint64_t i = 0; is_good && i < SESSIONS; i++) {
    is_good = store_open_session(store, i);
  }
  double with_sessions = used();
  for (uint64_t i = 1; is_good && i <= RECORDS; i++) {
    is_good = store_record(store, 0, i);
  }
  double with_records = used();
  sure_store_free(store);
  printf("session %.0f\n", (with_sessions - before) / SESSIONS);
  printf("record %.0f\n", (with_records - with_sessions) / RECORDS - STORE_REPLY_LEN);
  return is_good;
}

/* ---- connections ---- */

/* Bytes that the process has for itself alone. */
static double private_of(pid_t pid) {
  char path[64];
  char line[128];
  double kib = 0;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *rest;
    if (strncmp(line, "Private_Dirty:", 14) == 0) {
      kib = strtod(line + 14, &rest);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return kib * 1024;
}

static bool measure_connections(const char *url, pid_t server) {
  static struct sure_channel *channels[CONNECTIONS];
  double before = private_of(server);
  bool is_good = connect_all(url, channels, CONNECTIONS);
  printf("connection %.0f\n", (private_of(server) - before) / CONNECTIONS);
  disconnect_all(channels, CONNECTIONS);
  return is_good && before > 0;
}

int main(void) {
  struct served server;
  if (!served_start(&server, NULL, NULL)) {
    return 1;
  }
  bool is_good = measure_connections(server.url, server.pid);
  is_good = served_stop(&server) && is_good;
  is_good = measure_store() && is_good;
  if (!is_good) {
    fprintf(stderr, "sure-bench-footprint: it could not be measured\n");
  }
  return is_good ? 0 : 1;
}
