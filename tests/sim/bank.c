#include "tests/sim/bank.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bank.sure.h"
#include "rpc/core/server.h"
#include "tests/sim/ledger.h"
#include "tests/sim/sim.h"
#include "tests/sim/wires.h"

enum { REPLY_LEN_MAX = 1024 * 1024 };

uint64_t bank_hash(struct sure_bytes reply) {
  return XXH3_64bits(reply.data, reply.len);
}

static uint64_t hash_reply(const Sim__V1__ChargeReply *reply) {
  size_t len = sim__v1__charge_reply__get_packed_size(reply);
  uint8_t *bytes = malloc(len + 1);
  if (bytes == NULL) {
    abort();
  }
  sim__v1__charge_reply__pack(reply, bytes);
  uint64_t hash = bank_hash((struct sure_bytes){bytes, len});
  free(bytes);
  return hash;
}

/* What a message is made large with is told from that of any other, wherever one looks. */
static uint8_t filling_at(uint64_t seed, size_t i) {
  return (uint8_t)(seed * 131 + i * 7 + (i >> 8) * 13);
}

static bool is_filling(const ProtobufCBinaryData *filling, uint64_t seed) {
  for (size_t i = 0; i < filling->len; i++) {
    if (filling->data[i] != filling_at(seed, i)) {
      return false;
    }
  }
  return true;
}

static void fill(uint8_t *bytes, size_t len, uint64_t seed) {
  for (size_t i = 0; i < len; i++) {
    bytes[i] = filling_at(seed, i);
  }
}

/* A status other than OK, sometimes; nothing has been done then. */
static enum sure_code refusal(struct sure_call *call) {
  if (chance_permille(sim.plan.refuse_permille)) {
    return sure_call_fail(call, SURE_NOT_FOUND, "no such account");
  }
  if (!sim.is_healed && chance_permille(sim.plan.abort_permille)) {
    enum sure_code code = chance_below(2) == 0 ? SURE_ABORTED : SURE_UNAVAILABLE;
    return sure_call_fail(call, code, "not now");
  }
  return SURE_OK;
}

/* False: nobody made such a request. */
static bool is_known(const struct sure_call *call, uint64_t deed_number,
                     const ProtobufCBinaryData *padding, uint32_t reply_len) {
  const struct deed *deed = model_deed(deed_number);
  if (deed == NULL || deed->method != sure_call_method(call) || reply_len > REPLY_LEN_MAX ||
      !is_filling(padding, deed_number)) {
    sim_fail("a handler got a request that nobody made");
    return false;
  }
  return true;
}

static void fill_in(struct sure_call *call, uint64_t deed, uint64_t receipt, uint32_t len,
                    Sim__V1__ChargeReply *reply) {
  reply->deed = deed;
  reply->receipt = receipt;
  reply->padding.len = len;
  reply->padding.data = len == 0 ? NULL : sure_call_alloc(call, len);
  fill(reply->padding.data, len, receipt);
}

static void apply(const uint64_t *store_number, const struct sure_call *call,
                  const Sim__V1__ChargeReply *reply) {
  struct effect effect = {.origin = {call->op.session, call->op.sequence},
                          .store = *store_number,
                          .reply_hash = hash_reply(reply),
                          .stamp = sure_call_stamp(call)};
  model_apply(model_deed(reply->deed), &effect);
}

static enum sure_code perform(const uint64_t *store_number, struct sure_call *call,
                              uint64_t deed_number, uint32_t reply_len,
                              Sim__V1__ChargeReply *reply) {
  enum sure_code code = refusal(call);
  if (code != SURE_OK) {
    return code;
  }
  fill_in(call, deed_number, chance_below(UINT64_MAX), reply_len, reply);
  if (sim.plan.store_mode == STORE_SQLITE && !ledger_insert(call->transaction, deed_number)) {
    return sure_call_fail(call, SURE_UNAVAILABLE, "the ledger can't be written");
  }
  if (!sim.is_healed && chance_permille(sim.plan.leave_permille)) {
    sim_fault(FAULT_STORE, "a handler leaves the transaction");
    sim.coverage[COVER_BATCH_VOID]++;
    ledger_leave(call->transaction);
  }
  apply(store_number, call, reply);
  return SURE_OK;
}

