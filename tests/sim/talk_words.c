#include <stdlib.h>
#include <string.h>

#include "talk.sure.h"
#include "tests/sim/sim.h"
#include "tests/sim/talk.h"

enum { SHORT_LEN_MAX = 200, LONG_LEN_MAX = 40000, LONG_EVERY = 5, OVERHEAD = 64 };

struct kept_talk {
  struct talk talk;
  struct kept_talk *next; /* the newest first */
};

static struct kept_talk *talks;
static uint64_t last_run;

struct talk *talk_new(uint32_t word_count, struct deed *deed) {
  struct kept_talk *kept = malloc(sizeof *kept);
  if (kept == NULL) {
    abort();
  }
  uint64_t number = talks == NULL ? 1 : talks->talk.number + 1;
  *kept = (struct kept_talk){{.number = number, .word_count = word_count, .deed = deed}, talks};
  talks = kept;
  return &kept->talk;
}

const struct talk *talk_find(uint64_t number) {
  const struct kept_talk *kept = talks;
  while (kept != NULL && kept->talk.number != number) {
    kept = kept->next;
  }
  return kept == NULL ? NULL : &kept->talk;
}

uint64_t talk_new_run(void) {
  return ++last_run;
}

void talks_clear(void) {
  last_run = 0;
  while (talks != NULL) {
    struct kept_talk *gone = talks;
    talks = gone->next;
    free(gone);
  }
}

const struct sure_method *talk_method(const char *name) {
  const struct sure_service *service = &sim__v1__room_service;
  for (size_t i = 0; i < service->method_count; i++) {
    if (strcmp(strchr(service->methods[i].full_name, '/') + 1, name) == 0) {
      return &service->methods[i];
    }
  }
  abort();
}

bool talk_is_of(uint64_t method_id) {
  return method_id == talk_method("Chat")->id || method_id == talk_method("Vow")->id ||
         method_id == talk_method("Recite")->id;
}

static uint64_t hash(const struct word *word, enum talk_direction direction) {
  uint64_t value = (word->talk * 2 + direction) * 1000003 + word->number;
  return value * UINT64_C(0x9E3779B97F4A7C15) >> 20;
}

size_t word_filling_len(const struct word *word, enum talk_direction direction) {
  size_t len_max = word->number % LONG_EVERY == 0 ? LONG_LEN_MAX : SHORT_LEN_MAX;
  size_t allowed = sim.plan.message_len_max - OVERHEAD;
  return hash(word, direction) % (len_max < allowed ? len_max : allowed);
}

uint8_t word_filling(const struct word *word, enum talk_direction direction) {
  return (uint8_t)(hash(word, direction) >> 24);
}

static bool is_filled(const struct word *word, struct sure_bytes filling,
                      enum talk_direction direction) {
  bool is_right = filling.len == word_filling_len(word, direction);
  if (filling.len > 0) {
    bool is_even = memcmp(filling.data, filling.data + 1, filling.len - 1) == 0;
    is_right = is_right && is_even && filling.data[0] == word_filling(word, direction);
  }
  return is_right;
}

void word_check(const struct word *word, struct sure_bytes filling, enum talk_direction direction,
                uint32_t next, const struct talk *talk) {
  const char *side = direction == TALK_UP ? "server" : "client";
  if (talk == NULL || word->talk != talk->number) {
    sim_fail("a %s heard a word of another talk", side);
  } else if (word->number != next || next > talk->word_count) {
    sim_fail("talk %llu: a %s heard word %u where %u was due", (unsigned long long)word->talk, side,
             word->number, next);
  } else if (!is_filled(word, filling, direction)) {
    sim_fail("talk %llu: word %u came spoilt", (unsigned long long)word->talk, next);
  }
}
