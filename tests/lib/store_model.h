/* The contract of sure/store.h once more, as dumb as can be: lists that are searched from one end
 * to the other, no limits but one, and nothing that is ever reused. What a store says is compared
 * with what this says. */
#ifndef TESTS_LIB_STORE_MODEL_H
#define TESTS_LIB_STORE_MODEL_H

#include <stdbool.h>
#include <sure/store.h>

enum { MODEL_SESSIONS_MAX = 64, MODEL_ROWS_MAX = 4096, MODEL_NUMBERS_MAX = 64 };

enum model_state { MODEL_INTENT, MODEL_RECORD, MODEL_TOMBSTONE };

/* A call's row, or a key's. */
struct model_row {
  bool is_gone;
  bool is_key;
  size_t session;    /* of a call */
  uint64_t sequence; /* of a call */
  uint8_t key;       /* of a key: its first byte */
  enum model_state state;
  unsigned owner; /* who has written it: which opening of the store */
  bool in_doubt;  /* an intent whose owner has given it up */
  uint64_t claim; /* of a key whose call commits as it goes: as the store numbers them; 0: none */
  uint64_t position;
  struct sure_fingerprint fingerprint;
  enum sure_code code;
  uint64_t reply; /* which run has made it */
};

struct model_session {
  bool is_gone;
  uint8_t id;
  bool is_fenced;
  int64_t stamp_ms;
  bool is_acked[MODEL_NUMBERS_MAX];
};

struct model {
  bool is_durable;
  uint32_t session_records_max;
  unsigned opening; /* of the store, from 0 */
  uint64_t run_count;
  struct model_session sessions[MODEL_SESSIONS_MAX];
  size_t session_count;
  struct model_row rows[MODEL_ROWS_MAX];
  size_t row_count;
};

/* What the handler of a CALL, or an ADVANCE, does. */
struct model_run {
  enum sure_code code;
  bool is_kept; /* if the code is not SURE_OK */
};

/* What an op must come to. */
struct model_answer {
  enum sure_store_verdict verdict;
  bool has_record;
  enum sure_code code;
  uint64_t reply;     /* with REPLAYED: which run has made it, from 1 */
  size_t doubt_count; /* of DOUBTS */
  uint64_t position;  /* of CLAIM, if it is GRANTED */
};

struct model_answer model_decide(struct model *model, const struct sure_store_op *op,
                                 const struct model_run *run);
/* The key of `op`; NULL: nobody has used it. */
struct model_row *model_find_key(struct model *model, const struct sure_store_op *op);
/* The process has died, and another has opened the store. */
void model_reopen(struct model *model);

#endif
