#include "tests/lib/server_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "rpc/core/memory.h"
#include "rpc/core/status.h"

const struct sure__server_config driver_config = {
    .store_id = {{0x5a}},
    .message_len_max = 200000,
    .running_calls_max = 8,
    .connection_calls_max = 4,
    .handshake_ms_max = 1000,
    .keepalive_time_ms = 2000,
    .keepalive_timeout_ms = 500,
    .session_lease_ms = 3000,
    .session_retention_ms = 10000,
    .sweeps = true,
};

/* ---- the store: a script before the real one ---- */

struct scripted {
  struct sure_store base;
  struct driver *driver;
};

static void decided(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)user;
  (void)ops;
  (void)count;
}

static void scripted_submit(struct sure_store *store, struct sure_store_op *const *ops,
                            size_t count, sure_store_done_fn *done, void *user) {
  struct driver *driver = ((struct scripted *)(void *)store)->driver;
  for (size_t i = 0; i < count; i++) {
    driver->asked[ops[i]->kind]++;
    bool is_faulty = driver->fault_in > 0 && --driver->fault_in == 0;
    ops[i]->verdict = driver->is_dead ? SURE_STORE_FAILED : driver->script[ops[i]->kind];
    if (ops[i]->verdict == SURE_STORE_PENDING && (!is_faulty || driver->fault_comes_late)) {
      driver->memory->ops->submit(driver->memory, &ops[i], 1, decided, NULL);
    }
    ops[i]->verdict = is_faulty ? driver->fault : ops[i]->verdict;
    if (driver->watch.decided != NULL && !driver->is_dead) {
      driver->watch.decided(ops[i]);
    }
  }
  done(user, ops, count);
}

static void scripted_free(struct sure_store *store) {
  sure__free(store);
}

static const struct sure_store_ops scripted_ops = {.version = SURE_STORE_VERSION,
                                                   .name = "scripted",
                                                   .submit = scripted_submit,
                                                   .free = scripted_free};

static struct sure_store *scripted_open(struct driver *driver) {
  struct scripted *scripted = sure__alloc(sizeof *scripted);
  assert_non_null(scripted);
  scripted->base = *driver->memory;
  scripted->base.ops = &scripted_ops;
  scripted->driver = driver;
  return &scripted->base;
}

/* ---- handlers ---- */

static bool is_kept(const struct sure_record *record) {
  return record->reason == SURE_REASON_REPLY_LOST ||
         record->reason == SURE_REASON_REPLY_TOO_LARGE || sure__code_is_recorded(record->code);
}

static bool join(struct sure_store_op *op, const char *prefix, struct sure_bytes text,
                 struct sure_bytes *out_bytes) {
  size_t len = strlen(prefix);
  uint8_t *bytes = sure_store_op_alloc(op, len + text.len);
  if (bytes == NULL) {
    return false;
  }
  memcpy(bytes, prefix, len);
  if (text.len > 0) {
    memcpy(bytes + len, text.data, text.len);
  }
  *out_bytes = (struct sure_bytes){bytes, len + text.len};
  return true;
}

/* False: memory is short. */
static bool make_reply(const struct driver *driver, struct sure_call *call,
                       struct sure_bytes *out_reply) {
  if (driver->reply != NULL) {
    *out_reply = sure__bytes_of(driver->reply);
    return true;
  }
  if (driver->gives_receipts && call->method->table->semantics != SURE_NO_SIDE_EFFECTS) {
    char receipt[32];
    (void)snprintf(receipt, sizeof receipt, "receipt %u", driver->apply_count + 1);
    return join(&call->op, receipt, (struct sure_bytes){0}, out_reply);
  }
  return join(&call->op, "re:", call->prepared.reply, out_reply); /* left there by unpack */
}

static void take_effect(struct driver *driver, const struct sure_call *call) {
  driver->apply_count += call->method->table->semantics != SURE_NO_SIDE_EFFECTS;
  if (call->op.record_wanted &&
      call->op.sequence < sizeof driver->effects / sizeof driver->effects[0]) {
    driver->effects[call->op.sequence]++;
  }
  struct sure_bytes text = call->prepared.reply;
  if (call->op.record_wanted && text.len > 0) {
    driver->effects_of[text.data[0] % 128]++;
  }
}

