#include "tests/conformance/world.h"

#include <unistd.h>

struct block {
  struct block *next;
  max_align_t bytes[];
};

static void *op_memory(void *user, size_t size) {
  struct world *world = user;
  if (world->allocations_left == 0) {
    return NULL;
  }
  world->allocations_left -= world->allocations_left > 0;
  struct block *block = malloc(sizeof *block + size);
  assert_non_null(block);
  block->next = world->blocks;
  world->blocks = block;
  return block->bytes;
}

void world_free_ops(struct world *world) {
  while (world->blocks != NULL) {
    struct block *block = world->blocks;
    world->blocks = block->next;
    free(block);
  }
}

static struct sure_store *open_memory(struct world *world) {
  struct sure_memory_store_options options = {.session_records_max =
                                                  world->limits.session_records_max,
                                              .sessions_max = world->limits.sessions_max,
                                              .len_max = UINT64_C(8) * 1024 * 1024,
                                              .allow_volatile_keys = true};
  struct sure_store *store = NULL;
  assert_int_equal(SURE_OK, sure_memory_store_open(&options, &store));
  return store;
}

static int memory_charges(struct world *world) {
  return world->memory_charges;
}

static enum sure_code bank_schema(void *user, sqlite3 *database, bool is_new,
                                  const char **out_message) {
  struct world *world = user;
  (void)out_message;
  static const char tables[] =
      "CREATE TABLE charges (number INTEGER PRIMARY KEY, sequence INTEGER);"
      "CREATE TABLE parents (number INTEGER PRIMARY KEY);"
      "CREATE TABLE children (parent INTEGER"
      " REFERENCES parents (number) DEFERRABLE INITIALLY DEFERRED);"
      "CREATE TRIGGER refuse BEFORE INSERT ON charges WHEN NEW.sequence = -1"
      " BEGIN SELECT RAISE(ROLLBACK, 'no such charge'); END;";
  bool is_good =
      (!is_new || sqlite3_exec(database, tables, NULL, NULL, NULL) == SQLITE_OK) &&
      sqlite3_prepare_v2(database, "SELECT * FROM charges", -1, &world->early, NULL) == SQLITE_OK;
  return is_good ? SURE_OK : SURE_INTERNAL;
}

static struct sure_store *open_sqlite(struct world *world) {
  struct sure_sqlite_store_options options = {.path = world->path,
                                              .schema = bank_schema,
                                              .schema_user = world,
                                              .busy_timeout_ms = 200,
                                              .sessions_max = world->limits.sessions_max,
                                              .session_records_max =
                                                  world->limits.session_records_max,
                                              .key_retention_ms = world->limits.key_retention_ms,
                                              .vfs = world->vfs};
  struct sure_store *store = NULL;
  char text[256] = "";
  enum sure_code code = sure_sqlite_store_open(&options, &store, text, sizeof text);
  if (code != SURE_OK) {
    fail_msg("%s", text);
  }
  return store;
}

static void count_charges(void *user, void *transaction) {
  sqlite3_stmt *statement = NULL;
  assert_int_equal(SQLITE_OK, sqlite3_prepare_v2(transaction, "SELECT count(*) FROM charges", -1,
                                                 &statement, NULL));
  assert_int_equal(SQLITE_ROW, sqlite3_step(statement));
  *(int *)user = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
}

static int sqlite_charges(struct world *world) {
  int charges = -1;
  assert_int_equal(SURE_OK, world->store->ops->read(world->store, count_charges, &charges));
  return charges;
}

const struct factory memory_factory = {
    .name = "memory", .open = open_memory, .charges = memory_charges};
const struct factory sqlite_factory = {
    .name = "sqlite", .durable = true, .open = open_sqlite, .charges = sqlite_charges};

void world_init(struct world *world, const struct factory *factory) {
  *world = (struct world){.factory = factory, .allocations_left = -1};
  world->behaviour.keep = true;
  strcpy(world->directory, "/tmp/sure-store-XXXXXX");
  assert_non_null(mkdtemp(world->directory));
  (void)snprintf(world->path, sizeof world->path, "%s/bank.db", world->directory);
}

void world_reopen(struct world *world) {
  world->store = sure_store_free(world->store);
  world->store = world->factory->open(world);
}

void world_fini(struct world *world) {
  world->store = sure_store_free(world->store);
  world_free_ops(world);
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-owners"};
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s", world->path, suffixes[i]);
    (void)unlink(name);
  }
  (void)rmdir(world->directory);
}

int world_charges(struct world *world) {
  return world->factory->charges(world);
}

