#include <stdlib.h>
#include <string.h>

#include "rpc/core/client_stream.h"
#include "rpc/core/memory.h"
#include "rpc/net/clock.h"
#include "talk.sure.h"
#include "tests/sim/client.h"
#include "tests/sim/errand.h"
#include "tests/sim/talk.h"

enum { BURST_MAX = 8, FEW_WORDS = 6, WORDS_MAX = 30, MANY_WORDS = 300, LAST_TIMEOUT_MS = 26000 };

enum purpose { ORDINARY, LAST, PROBE };

/* The client's side of a talk. */
struct speaker {
  struct errand errand;
  struct sure__client_stream stream;
  const struct talk *talk;
  enum purpose purpose;
  unsigned probe_number;
  uint32_t said_count;
  uint32_t heard_count;
  uint64_t run; /* that answers; 0: none has yet */
  bool has_said_all;
  bool has_turn; /* one is planned */
};

/* ---- words ---- */

static struct sure__stream_message *pack(const struct word *word) {
  static uint8_t filling[64 * 1024];
  Sim__V1__Word message = SIM__V1__WORD__INIT;
  message.talk = word->talk;
  message.number = word->number;
  message.filling.len = word_filling_len(word, TALK_UP);
  message.filling.data = filling;
  memset(filling, word_filling(word, TALK_UP), message.filling.len);
  size_t len = sim__v1__word__get_packed_size(&message);
  struct sure__stream_message *packed = sure__alloc(sizeof *packed + len);
  if (packed == NULL) {
    abort();
  }
  packed->len = len;
  sim__v1__word__pack(&message, packed->data);
  return packed;
}

/* False: there is no room, or nothing more to say. */
static bool say(struct speaker *speaker) {
  struct sure__client *engine = speaker->errand.node->engine;
  if (speaker->has_said_all) {
    return false;
  }
  if (speaker->said_count == speaker->talk->word_count) {
    sure__client_stream_done_writing(engine, &speaker->stream, sure__clock_ms());
    speaker->has_said_all = true;
    return false;
  }
  const struct word word = {speaker->talk->number, speaker->said_count + 1, 0};
  struct sure__stream_message *packed = pack(&word);
  if (!sure__client_stream_write(engine, &speaker->stream, packed, sure__clock_ms())) {
    sure__free(packed);
    return false;
  }
  speaker->said_count++;
  return true;
}

/* False: there is nothing. */
static bool hear(struct speaker *speaker) {
  struct sure__stream_message *packed =
      sure__client_stream_read(speaker->errand.node->engine, &speaker->stream, sure__clock_ms());
  if (packed == NULL) {
    return false;
  }
  Sim__V1__Word *message = sim__v1__word__unpack(NULL, packed->len, packed->data);
  sure__free(packed);
  if (message == NULL) {
    sim_fail("a client heard what is no word");
    return false;
  }
  const struct word word = {message->talk, message->number, message->run};
  word_check(&word, (struct sure_bytes){message->filling.data, message->filling.len}, TALK_DOWN,
             ++speaker->heard_count, speaker->talk);
  if (speaker->run != 0 && speaker->run != word.run) {
    sim_fail("talk %llu: another run of the handler answers in the middle of it",
             (unsigned long long)speaker->talk->number);
  }
  speaker->run = word.run;
  sim__v1__word__free_unpacked(message, NULL);
  return true;
}

/* ---- its turns ---- */

static void turn(void *thing, uint64_t number);

static void turn_soon(struct speaker *speaker, uint64_t within_ms) {
  if (!speaker->has_turn && speaker->errand.is_open) {
    speaker->has_turn = true;
    event_at(sim.now_ms + chance_below(within_ms + 1), &speaker->errand.node->process, turn,
             speaker, 0);
  }
}

