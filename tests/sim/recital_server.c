/* The server's side of a recital: its words are committed a few at a time, each of them a deed. It
 * goes on in steps, as the simulation has no thread that could wait for its store. */
#include <stdlib.h>
#include <string.h>

#include "rpc/core/server_stream.h"
#include "rpc/server/shell.h"
#include "talk.sure.h"
#include "tests/sim/bank.h"
#include "tests/sim/ledger.h"
#include "tests/sim/sim.h"
#include "tests/sim/talk.h"

enum { BATCH_MAX = 6 };

/* One run of the handler. */
struct recitation {
  const uint64_t *store_number;
  Sim__V1__Word *reply;
  const struct talk *talk; /* NULL: no word has come yet */
  uint32_t heard_count;    /* with those that other runs have committed */
  uint32_t batch_count;    /* of them, not committed */
  uint32_t batch_wanted;
  bool has_heard_all;
  bool is_committing;
  struct sure__commit commit;
};

static uint64_t hash_reply(const struct talk *talk) {
  uint8_t bytes[64];
  Sim__V1__Word reply = SIM__V1__WORD__INIT;
  reply.talk = talk->number;
  reply.number = talk->word_count;
  size_t len = sim__v1__word__pack(&reply, bytes);
  return bank_hash((struct sure_bytes){bytes, len});
}

static enum sure_code do_deeds(void *user, struct sure_call *call) {
  const struct recitation *recitation = user;
  if (!sim.is_healed && chance_permille(sim.plan.abort_permille)) {
    return SURE_ABORTED; /* before anything is done, as a store in memory undoes nothing */
  }
  uint32_t first = recitation->heard_count - recitation->batch_count;
  for (uint32_t i = 0; i < recitation->batch_count; i++) {
    uint64_t number = recitation->talk->first_deed + first + i;
    struct effect effect = {.origin = {call->op.session, call->op.sequence},
                            .store = *recitation->store_number,
                            .reply_hash = hash_reply(recitation->talk),
                            .stamp = sure_call_next_stamp(call)};
    if (sim.plan.store_mode == STORE_SQLITE && !ledger_insert(call->transaction, number)) {
      return SURE_UNAVAILABLE;
    }
    model_apply(model_deed(number), &effect);
  }
  return SURE_OK;
}

static enum sure_code go_on(void *user, struct sure_call *call, struct sure_stream *stream);

static enum sure_code begin_commit(struct recitation *recitation, struct sure_call *call,
                                   struct sure_stream *stream) {
  struct sure__shard *shard = sure__container_of(call->server, struct sure__shard, engine);
  recitation->commit = (struct sure__commit){call, do_deeds, recitation};
  recitation->is_committing = true;
  call->op.run = sure__call_commit_in_store;
  call->op.run_user = &recitation->commit;
  pthread_mutex_lock(&shard->lock);
  sure__server_stream_commit(&shard->engine, call);
  sure__shard_finish(shard);
  return sure_stream_wait(stream, go_on, recitation);
}

static enum sure_code end_commit(struct recitation *recitation, const struct sure_call *call) {
  recitation->is_committing = false;
  recitation->batch_count = 0;
  recitation->batch_wanted = (uint32_t)chance_between(1, BATCH_MAX);
  switch (call->op.verdict) {
  case SURE_STORE_DONE:
    return SURE_OK;
  case SURE_STORE_UNRECORDED:
    return call->op.record.code;
  case SURE_STORE_TAKEN_OVER:
    sim.coverage[COVER_TAKEN_OVER]++;
    return SURE_ABORTED;
  default:
    return SURE_UNAVAILABLE;
  }
}

/* SURE_OUT_OF_RANGE: there are no more. `*out_heard`: there was one. */
static enum sure_code hear_next(struct recitation *recitation, struct sure_stream *stream,
                                bool *out_heard) {
  Sim__V1__Word *message = NULL;
  enum sure_code code = sim__v1__room_server__recite__try_read(stream, &message);
  *out_heard = code == SURE_OK && message != NULL;
  if (*out_heard) {
    const struct word word = {message->talk, message->number, 0};
    recitation->talk = recitation->talk == NULL ? talk_find(word.talk) : recitation->talk;
    word_check(&word, (struct sure_bytes){message->filling.data, message->filling.len}, TALK_UP,
               ++recitation->heard_count, recitation->talk);
    recitation->batch_count++;
    sim__v1__word__free_unpacked(message, NULL);
  }
  return code;
}

static enum sure_code gather(struct recitation *recitation, struct sure_stream *stream) {
  bool hears = true;
  enum sure_code code = SURE_OK;
  while (code == SURE_OK && hears && recitation->batch_count < recitation->batch_wanted) {
    code = hear_next(recitation, stream, &hears);
  }
  recitation->has_heard_all = code == SURE_OUT_OF_RANGE;
  return recitation->has_heard_all ? SURE_OK : code;
}

/* Its key says which recital it was, if this run has heard no word of it. */
static void say_end(const struct recitation *recitation, const struct sure_call *call) {
  static const char prefix[] = "recital-";
  char key[32] = "";
  struct sure_bytes bytes = sure_call_key(call);
  if (bytes.len < sizeof key) {
    memcpy(key, bytes.data, bytes.len);
  }
  recitation->reply->talk = strtoull(key + sizeof prefix - 1, NULL, 10);
  recitation->reply->number = recitation->heard_count;
}

static enum sure_code go_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct recitation *recitation = user;
  if (recitation->is_committing) {
    if (call->step == SURE__CALL_ADVANCES) {
      return sure_stream_wait(stream, go_on, recitation); /* that was other news */
    }
    enum sure_code code = end_commit(recitation, call);
    if (code != SURE_OK) {
      return code;
    }
  }
  enum sure_code code = gather(recitation, stream);
  if (code != SURE_OK) {
    return code;
  }
  if (recitation->batch_count > 0) {
    return begin_commit(recitation, call, stream);
  }
  if (recitation->has_heard_all) {
    say_end(recitation, call);
    return SURE_OK;
  }
  return sure_stream_wait(stream, go_on, recitation);
}

enum sure_code recital_begin(void *user, struct sure_call *call, struct sure_stream *stream,
                             Sim__V1__Word *reply) {
  if (!sim.is_healed && chance_permille(sim.plan.refuse_permille)) {
    return sure_call_fail(call, SURE_NOT_FOUND, "nobody listens");
  }
  struct recitation *recitation = sure_call_alloc(call, sizeof *recitation);
  if (recitation == NULL) {
    abort();
  }
  *recitation = (struct recitation){.store_number = user,
                                    .reply = reply,
                                    .heard_count = (uint32_t)call->op.position,
                                    .batch_wanted = (uint32_t)chance_between(1, BATCH_MAX)};
  sim.coverage[COVER_RECITAL_RESUMED] += recitation->heard_count > 0;
  return go_on(recitation, call, stream);
}
