#include <stdlib.h>

#include "talk.sure.h"
#include "tests/sim/bank.h"
#include "tests/sim/sim.h"
#include "tests/sim/talk.h"

const struct talk *recital_new(uint32_t word_count) {
  struct talk *talk = talk_new(word_count, NULL);
  for (uint32_t i = 0; i < word_count; i++) {
    struct deed *deed = model_new_deed(talk_method("Recite"));
    deed->is_keyed = true; /* its call may be made again, by anybody */
    talk->first_deed = i == 0 ? deed->number : talk->first_deed;
  }
  return talk;
}

const struct talk *recital_some(void) {
  const struct talk *chosen = NULL;
  uint64_t seen = 0;
  const struct talk *talk;
  for (uint64_t number = 1; (talk = talk_find(number)) != NULL; number++) {
    if (talk->first_deed != 0 && chance_below(++seen) == 0) {
      chosen = talk;
    }
  }
  return chosen;
}

void recital_key(const struct talk *recital, char *key, size_t len) {
  (void)snprintf(key, len, "recital-%llu", (unsigned long long)recital->number);
}

/* The last word of it, said again. */
static bool is_last_word(const struct talk *recital, struct sure_bytes reply) {
  Sim__V1__Word *word = sim__v1__word__unpack(NULL, reply.len, reply.data);
  bool is_right =
      word != NULL && word->talk == recital->number && word->number == recital->word_count;
  sim__v1__word__free_unpacked(word, NULL);
  return is_right;
}

void recital_check(const struct talk *recital, const struct answer *answer,
                   struct sure_bytes reply) {
  unsigned long long number = recital->number;
  if (answer->code == SURE_OK && !is_last_word(recital, reply)) {
    sim_fail("recital %llu is OK, and not after its last word", number);
  }
  if (answer->reason == SURE_REASON_STREAM_LOST) {
    sim_fail("recital %llu was lost, though it is in the store", number);
  }
  if (answer->code == SURE_FAILED_PRECONDITION && answer->reason == SURE_REASON_CHANNEL) {
    sim_fail("recital %llu is told that it has fewer words than itself", number);
  }
  for (uint32_t i = 0; i < recital->word_count; i++) {
    model_check_answer(model_deed(recital->first_deed + i), answer);
  }
}
