#include <stdlib.h>
#include <string.h>

#include "rpc/core/server.h"
#include "talk.sure.h"
#include "tests/sim/bank.h"
#include "tests/sim/sim.h"
#include "tests/sim/talk.h"
#include "tests/sim/wires.h"

/* One run of a handler. */
struct hearing {
  const struct talk *talk; /* NULL: no word has come yet */
  uint64_t run;
  uint32_t heard_count;
  uint32_t said_count;
  bool has_heard_all;
};

static enum sure_code say_next(struct hearing *hearing, struct sure_stream *stream,
                               bool *out_taken) {
  static uint8_t filling[64 * 1024];
  const struct word word = {hearing->talk->number, hearing->said_count + 1, hearing->run};
  Sim__V1__Word message = SIM__V1__WORD__INIT;
  message.talk = word.talk;
  message.number = word.number;
  message.run = word.run;
  message.filling.len = word_filling_len(&word, TALK_DOWN);
  message.filling.data = filling;
  memset(filling, word_filling(&word, TALK_DOWN), message.filling.len);
  enum sure_code code = sim__v1__room_server__chat__try_write(stream, &message, out_taken);
  hearing->said_count += *out_taken;
  return code;
}

static enum sure_code hear_next(struct hearing *hearing, struct sure_stream *stream,
                                bool *out_heard) {
  Sim__V1__Word *message = NULL;
  enum sure_code code = sim__v1__room_server__chat__try_read(stream, &message);
  *out_heard = code == SURE_OK && message != NULL;
  if (*out_heard) {
    const struct word word = {message->talk, message->number, 0};
    if (hearing->talk == NULL) {
      hearing->talk = talk_find(word.talk);
    }
    word_check(&word, (struct sure_bytes){message->filling.data, message->filling.len}, TALK_UP,
               ++hearing->heard_count, hearing->talk);
    sim__v1__word__free_unpacked(message, NULL);
  }
  return code;
}

/* The vow is kept, elsewhere; whether this server lives to say so or not. */
static enum sure_code keep_vow(const struct hearing *hearing, struct sure_call *call) {
  struct effect effect = {.origin = {call->op.session, call->op.sequence},
                          .reply_hash = bank_hash((struct sure_bytes){0}),
                          .stamp = sure_call_stamp(call)};
  bool is_cut_off = !sim.is_healed && chance_permille(sim.plan.cut_off_permille);
  struct wire sent = {.deed = hearing->talk->deed->number};
  (void)snprintf(sent.key, sizeof sent.key, "%s", sure_call_effect_key(call));
  model_apply(hearing->talk->deed, &effect);
  wires_send(&sent);
  return is_cut_off ? SURE_DEADLINE_EXCEEDED : SURE_OK;
}

static enum sure_code end(const struct hearing *hearing, struct sure_call *call) {
  if (hearing->talk == NULL || hearing->heard_count != hearing->talk->word_count) {
    sim_fail("a server heard the end of a talk too early");
    return SURE_INTERNAL;
  }
  return hearing->talk->deed == NULL ? SURE_OK : keep_vow(hearing, call);
}

/* Until something has to be waited for. */
static enum sure_code go_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct hearing *hearing = user;
  enum sure_code code = SURE_OK;
  bool goes_on = true;
  while (code == SURE_OK && goes_on) {
    if (hearing->said_count < hearing->heard_count) {
      code = say_next(hearing, stream, &goes_on);
    } else if (hearing->has_heard_all) {
      return end(hearing, call);
    } else {
      code = hear_next(hearing, stream, &goes_on);
      if (code == SURE_OUT_OF_RANGE) {
        hearing->has_heard_all = true;
        code = SURE_OK;
        goes_on = true;
      }
    }
  }
  return code == SURE_OK ? sure_stream_wait(stream, go_on, hearing)
                         : sure_call_not_applied(call, code);
}

static enum sure_code begin(void *user, struct sure_call *call, struct sure_stream *stream) {
  (void)user;
  if (!sim.is_healed && chance_permille(sim.plan.refuse_permille)) {
    return sure_call_not_applied(call, sure_call_fail(call, SURE_NOT_FOUND, "nobody listens"));
  }
  struct hearing *hearing = sure_call_alloc(call, sizeof *hearing);
  if (hearing == NULL) {
    abort();
  }
  hearing->run = talk_new_run();
  return go_on(hearing, call, stream);
}

static enum sure_resolution ask_about_vow(void *user, struct sure_call *call,
                                          ProtobufCMessage *reply) {
  (void)user;
  (void)reply;
  if (!sim.is_healed && chance_below(2) == 0) {
    return SURE_RESOLVE_LATER;
  }
  return wires_find(sure_call_effect_key(call)) == NULL ? SURE_RESOLVE_NOT_APPLIED
                                                        : SURE_RESOLVE_APPLIED;
}

void talk_offer(struct sure_server *server, const uint64_t *store_number) {
  static const struct sim__v1__room_server handlers = {
      .chat = begin, .vow = begin, .recite = recital_begin};
  void *user = (void *)(uintptr_t)store_number;
  if (sure_server_set_run_mode(server, talk_method("Recite")->full_name, SURE_RUN_TX) != SURE_OK ||
      sure_server_set_run_mode(server, talk_method("Chat")->full_name, SURE_RUN_POOL) != SURE_OK ||
      sim__v1__room_server__register(server, &handlers, user) != SURE_OK ||
      sure_server_set_reconciler(server, talk_method("Vow")->full_name, ask_about_vow, NULL) !=
          SURE_OK) {
    abort();
  }
}
