/* What the checkers know: every deed that an application wanted done, how often it took effect, and
 * what was said of it. Nothing in here is known to the code under test.
 *
 * A deed is one thing to be done in the world, such as a payment. A call without a key is a deed of
 * its own; calls with the same key, by whatever client, are the same deed. */
#ifndef SURE_TESTS_SIM_MODEL_H
#define SURE_TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sure/method.h>
#include <sure/status.h>
#include <sure/store.h>

/* A deed with a key may be done once in each store: more than a run has lives of volatile ones. */
enum { EFFECTS_KEPT = 64 };

/* A call id as the server sees it. */
struct origin {
  struct sure_session_id session;
  uint64_t sequence;
};

struct effect {
  struct origin origin;
  uint64_t store; /* the life of the store that it is in; each volatile one has a number */
  uint64_t reply_hash;
  uint64_t stamp;
};

struct deed {
  uint64_t number;
  const struct sure_method *method;
  bool is_keyed;
  bool is_contested; /* another deed has the same key, and one of them is to be refused */
  char key[24];
  uint32_t padding_len;
  uint32_t reply_len;
  uint64_t after; /* whoever wanted it knew of an effect with this stamp */
  unsigned effect_count;
  struct effect effects[EFFECTS_KEPT];
  uint64_t never_in_store; /* a final word said that it is not applied in this store; 0: none */
  bool is_refused;         /* and that was a record: another final word must be the same */
  bool is_done;            /* and that was OK */
};

struct deed *model_new_deed(const struct sure_method *method);
struct deed *model_deed(uint64_t number);
uint64_t model_effect_count(void);

/* A handler did it. In a transaction, the effect counts from the commit on. */
void model_apply(struct deed *deed, const struct effect *effect);
/* Inside a transaction: from begin to end, effects are kept apart under the name of what they
 * belong to, until it is known what became of it. A run that begins anew has undone the one before.
 */
void model_begin(const void *owner);
void model_end(void);
void model_decide(const void *owner, bool is_committed);
/* For what nobody has decided: whether it happened is asked of those who can count it. */
void model_judge(uint64_t (*count)(void *user, uint64_t deed), void *user);

/* What an application was told. `store` is the life of the store that the call went to. */
struct answer {
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  bool is_recorded;
  bool is_settled;
  bool is_key_only; /* a settle by key alone */
  uint32_t attempts;
  struct origin origin; /* sequence 0: none */
  uint64_t store;       /* 0: unknown */
  uint64_t reply_hash;  /* with SURE_OK */
  uint64_t stamp;       /* of the answer */
};

void model_check_answer(struct deed *deed, const struct answer *answer);
/* The stamp of the effect that the answer is about; 0: there is none. */
uint64_t model_effect_stamp(const struct deed *deed, const struct answer *answer);
/* At the end of a run: promises about the future were kept. */
void model_check_end(void);
void model_clear(void);

#endif