/* Of replies that can't be given: what the shell says (rpc/server/run.c, S8). In a transaction, as
 * it would be with a store that has them, a reply that is too large takes its effect back. */
static struct sure_record handle(struct driver *driver, struct sure_call *call) {
  driver->run_count++;
  struct sure_record record = {.code = driver->code, .reason = driver->reason};
  if (record.code != SURE_OK) {
    return record;
  }
  bool has_reply = make_reply(driver, call, &record.reply);
  if (call->method->plan.in_store && record.reply.len > call->reply_len_max) {
    return (struct sure_record){.code = SURE_RESOURCE_EXHAUSTED,
                                .reason = SURE_REASON_REPLY_TOO_LARGE};
  }
  take_effect(driver, call);
  if (!has_reply) {
    record.code = SURE_RESOURCE_EXHAUSTED;
    record.reason = SURE_REASON_REPLY_LOST;
  }
  return record;
}

static void tell_of_run(const struct driver *driver, const struct sure_call *call) {
  if (driver->watch.runs != NULL && !driver->is_dead) {
    driver->watch.runs(call);
  }
}

static bool run_in_store(void *user, struct sure_store_op *op, void *transaction,
                         struct sure_record *out_record) {
  struct sure_call *call = sure__container_of(op, struct sure_call, op);
  (void)transaction;
  tell_of_run(user, call);
  *out_record = handle(user, call);
  return is_kept(out_record);
}

static enum sure_resolution reconcile(void *user, struct sure_call *call, ProtobufCMessage *reply) {
  struct driver *driver = user;
  (void)call;
  (void)reply;
  driver->reconcile_count++;
  return driver->resolution;
}

static void run_outside(struct driver *driver, struct sure_call *call) {
  if (call->step == SURE__CALL_RECONCILES) {
    call->resolution = call->method->reconcile(call->method->reconcile_user, call, NULL);
    call->op.record = (struct sure_record){.code = SURE_OK};
    (void)make_reply(driver, call, &call->op.record.reply);
    sure__server_run_done(&driver->server, call);
    return;
  }
  call->is_not_applied = driver->has_not_applied;
  if (driver->is_dead) { /* nothing came of it, and nobody will hear this */
    call->op.record = (struct sure_record){.code = SURE_UNAVAILABLE};
  } else {
    call->op.record = handle(driver, call);
  }
  call->is_unrecorded = !is_kept(&call->op.record);
  sure__server_run_done(&driver->server, call);
}

static void unpack(struct driver *driver, struct sure_call *call) {
  struct sure_bytes payload = call->payload;
  call->op.run = run_in_store;
  call->op.run_user = driver;
  if (payload.len == 10 && memcmp(payload.data, "unparsable", 10) == 0) {
    sure__server_refuse(&driver->server, call, SURE_INTERNAL, SURE_REASON_UNPARSABLE, "unparsable");
    return;
  }
  if (!sure_store_op_copy(&call->op, payload, &call->prepared.reply)) {
    sure__server_refuse(&driver->server, call, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED,
                        "memory is short");
    return;
  }
  if (call->method->table->key_field != 0) {
    struct sure_bytes copy = call->prepared.reply;
    const uint8_t *colon = memchr(copy.data, ':', copy.len);
    call->op.key = (struct sure_bytes){copy.data, (size_t)(colon - copy.data)};
  }
  sure__server_unpacked(&driver->server, call);
}

/* ---- the shell's part ---- */

static void submit_task(struct driver *driver, struct sure__task *task) {
  struct sure_store_op *op = &task->op;
  op->now_ms = (int64_t)driver->now_ms;
  driver->store->ops->submit(driver->store, &op, 1, decided, NULL);
  sure__server_store_done(&driver->server, op, driver->now_ms);
}