static enum sure_code charge(void *user, struct sure_call *call,
                             const Sim__V1__ChargeRequest *request, Sim__V1__ChargeReply *reply) {
  if (!is_known(call, request->deed, &request->padding, request->reply_len)) {
    return SURE_INTERNAL;
  }
  return perform(user, call, request->deed, request->reply_len, reply);
}

static enum sure_code pay(void *user, struct sure_call *call, const Sim__V1__PayRequest *request,
                          Sim__V1__ChargeReply *reply) {
  if (!is_known(call, request->deed, &request->padding, request->reply_len)) {
    return SURE_INTERNAL;
  }
  return perform(user, call, request->deed, request->reply_len, reply);
}

struct order {
  const uint64_t *store_number;
  uint64_t deed;
  uint32_t reply_len;
};

static enum sure_code apply_order(void *user, struct sure_call *call, ProtobufCMessage *reply) {
  const struct order *order = user;
  return perform(order->store_number, call, order->deed, order->reply_len,
                 (Sim__V1__ChargeReply *)reply);
}

/* In two phases where the server runs it as PREPARE, and in one elsewhere. */
static enum sure_code order(void *user, struct sure_call *call,
                            const Sim__V1__ChargeRequest *request, Sim__V1__ChargeReply *reply) {
  if (!call->method->plan.prepares) {
    return charge(user, call, request, reply);
  }
  if (!is_known(call, request->deed, &request->padding, request->reply_len)) {
    return SURE_INTERNAL;
  }
  enum sure_code code = refusal(call);
  struct order *plan = sure_call_alloc(call, sizeof *plan);
  if (code != SURE_OK || plan == NULL) {
    return code != SURE_OK ? code : SURE_RESOURCE_EXHAUSTED;
  }
  *plan = (struct order){user, request->deed, request->reply_len};
  return sure_call_apply(call, apply_order, plan);
}

/* When it is sent, and the other bank's answer is lost, this one knows as little as when it is not.
 */
static enum sure_code wire(void *user, struct sure_call *call,
                           const Sim__V1__ChargeRequest *request, Sim__V1__ChargeReply *reply) {
  if (!is_known(call, request->deed, &request->padding, request->reply_len)) {
    return SURE_INTERNAL;
  }
  enum sure_code code = refusal(call);
  if (code != SURE_OK) {
    return sure_call_not_applied(call, code);
  }
  bool is_cut_off = !sim.is_healed && chance_permille(sim.plan.cut_off_permille);
  if (is_cut_off && chance_below(2) == 0) {
    return SURE_DEADLINE_EXCEEDED;
  }
  struct wire sent = {
      .deed = request->deed, .receipt = chance_below(UINT64_MAX), .reply_len = request->reply_len};
  (void)snprintf(sent.key, sizeof sent.key, "%s", sure_call_effect_key(call));
  fill_in(call, sent.deed, sent.receipt, sent.reply_len, reply);
  apply(user, call, reply);
  wires_send(&sent);
  return is_cut_off ? SURE_DEADLINE_EXCEEDED : SURE_OK;
}

static enum sure_resolution ask_about_wire(void *user, struct sure_call *call,
                                           ProtobufCMessage *reply) {
  (void)user;
  if (!sim.is_healed && chance_below(2) == 0) {
    return SURE_RESOLVE_LATER;
  }
  const struct wire *sent = wires_find(sure_call_effect_key(call));
  sim.coverage[sent == NULL ? COVER_RESOLVED_NOT_APPLIED : COVER_RESOLVED_APPLIED]++;
  if (sent == NULL) {
    return SURE_RESOLVE_NOT_APPLIED;
  }
  fill_in(call, sent->deed, sent->receipt, sent->reply_len, (Sim__V1__ChargeReply *)reply);
  return SURE_RESOLVE_APPLIED;
}