/* The handler: charges once, and answers with its sequence number. */
static bool charge(void *user, struct sure_store_op *op, void *transaction,
                   struct sure_record *out_record) {
  struct world *world = user;
  world->runs++;
  if (transaction != NULL) {
    char sql[96];
    (void)snprintf(sql, sizeof sql, "INSERT INTO charges (sequence) VALUES (%llu)",
                   (unsigned long long)op->sequence);
    out_record->code = sqlite3_exec(transaction, sql, NULL, NULL, NULL) == SQLITE_OK
                           ? world->behaviour.code
                           : SURE_UNAVAILABLE;
  } else {
    out_record->code = world->behaviour.code;
    world->memory_charges += world->behaviour.code == SURE_OK;
  }
  const struct behaviour *behaviour = &world->behaviour;
  bool misbehaves = behaviour->then_for == 0 || behaviour->then_for == op->sequence;
  if (behaviour->then != NULL && misbehaves) {
    behaviour->then(world, transaction);
  }
  char text[32];
  int len = snprintf(text, sizeof text, "charge %llu", (unsigned long long)op->sequence);
  struct sure_bytes bytes = {.data = (const uint8_t *)text, .len = (size_t)len};
  struct sure_bytes *place =
      out_record->code == SURE_OK ? &out_record->reply : &out_record->message;
  out_record->metadata = (struct sure_bytes){(const uint8_t *)"beside", 6};
  if (world->behaviour.reply_len > 0) {
    uint8_t *reply = sure_store_op_alloc(op, world->behaviour.reply_len);
    assert_non_null(reply);
    memset(reply, 'x', world->behaviour.reply_len);
    *place = (struct sure_bytes){.data = reply, .len = world->behaviour.reply_len};
  } else if (!sure_store_op_copy(op, bytes, place)) {
    world->memory_charges -= transaction == NULL && out_record->code == SURE_OK;
    *out_record = (struct sure_record){.code = SURE_RESOURCE_EXHAUSTED};
    return false;
  }
  return world->behaviour.keep;
}

struct sure_store_op op_make(struct world *world, enum sure_store_op_kind kind, uint8_t session) {
  struct sure_store_op op = {.kind = kind, .alloc = op_memory, .alloc_user = world};
  memset(op.session.bytes, session, sizeof op.session.bytes);
  return op;
}

struct sure_store_op op_attach(struct world *world, uint8_t session, int64_t now_ms) {
  struct sure_store_op op = op_make(world, SURE_STORE_ATTACH, session);
  op.create = true;
  op.now_ms = now_ms;
  return op;
}

struct sure_store_op op_call(struct world *world, uint8_t session, uint64_t sequence) {
  struct sure_store_op op = op_make(world, SURE_STORE_CALL, session);
  op.sequence = sequence;
  op.record_wanted = true;
  op.method = 7;
  op.fingerprint = (struct sure_fingerprint){.low = sequence, .high = 1};
  op.run = charge;
  op.run_user = world;
  return op;
}

static struct sure_bytes bytes_of(const char *text) {
  return (struct sure_bytes){.data = (const uint8_t *)text, .len = text == NULL ? 0 : strlen(text)};
}

struct sure_store_op op_key_call(struct world *world, uint8_t session, uint64_t sequence,
                                 const char *key) {
  struct sure_store_op op = op_call(world, session, sequence);
  op.key = bytes_of(key);
  op.fingerprint = (struct sure_fingerprint){.low = 99, .high = 99};
  return op;
}

struct sure_store_op op_ack(struct world *world, uint8_t session, uint64_t watermark,
                            const struct sure_range *ranges, size_t range_count) {
  struct sure_store_op op = op_make(world, SURE_STORE_ACK, session);
  op.watermark = watermark;
  op.ranges = ranges;
  op.range_count = range_count;
  return op;
}

struct sure_store_op op_settle(struct world *world, uint8_t session, uint64_t sequence,
                               const char *key) {
  struct sure_store_op op = op_make(world, SURE_STORE_SETTLE, session);
  op.sequence = sequence;
  op.method = 7;
  op.key = bytes_of(key);
  return op;
}

struct sure_store_op op_sweep(struct world *world, int64_t now_ms) {
  struct sure_store_op op = op_make(world, SURE_STORE_SWEEP, 0);
  op.now_ms = now_ms;
  op.lease_ms = 100;
  op.retention_ms = 1000;
  return op;
}

static void count_done(void *user, struct sure_store_op *const *ops, size_t count) {
  for (size_t i = 0; i < count; i++) {
    assert_int_not_equal(SURE_STORE_PENDING, ops[i]->verdict);
  }
  ++*(int *)user;
}

void submit(struct world *world, struct sure_store_op *const *ops, size_t count) {
  int done = 0;
  world->store->ops->submit(world->store, ops, count, count_done, &done);
  assert_int_equal(1, done);
}

struct sure_store_op answer_of(struct world *world, struct sure_store_op op) {
  struct sure_store_op *ops[] = {&op};
  submit(world, ops, 1);
  return op;
}

enum sure_store_verdict verdict_of(struct world *world, struct sure_store_op op) {
  return answer_of(world, op).verdict;
}