static void submit_call(struct driver *driver, struct sure_call *call) {
  struct sure_store_op *op = &call->op;
  driver->store->ops->submit(driver->store, &op, 1, decided, NULL);
  sure__server_store_done(&driver->server, op, driver->now_ms);
}

static void begin_run(struct driver *driver, struct sure_call *call) {
  tell_of_run(driver, call);
  if (driver->holds_runs) {
    sure__list_append(&driver->held_runs, &call->link);
  } else {
    run_outside(driver, call);
  }
}

static void commit_or_hold(struct driver *driver, struct sure_call *call) {
  if (driver->holds_commits && call->op.kind != SURE_STORE_INTENT) {
    sure__list_append(&driver->held_calls, &call->link);
  } else {
    submit_call(driver, call);
  }
}

static struct client *client_of(struct sure__list *dirty) {
  return sure__container_of(sure__container_of(dirty, struct sure__peer, dirty), struct client,
                            peer);
}

static void open_door(struct driver *driver, struct sure__peer *peer) {
  uint8_t principal[16];
  size_t len = peer->knocking.len;
  assert_true(len <= sizeof principal);
  if (len > 0) {
    memcpy(principal, peer->knocking.data, len);
  }
  sure__server_authenticated(&driver->server, peer, driver->door_code,
                             (struct sure_bytes){principal, len}, driver->now_ms);
}

static void let_in(struct driver *driver, struct sure_call *call) {
  call->op.record =
      (struct sure_record){.code = driver->arrival_code, .reason = SURE_REASON_REFUSED};
  sure__server_arrived(&driver->server, call, driver->arrival_code == SURE_OK, driver->now_ms);
}

void driver_release_arrivals(struct driver *driver) {
  struct sure__list *link;
  driver->holds_arrivals = false;
  while ((link = sure__list_pop(&driver->held_arrivals)) != NULL) {
    let_in(driver, sure__container_of(link, struct sure_call, link));
  }
  driver_work(driver);
}

/* Those who knock, and attempts that arrive. */
static bool work_at_door(struct driver *driver) {
  struct sure__server_actions *actions = &driver->server.actions;
  struct sure__list *link;
  if ((link = sure__list_pop(&actions->knocking)) != NULL) {
    open_door(driver, sure__container_of(link, struct sure__peer, knocks));
    return true;
  }
  if (driver->holds_arrivals) {
    sure__list_move_all(&driver->held_arrivals, &actions->arrived);
  }
  if ((link = sure__list_pop(&actions->arrived)) != NULL) {
    let_in(driver, sure__container_of(link, struct sure_call, link));
    return true;
  }
  return false;
}

static bool work_once(struct driver *driver) {
  struct sure__server_actions *actions = &driver->server.actions;
  struct sure__list *link;
  sure__server_batch_end(&driver->server);
  while (sure__list_pop(&actions->dirty) != NULL) {
  }
  if (work_at_door(driver)) {
    return true;
  }
  if ((link = sure__list_pop(&actions->closing)) != NULL) {
    struct client *client = client_of(link);
    client->is_closed = true;
    sure__server_lost(&driver->server, &client->peer);
    return true;
  }
  if ((link = sure__list_pop(&actions->admitted)) != NULL) {
    unpack(driver, sure__container_of(link, struct sure_call, link));
    return true;
  }
  if ((link = sure__list_pop(&actions->runs)) != NULL) {
    begin_run(driver, sure__container_of(link, struct sure_call, link));
    return true;
  }
  if (driver->holds_store) {
    sure__list_move_all(&driver->held_tasks, &actions->tasks);
    sure__list_move_all(&driver->held_calls, &actions->calls);
    return false;
  }
  if ((link = sure__list_pop(&actions->tasks)) != NULL) {
    submit_task(driver, sure__container_of(link, struct sure__task, link));
    return true;
  }
  if ((link = sure__list_pop(&actions->calls)) != NULL) {
    commit_or_hold(driver, sure__container_of(link, struct sure_call, link));
    return true;
  }
  return false;
}