static enum sure_code count(void *user, struct sure_call *call,
                            const Sim__V1__CountRequest *request, Sim__V1__CountReply *reply) {
  (void)user;
  (void)call;
  (void)request;
  reply->effects = sim.plan.store_mode == STORE_SQLITE ? ledger_count_effects(call->transaction)
                                                       : model_effect_count();
  return SURE_OK;
}

static const struct sim__v1__bank_server handlers = {
    .charge = charge,
    .pay = pay,
    .order = order,
    .wire = wire,
    .count = count,
    .remind = charge,
    .knock = charge,
};

void bank_offer(struct sure_server *server, const uint64_t *store_number) {
  static const char *const names[] = {"Charge", "Pay", "Order", "Remind", "Knock"};
  if (server == NULL) {
    abort();
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    enum sure_run_mode mode = (enum sure_run_mode)sim.plan.run_mode;
    if (strcmp(names[i], "Order") == 0 && sim.plan.store_mode != STORE_VOLATILE) {
      mode = SURE_RUN_PREPARE;
    }
    if (sure_server_set_run_mode(server, bank_method(names[i])->full_name, mode) != SURE_OK) {
      abort();
    }
  }
  void *user = (void *)(uintptr_t)store_number;
  if (sim__v1__bank_server__register(server, &handlers, user) != SURE_OK) {
    abort();
  }
  if (sure_server_set_reconciler(server, bank_method("Wire")->full_name, ask_about_wire, NULL) !=
      SURE_OK) {
    abort();
  }
}

const struct sure_method *bank_method(const char *name) {
  const struct sure_service *service = &sim__v1__bank_service;
  for (size_t i = 0; i < service->method_count; i++) {
    if (strcmp(strchr(service->methods[i].full_name, '/') + 1, name) == 0) {
      return &service->methods[i];
    }
  }
  abort();
}

static struct sure_bytes pack(const ProtobufCMessage *message) {
  size_t len = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(len + 1);
  if (bytes == NULL) {
    abort();
  }
  protobuf_c_message_pack(message, bytes);
  return (struct sure_bytes){bytes, len};
}

struct sure_bytes bank_request(const struct deed *deed) {
  static uint8_t padding[REPLY_LEN_MAX];
  fill(padding, deed->padding_len, deed->number);
  ProtobufCBinaryData filling = {.data = padding, .len = deed->padding_len};
  if (deed->is_keyed) {
    Sim__V1__PayRequest pay_request = SIM__V1__PAY_REQUEST__INIT;
    pay_request.payment_id = (char *)(uintptr_t)deed->key;
    pay_request.deed = deed->number;
    pay_request.padding = filling;
    pay_request.reply_len = deed->reply_len;
    return pack(&pay_request.base);
  }
  Sim__V1__ChargeRequest request = SIM__V1__CHARGE_REQUEST__INIT;
  request.deed = deed->number;
  request.padding = filling;
  request.reply_len = deed->reply_len;
  return pack(&request.base);
}

void bank_check_reply(struct sure_bytes reply) {
  Sim__V1__ChargeReply *message = sim__v1__charge_reply__unpack(NULL, reply.len, reply.data);
  if (message == NULL || !is_filling(&message->padding, message->receipt)) {
    sim_fail("a reply is not what any handler gave");
  }
  if (message != NULL) {
    sim__v1__charge_reply__free_unpacked(message, NULL);
  }
}

uint64_t bank_counted(struct sure_bytes reply) {
  Sim__V1__CountReply *message = sim__v1__count_reply__unpack(NULL, reply.len, reply.data);
  if (message == NULL) {
    sim_fail("a reply does not parse");
    return 0;
  }
  uint64_t effects = message->effects;
  sim__v1__count_reply__free_unpacked(message, NULL);
  return effects;
}