/* Whoever stops because he must wait is woken; whoever stops of his own will comes again. */
static void turn(void *thing, uint64_t number) {
  struct speaker *speaker = thing;
  (void)number;
  speaker->has_turn = false;
  if (!speaker->errand.is_open) {
    return;
  }
  uint64_t burst = 1 + chance_below(BURST_MAX);
  bool says = true;
  bool hears = true;
  for (uint64_t i = 0; i < burst && (says || hears); i++) {
    says = says && say(speaker);
    hears = hears && hear(speaker);
  }
  client_finish(speaker->errand.node);
  if (says || hears) {
    turn_soon(speaker, 20);
  }
}

void talk_wake(struct client_node *node) {
  struct sure__list *link;
  while ((link = sure__list_pop(&node->engine->woken)) != NULL) {
    struct sure__client_stream *stream =
        sure__container_of(link, struct sure__client_stream, woken);
    turn_soon(sure__container_of(stream, struct speaker, stream), 5);
  }
}

/* ---- its end ---- */

/* Only a server that dies, or goes, may lose a stream; or a store that fails, or a lease. */
static bool may_be_lost(void) {
  return sim.plan.server_count > 1 || sim.faults[FAULT_CRASH] > 0 || sim.faults[FAULT_STORE] > 0 ||
         sim.plan.session_lease_ms < sim.plan.chaos_ms || sim.plan.skew_every_ms > 0;
}

static bool is_recital(const struct speaker *speaker) {
  return speaker->talk->first_deed != 0;
}

/* A call of one leaves no number behind: it is gone on with by its key, or not at all. */
static void recital_ended(const struct speaker *speaker, const struct sure__client_call *done) {
  struct answer answer = errand_answer(&speaker->errand, done);
  recital_check(speaker->talk, &answer, done->end.reply);
  if (answer.outcome == SURE_OUTCOME_UNKNOWN && done->end.id.epoch != 0) {
    sure__client_release(speaker->errand.node->engine, done->end.id, sure__clock_ms());
  }
}

static void check_end(const struct speaker *speaker, const struct sure__end *end) {
  unsigned long long number = speaker->talk->number;
  bool has_heard_all = is_recital(speaker) || speaker->heard_count == speaker->talk->word_count;
  bool may_be_told_early = is_recital(speaker); /* another one has said it all */
  if (end->code == SURE_OK && !(has_heard_all && (speaker->has_said_all || may_be_told_early))) {
    sim_fail("talk %llu is OK after %u of %u words", number, speaker->heard_count,
             speaker->talk->word_count);
  }
  if (end->code == SURE_DATA_LOSS && speaker->talk->deed == NULL) {
    sim_fail("talk %llu has lost nothing that it could speak of", number);
  }
  if (end->reason == SURE_REASON_STREAM_LOST && !may_be_lost()) {
    sim_fail("talk %llu was lost, and nobody had died", number);
  }
  if (end->code == SURE_DEADLINE_EXCEEDED && speaker->purpose != ORDINARY) {
    sim_fail("stuck: talk %llu does not get on, %u of %u words heard", number, speaker->heard_count,
             speaker->talk->word_count);
  }
  sim.coverage[COVER_STREAM_LOST] += end->reason == SURE_REASON_STREAM_LOST;
  sim.coverage[COVER_STREAM_DONE] += end->code == SURE_OK;
  sim.coverage[COVER_STREAM_RESUMED] += end->code == SURE_OK && end->attempts > 1;
}

static void probe_again(void *thing, uint64_t number) {
  talk_probe(thing, (unsigned)number);
}

/* Its connection became old, and the next one led to another server. */
static bool has_strayed(const struct sure__end *end) {
  return end->reason == SURE_REASON_STREAM_LOST && sim.plan.connection_age_ms > 0 &&
         sim.plan.server_count > 1;
}

static void ended(struct errand *errand, const struct sure__client_call *done) {
  struct speaker *speaker = (struct speaker *)errand;
  while (hear(speaker)) {
  }
  check_end(speaker, &done->end);
  sure__client_stream_fini(&speaker->stream);
  if (speaker->purpose == PROBE && !has_strayed(&done->end)) {
    app_probe_ended(errand->node, &done->end, speaker->probe_number, probe_again);
  }
  if (is_recital(speaker)) {
    recital_ended(speaker, done);
  }
  if (speaker->talk->deed == NULL) {
    return;
  }
  struct answer answer = errand_answer(errand, done);
  model_check_answer(speaker->talk->deed, &answer);
  if (answer.outcome == SURE_OUTCOME_UNKNOWN && done->end.id.epoch != 0) {
    app_settle_later(errand->node, speaker->talk->deed, done->end.id);
  }
}