void driver_work(struct driver *driver) {
  while (work_once(driver)) {
  }
}

void driver_release_runs(struct driver *driver) {
  struct sure__list *link;
  driver->holds_runs = false;
  while ((link = sure__list_pop(&driver->held_runs)) != NULL) {
    run_outside(driver, sure__container_of(link, struct sure_call, link));
  }
  driver_work(driver);
}

void driver_release_store(struct driver *driver) {
  driver->holds_store = false;
  driver->holds_commits = false;
  sure__list_move_all(&driver->server.actions.tasks, &driver->held_tasks);
  sure__list_move_all(&driver->server.actions.calls, &driver->held_calls);
  driver_work(driver);
}

void driver_advance(struct driver *driver, uint64_t ms) {
  uint64_t until_ms = driver->now_ms + ms;
  uint64_t wake_ms;
  while ((wake_ms = sure__server_next_wake(&driver->server)) <= until_ms) {
    driver->now_ms = wake_ms > driver->now_ms ? wake_ms : driver->now_ms;
    sure__server_time(&driver->server, driver->now_ms);
    driver_work(driver);
  }
  driver->now_ms = until_ms;
}

/* ---- set-up ---- */

static const struct driver_plan own_plans[DRIVER_METHODS] = {
    [DRIVER_IN_STORE] = {"t.T/InStore", SURE_EXACTLY_ONCE, SURE_RUN_TX},
    [DRIVER_CLAIMS] = {"t.T/Claims", SURE_EXACTLY_ONCE, SURE_RUN_POOL},
    [DRIVER_KEYED] = {"t.T/Keyed", SURE_EXACTLY_ONCE, SURE_RUN_POOL, .is_keyed = true},
    [DRIVER_READ] = {"t.T/Read", SURE_NO_SIDE_EFFECTS, SURE_RUN_POOL},
    [DRIVER_ALO] = {"t.T/AtLeastOnce", SURE_AT_LEAST_ONCE, SURE_RUN_POOL},
    [DRIVER_ALO_IN_STORE] = {"t.T/AtLeastOnceInStore", SURE_AT_LEAST_ONCE, SURE_RUN_TX},
    [DRIVER_EXTERNAL] = {"t.T/External", SURE_EXACTLY_ONCE, SURE_RUN_EXTERNAL},
};

static void add_methods(struct driver *driver, const struct driver_plan *plans, size_t count) {
  assert_true(count <= DRIVER_METHODS_MAX);
  enum sure_run_mode modes[DRIVER_METHODS_MAX];
  sure_handler_fn *trampolines[DRIVER_METHODS_MAX] = {0};
  for (size_t i = 0; i < count; i++) {
    driver->methods[i] =
        (struct sure_method){.full_name = plans[i].name,
                             .id = XXH3_64bits(plans[i].name, strlen(plans[i].name)),
                             .semantics = plans[i].semantics,
                             .key_field = plans[i].is_keyed ? 1 : 0,
                             .client_streams = plans[i].client_streams,
                             .server_streams = plans[i].server_streams};
    modes[i] = plans[i].mode;
  }
  struct sure_service service = {
      .abi = SURE_ABI, .full_name = "t.T", .methods = driver->methods, .method_count = count};
  const char *problem;
  const struct sure_method *method;
  assert_int_equal(SURE_OK, sure__registry_add(&driver->registry, &service, modes, trampolines,
                                               NULL, NULL, driver->memory, &problem, &method));
  for (size_t i = 0; i < count; i++) {
    if (plans[i].mode == SURE_RUN_EXTERNAL) {
      assert_int_equal(SURE_OK, sure__registry_set_reconciler(&driver->registry, plans[i].name,
                                                              reconcile, driver));
    }
  }
}

static void open_store(struct driver *driver) {
  struct sure_memory_store_options options = {.allow_volatile_keys = true};
  assert_int_equal(SURE_OK, sure_memory_store_open(&options, &driver->memory));
  driver->store = scripted_open(driver);
}

static void free_store(struct driver *driver) {
  sure_store_free(driver->store);
  sure_store_free(driver->memory);
}

