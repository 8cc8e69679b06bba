/* Talks: streams of words between an application and a server, which answers each word with another
 * one. What is to be heard follows from the number of the talk, so that whoever hears a word sees
 * whether it is the next one, and whole. */
#ifndef SURE_TESTS_SIM_TALK_H
#define SURE_TESTS_SIM_TALK_H

#include <stdint.h>
#include <sure/server.h>

#include "talk.sure.h"
#include "tests/sim/model.h"

struct client_node;

/* What was agreed before the first word. */
struct talk {
  uint64_t number; /* from 1 */
  uint32_t word_count;
  struct deed *deed;   /* what a vow has for its effect; NULL: it is a chat */
  uint64_t first_deed; /* of a recital, which has one for each word; 0: it is none */
};

/* ---- talk_words.c: what both sides know of the words ---- */

struct talk *talk_new(uint32_t word_count, struct deed *deed);
/* A number for a run of a handler. */
uint64_t talk_new_run(void);
/* NULL: there is none of that number. */
const struct talk *talk_find(uint64_t number);
const struct sure_method *talk_method(const char *name);
/* Whether a method is one of these. */
bool talk_is_of(uint64_t method_id);
void talks_clear(void);

enum talk_direction { TALK_UP, TALK_DOWN };

/* One word, packed. */
struct word {
  uint64_t talk;
  uint32_t number;
  uint64_t run;
};

size_t word_filling_len(const struct word *word, enum talk_direction direction);
uint8_t word_filling(const struct word *word, enum talk_direction direction);
/* The word of this number comes next: says what is wrong with that. */
void word_check(const struct word *word, struct sure_bytes filling, enum talk_direction direction,
                uint32_t next, const struct talk *talk);

/* ---- talk_server.c, recital_server.c ---- */

/* Words are committed to the store of this number. */
void talk_offer(struct sure_server *server, const uint64_t *store_number);
/* The handler of Recite. */
enum sure_code recital_begin(void *user, struct sure_call *call, struct sure_stream *stream,
                             Sim__V1__Word *reply);

/* ---- recital_words.c: what its clients know of a recital ---- */

/* A new one; or one that somebody has begun, to go on with. NULL: there is none of those. */
const struct talk *recital_new(uint32_t word_count);
const struct talk *recital_some(void);
void recital_key(const struct talk *recital, char *key, size_t len);
/* One of its calls has ended so. */
void recital_check(const struct talk *recital, const struct answer *answer,
                   struct sure_bytes reply);

/* ---- talk_app.c ---- */

/* An application on that client begins one. */
void talk_act(struct client_node *node);
/* One that begins in the midst of the faults and has time until long after them: it may end as it
 * will, but it must end before its time is over. */
void talk_begin_last(struct client_node *node);
/* After the faults: it must be done. */
void talk_probe(struct client_node *node, unsigned number);
/* Streams of that client have news. */
void talk_wake(struct client_node *node);

#endif
