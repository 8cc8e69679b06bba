#include "world.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEST_S_MAX = 60, MOMENT_NS = 1000000, MOMENTS_MAX = 30000 };

static const struct sure_logger logger = {.fn = sure_log_to_stderr, .level_min = SURE_LOG_ERROR};

int world_setup(void **state) {
  alarm(TEST_S_MAX);
  struct world *world = calloc(1, sizeof *world);
  assert_non_null(world);
  snprintf(world->directory, sizeof world->directory, "/tmp/sure-e2e-XXXXXX");
  assert_non_null(mkdtemp(world->directory));
  snprintf(world->database, sizeof world->database, "%s/store.db", world->directory);
  *state = world;
  return 0;
}

static void remove_directory(const struct world *world) {
  static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-owners",
                                      "socket"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", world->directory, names[i]);
    unlink(path);
  }
  rmdir(world->directory);
}

int world_teardown(void **state) {
  struct world *world = *state;
  server_kill(&world->server);
  server_kill(&world->other);
  world->relay = relay_free(world->relay);
  world->channel = sure_channel_free(world->channel, 1);
  pendings_free(world->pendings);
  remove_directory(world);
  free(world);
  alarm(0);
  return 0;
}

struct sure_channel *open_channel(const char *url, const struct sure_channel_options *options) {
  struct sure_channel_options all = options == NULL ? (struct sure_channel_options){0} : *options;
  struct sure_channel *channel = NULL;
  all.target = url;
  all.logger = logger;
  if (all.reconnect_ms_initial == 0) { /* tests are in a hurry */
    all.reconnect_ms_initial = 50;
  }
  assert_int_equal(sure_channel_open(&all, &channel), SURE_OK);
  return channel;
}

static void connect_to_server(struct world *world, const struct sure_channel_options *options) {
  world->relay = relay_open(world->server.url);
  world->channel = open_channel(relay_url(world->relay), options);
}

void world_serve(struct world *world, const struct sure_channel_options *options) {
  server_start(&world->server, &(struct server_options){.database = world->database});
  connect_to_server(world, options);
}

void world_serve_memory(struct world *world, const struct sure_channel_options *options) {
  server_start(&world->server, &(struct server_options){0});
  connect_to_server(world, options);
}

void world_restart(struct world *world) {
  server_start(&world->server, &(struct server_options){.database = world->database});
  relay_point_at(world->relay, world->server.url);
}

int64_t world_query(const struct world *world, const char *sql) {
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  assert_int_equal(sqlite3_open_v2(world->database, &database, SQLITE_OPEN_READONLY, NULL),
                   SQLITE_OK);
  sqlite3_busy_timeout(database, 5000);
  assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return value;
}

uint64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void wait_a_moment(unsigned *moments, const char *what) {
  if (++*moments > MOMENTS_MAX) {
    fprintf(stderr, "waited too long for: %s\n", what);
    abort();
  }
  nanosleep(&(struct timespec){.tv_nsec = MOMENT_NS}, NULL);
}