static void start(struct driver *driver) {
  sure__list_init(&driver->held_arrivals);
  sure__list_init(&driver->held_runs);
  sure__list_init(&driver->held_calls);
  sure__list_init(&driver->held_tasks);
  assert_true(
      sure__server_init(&driver->server, &driver->config, &driver->registry, driver->now_ms));
}

static void stop(struct driver *driver) {
  driver_release_arrivals(driver);
  driver_release_runs(driver);
  driver_release_store(driver);
  assert_true(sure__server_is_idle(&driver->server));
  sure__server_fini(&driver->server);
}

void driver_init_with(struct driver *driver, const struct sure__server_config *config,
                      const struct driver_plan *plans, size_t count) {
  *driver = (struct driver){.now_ms = 1000, .config = *config};
  open_store(driver);
  sure__registry_init(&driver->registry);
  add_methods(driver, plans, count);
  start(driver);
}

void driver_init(struct driver *driver, const struct sure__server_config *config) {
  driver_init_with(driver, config, own_plans, DRIVER_METHODS);
}

void driver_fini(struct driver *driver) {
  stop(driver);
  sure__registry_fini(&driver->registry);
  free_store(driver);
}

void driver_bury(struct driver *driver) {
  driver->is_dead = true;
  driver_release_runs(driver);
  driver_release_store(driver);
}

void driver_restart(struct driver *driver, bool forgets) {
  stop(driver);
  if (forgets) {
    free_store(driver);
    open_store(driver);
    driver->config.store_id.bytes[3]++;
  }
  driver->is_dead = false;
  start(driver);
}

/* ---- clients ---- */

bool client_connect(struct driver *driver, struct client *client) {
  *client = (struct client){.driver = driver};
  unsigned number = ++driver->client_count;
  client->peer.out = &client->out;
  memset(&client->peer.challenge, 0xC0, sizeof client->peer.challenge);
  memset(&client->peer.fresh_session, 0x5E, sizeof client->peer.fresh_session);
  memcpy(&client->peer.challenge, &number, sizeof number);
  memcpy(&client->peer.fresh_session, &number, sizeof number);
  client->is_closed = !sure__server_accepted(&driver->server, &client->peer, driver->now_ms);
  return !client->is_closed;
}

void client_lose(struct client *client) {
  if (!client->is_closed) {
    client->is_closed = true;
    sure__server_lost(&client->driver->server, &client->peer);
    driver_work(client->driver);
  }
}

void client_fini(struct client *client) {
  client_lose(client);
  sure__buffer_fini(&client->out);
  sure__buffer_fini(&client->sent);
}

void client_feed(struct client *client, struct sure_bytes bytes) {
  struct driver *driver = client->driver;
  while (bytes.len > 0 && !client->is_closed) {
    struct sure__frame frame;
    size_t len = bytes.len;
    const char *problem = "half a frame";
    if (sure__frame_decode(bytes, &frame, &len, &problem) == SURE__DECODED_FRAME) {
      sure__server_frame(&driver->server, &client->peer, &frame, driver->now_ms);
    } else {
      sure__server_protocol_error(&driver->server, &client->peer, problem);
    }
    bytes.data += len;
    bytes.len -= len;
  }
  driver_work(driver);
}

static void feed_from(struct client *client, size_t begin) {
  struct sure_bytes bytes = {client->sent.data + begin, client->sent.len - begin};
  client_feed(client, bytes);
}

void client_send(struct client *client, const struct sure__frame *frame) {
  size_t begin = client->sent.len;
  if (sure__frame_encode(&client->sent, frame)) {
    feed_from(client, begin);
  }
}

static void send_hello(struct client *client) {
  client_send(client,
              &(struct sure__frame){
                  .type = SURE__HELLO,
                  .hello = {.version_min = 1, .version_max = 1, .message_len_max = 150000}});
}