/* ---- its beginning ---- */

static struct speaker *new_speaker(struct client_node *node, enum purpose purpose,
                                   const struct talk *talk) {
  struct speaker *speaker = errand_new(sizeof *speaker, node, ended);
  speaker->talk = talk;
  speaker->purpose = purpose;
  (void)snprintf(speaker->errand.about, sizeof speaker->errand.about, "talk %llu",
                 (unsigned long long)talk->number);
  return speaker;
}

static void set_key(struct sure__client_call *call, const struct talk *recital) {
  char key[32];
  recital_key(recital, key, sizeof key);
  call->key_is_beside = true;
  if (!sure__arena_copy(&call->arena, (struct sure_bytes){(const uint8_t *)key, strlen(key)},
                        &call->key)) {
    abort();
  }
}

static struct sure__refusal begin(struct speaker *speaker, uint32_t timeout_ms) {
  struct client_node *node = speaker->errand.node;
  struct sure__client_call *call = errand_call(&speaker->errand);
  call->method = talk_method(is_recital(speaker)           ? "Recite"
                             : speaker->talk->deed == NULL ? "Chat"
                                                           : "Vow");
  if (is_recital(speaker)) {
    set_key(call, speaker->talk);
  }
  call->timeout_ms = timeout_ms;
  sure__client_stream_init(&speaker->stream, call->method, node->engine->config.message_len_max);
  call->stream = &speaker->stream;
  struct sure__refusal refusal = errand_make(&speaker->errand, call, false);
  if (refusal.text != NULL) {
    sure__client_stream_fini(&speaker->stream);
  }
  turn_soon(speaker, 5);
  return refusal;
}

/* A memory store that plays a durable one does not know which processes have died, so nobody could
 * be asked what became of a vow. */
static struct deed *perhaps_vow(void) {
  bool may_be = sim.plan.store_mode == STORE_VOLATILE || sim.plan.store_mode == STORE_SQLITE;
  return may_be && chance_below(2) == 0 ? model_new_deed(talk_method("Vow")) : NULL;
}

/* A recital, which somebody may have begun; or a talk. */
static const struct talk *choose_talk(void) {
  const struct talk *recital = chance_below(3) == 0 ? recital_some() : NULL;
  if (recital != NULL) {
    return recital;
  }
  if (chance_below(3) == 0) {
    return recital_new((uint32_t)chance_between(1, chance_below(5) == 0 ? WORDS_MAX : FEW_WORDS));
  }
  uint32_t word_count = (uint32_t)chance_between(1, chance_below(5) == 0 ? MANY_WORDS : WORDS_MAX);
  return talk_new(word_count, perhaps_vow());
}

void talk_act(struct client_node *node) {
  uint32_t timeout_ms = errand_timeout_ms();
  struct speaker *speaker = new_speaker(node, ORDINARY, choose_talk());
  if (begin(speaker, timeout_ms).text == NULL) {
    errand_perhaps_cancel(&speaker->errand, timeout_ms);
  }
}

void talk_begin_last(struct client_node *node) {
  if (node->engine != NULL) {
    struct process *before = process_enter(&node->process);
    begin(new_speaker(node, LAST, talk_new(MANY_WORDS, NULL)), LAST_TIMEOUT_MS);
    process_enter(before);
  }
}

void talk_probe(struct client_node *node, unsigned number) {
  struct process *before = process_enter(&node->process);
  bool recites = chance_below(2) == 0;
  struct speaker *speaker =
      new_speaker(node, PROBE, recites ? recital_new(WORDS_MAX) : talk_new(MANY_WORDS, NULL));
  speaker->probe_number = number;
  if (begin(speaker, 10000).text != NULL) {
    sim_fail("stuck: client %u begins no talk after all was healed", node->number);
  }
  process_enter(before);
}
