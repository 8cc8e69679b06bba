/* sure-bench-footprint: what a server holds in memory for a session, a record and a connection on
 * which nothing happens. The first two are counted in the memory store itself, by malloc's own
 * books; the third is the growth of a server process. Prints one `name value` a line, in bytes. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSIONS = 100000, RECORDS = 16000, REPLY_LEN = 32, CONNECTIONS = 500, READY_MS = 20000 };

/* ---- the store ---- */

static void *alloc_for_op(void *user, size_t size) {
  (void)user;
  static _Alignas(max_align_t) uint8_t memory[4096];
  return size <= sizeof memory ? memory : NULL;
}

static bool reply(void *user, struct sure_store_op *op, void *transaction,
                  struct sure_record *out_record) {
  static const uint8_t bytes[REPLY_LEN];
  (void)user;
  (void)op;
  (void)transaction;
  *out_record = (struct sure_record){.code = SURE_OK, .reply = {bytes, sizeof bytes}};
  return true;
}

static void decided(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)count;
  *(enum sure_store_verdict *)user = ops[0]->verdict;
}

static bool submit(struct sure_store *store, struct sure_store_op op,
                   enum sure_store_verdict wanted) {
  struct sure_store_op *ops[] = {&op};
  enum sure_store_verdict verdict = SURE_STORE_PENDING;
  op.alloc = alloc_for_op;
  store->ops->submit(store, ops, 1, decided, &verdict);
  return verdict == wanted;
}

static struct sure_session_id session_id(uint64_t number) {
  struct sure_session_id id = {{0}};
  memcpy(id.bytes, &number, sizeof number);
  return id;
}

static bool open_session(struct sure_store *store, uint64_t number) {
  return submit(store,
                (struct sure_store_op){
                    .kind = SURE_STORE_ATTACH, .create = true, .session = session_id(number)},
                SURE_STORE_OPEN);
}

static bool record_call(struct sure_store *store, uint64_t sequence) {
  return submit(store,
                (struct sure_store_op){.kind = SURE_STORE_CALL,
                                       .record_wanted = true,
                                       .session = session_id(0),
                                       .sequence = sequence,
                                       .run = reply},
                SURE_STORE_RECORDED);
}

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
    is_good = open_session(store, i);
  }
  double with_sessions = used();
  for (uint64_t i = 1; is_good && i <= RECORDS; i++) {
    is_good = record_call(store, i);
  }
  double with_records = used();
  sure_store_free(store);
  printf("session %.0f\n", (with_sessions - before) / SESSIONS);
  printf("record %.0f\n", (with_records - with_sessions) / RECORDS - REPLY_LEN);
  return is_good;
}

/* ---- connections ---- */

static int serve(int url_fd) {
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(NULL, &server);
  code = code ? code : sure_server_listen(server, "tcp://127.0.0.1:0");
  const char *url = code ? "" : sure_server_url(server, 0);
  if (code == SURE_OK && write(url_fd, url, strlen(url) + 1) > 0) {
    code = sure_server_run(server, 100);
  }
  sure_server_free(server);
  return code == SURE_OK || code == SURE_DEADLINE_EXCEEDED ? 0 : 1;
}

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

static bool connect_all(const char *url, struct sure_channel **channels) {
  const struct sure_channel_options options = {.target = url};
  bool is_good = true;
  for (size_t i = 0; is_good && i < CONNECTIONS; i++) {
    is_good = sure_channel_open(&options, &channels[i]) == SURE_OK;
  }
  for (size_t i = 0; is_good && i < CONNECTIONS; i++) {
    enum sure_connectivity state = sure_channel_get_state(channels[i], true);
    while (state == SURE_IDLE || state == SURE_CONNECTING) {
      enum sure_connectivity next =
          sure_channel_wait_for_state_change(channels[i], state, READY_MS);
      is_good = next != state;
      state = is_good ? next : SURE_SHUTDOWN;
    }
    is_good = is_good && state == SURE_READY;
  }
  return is_good;
}

static bool measure_connections(const char *url, pid_t server) {
  static struct sure_channel *channels[CONNECTIONS];
  double before = private_of(server);
  bool is_good = connect_all(url, channels);
  printf("connection %.0f\n", (private_of(server) - before) / CONNECTIONS);
  for (size_t i = 0; i < CONNECTIONS; i++) {
    sure_channel_free(channels[i], 1);
  }
  return is_good && before > 0;
}

int main(void) {
  int ends[2];
  char url[256];
  if (pipe(ends) != 0) {
    return 1;
  }
  pid_t server = fork(); /* before there is anything that a child could not have */
  if (server == 0) {
    close(ends[0]);
    _exit(serve(ends[1]));
  }
  close(ends[1]);
  bool is_good = read(ends[0], url, sizeof url) > 0 && measure_connections(url, server);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  is_good = measure_store() && is_good;
  if (!is_good) {
    fprintf(stderr, "sure-bench-footprint: it could not be measured\n");
  }
  return is_good ? 0 : 1;
}