int client_attach(struct client *client, enum sure__attach_mode mode,
                  const struct sure_session_id *session) {
  struct sure__frame frame;
  send_hello(client);
  if (!client_next(client, &frame) || frame.type != SURE__WELCOME) {
    return 0;
  }
  client->challenge = frame.welcome.challenge;
  struct sure__frame attach = {.type = SURE__ATTACH,
                               .attach = {.mode = (uint8_t)mode, .challenge = client->challenge}};
  if (session != NULL) {
    attach.attach.session = *session;
  }
  if (client->credentials != NULL) {
    attach.metadata = sure__bytes_of(client->credentials);
  }
  client_send(client, &attach);
  if (!client_next(client, &frame) || frame.type != SURE__ATTACHED) {
    return 0;
  }
  client->session = frame.attached.session;
  return frame.attached.state;
}

void client_open(struct driver *driver, struct client *client) {
  assert_true(client_connect(driver, client));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(client, SURE__ATTACH_NEW, NULL));
}

struct sure__frame client_request(const struct client *client, enum driver_method method,
                                  uint64_t sequence, const char *text) {
  return (struct sure__frame){
      .type = SURE__REQUEST,
      .sequence = sequence,
      .attempt = 1,
      .payload = {(const uint8_t *)text, strlen(text)},
      .request = {.method = client->driver->methods[method].id,
                  .watermark = 1,
                  .timeout_ms = 60000},
  };
}

void client_call(struct client *client, enum driver_method method, uint64_t sequence,
                 const char *text) {
  client_retry(client, method, sequence, 1, text);
}

void client_retry(struct client *client, enum driver_method method, uint64_t sequence,
                  uint32_t attempt, const char *text) {
  struct sure__frame frame = client_request(client, method, sequence, text);
  frame.attempt = attempt;
  client_send(client, &frame);
}

void client_ack(struct client *client, uint64_t watermark, const struct sure_range *ranges,
                size_t count) {
  size_t begin = client->sent.len;
  if (sure__ack_encode(&client->sent, watermark, ranges, count)) {
    feed_from(client, begin);
  }
}

void client_settle(struct client *client, uint64_t nonce, uint64_t target) {
  client_send(client,
              &(struct sure__frame){.type = SURE__SETTLE,
                                    .sequence = nonce,
                                    .settle = {.session = client->session, .target = target}});
}

bool client_next(struct client *client, struct sure__frame *out_frame) {
  if (client->out.len == client->heard_len) {
    return false;
  }
  struct sure_bytes rest = {client->out.data + client->heard_len,
                            client->out.len - client->heard_len};
  size_t len;
  const char *problem = NULL;
  assert_int_equal(SURE__DECODED_FRAME, sure__frame_decode(rest, out_frame, &len, &problem));
  client->heard_len += len;
  return true;
}

struct sure__frame client_expect(struct client *client, enum sure__frame_type type) {
  struct sure__frame frame = {0};
  assert_true(client_next(client, &frame));
  assert_string_equal(sure__frame_type_name((uint8_t)type), sure__frame_type_name(frame.type));
  return frame;
}

struct sure__frame client_expect_response(struct client *client, uint64_t sequence,
                                          enum sure_code code, enum sure_reason reason,
                                          unsigned flags) {
  struct sure__frame frame = client_expect(client, SURE__RESPONSE);
  assert_int_equal(sequence, frame.sequence);
  assert_string_equal(sure_code_name(code), sure_code_name(frame.response.code));
  assert_string_equal(sure_reason_name(reason), sure_reason_name(frame.response.reason));
  assert_int_equal(flags, frame.flags & ~(unsigned)SURE__MORE);
  return frame;
}

void client_expect_silence(struct client *client) {
  struct sure__frame frame;
  assert_false(client_next(client, &frame));
  assert_false(client->is_closed);
}

void client_expect_closed(struct client *client, int goaway) {
  struct sure__frame frame;
  if (goaway != 0) {
    frame = client_expect(client, SURE__GOAWAY);
    assert_int_equal(goaway, frame.goaway.reason);
  }
  assert_false(client_next(client, &frame));
  assert_true(client->is_closed);
}
