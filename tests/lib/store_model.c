#include "tests/lib/store_model.h"

#include <stdlib.h>

static struct model_answer just(enum sure_store_verdict verdict) {
  return (struct model_answer){.verdict = verdict};
}

static struct model_session *find_session(struct model *model, const struct sure_store_op *op) {
  for (size_t i = 0; i < model->session_count; i++) {
    if (!model->sessions[i].is_gone && model->sessions[i].id == op->session.bytes[0]) {
      return &model->sessions[i];
    }
  }
  return NULL;
}

static struct model_row *find_call(struct model *model, const struct model_session *session,
                                   uint64_t sequence) {
  for (size_t i = 0; i < model->row_count; i++) {
    struct model_row *row = &model->rows[i];
    if (!row->is_gone && !row->is_key && &model->sessions[row->session] == session &&
        row->sequence == sequence) {
      return row;
    }
  }
  return NULL;
}

struct model_row *model_find_key(struct model *model, const struct sure_store_op *op) {
  for (size_t i = 0; i < model->row_count; i++) {
    struct model_row *row = &model->rows[i];
    if (!row->is_gone && row->is_key && op->key.len > 0 && row->key == op->key.data[0]) {
      return row;
    }
  }
  return NULL;
}

static size_t count_calls(const struct model *model, const struct model_session *session,
                          bool of_intents) {
  size_t count = 0;
  for (size_t i = 0; i < model->row_count; i++) {
    const struct model_row *row = &model->rows[i];
    bool counts = !of_intents || row->state == MODEL_INTENT;
    count += !row->is_gone && !row->is_key && &model->sessions[row->session] == session && counts;
  }
  return count;
}

static struct model_row *add_row(struct model *model, const struct sure_store_op *op,
                                 enum model_state state) {
  if (model->row_count == MODEL_ROWS_MAX) {
    abort(); /* the script is shorter than that */
  }
  struct model_row *row = &model->rows[model->row_count++];
  *row =
      (struct model_row){.state = state, .owner = model->opening, .fingerprint = op->fingerprint};
  return row;
}

static void add_call(struct model *model, const struct sure_store_op *op,
                     const struct model_session *session, enum model_state state) {
  struct model_row *row = add_row(model, op, state);
  row->session = (size_t)(session - model->sessions);
  row->sequence = op->sequence;
}

static void add_key(struct model *model, const struct sure_store_op *op, enum model_state state) {
  struct model_row *row = add_row(model, op, state);
  row->is_key = true;
  row->key = op->key.data[0];
}

static bool is_same(struct sure_fingerprint a, struct sure_fingerprint b) {
  return a.low == b.low && a.high == b.high;
}

/* ---- sessions ---- */

static struct model_answer attach(struct model *model, const struct sure_store_op *op) {
  struct model_session *session = find_session(model, op);
  if (session != NULL && session->is_fenced) {
    return just(SURE_STORE_FENCED);
  }
  if (session == NULL && !op->create) {
    return just(SURE_STORE_LOST);
  }
  if (session == NULL) {
    if (model->session_count == MODEL_SESSIONS_MAX) {
      abort();
    }
    session = &model->sessions[model->session_count++];
    *session = (struct model_session){.id = op->session.bytes[0], .is_acked = {true}};
  }
  session->stamp_ms = op->now_ms;
  return just(SURE_STORE_OPEN);
}

static struct model_answer ack(struct model *model, const struct sure_store_op *op) {
  struct model_session *session = find_session(model, op);
  if (session == NULL) {
    return just(SURE_STORE_LOST);
  }
  for (uint64_t i = 1; i < MODEL_NUMBERS_MAX; i++) {
    bool is_acked = i < op->watermark;
    for (size_t r = 0; r < op->range_count; r++) {
      is_acked = is_acked || (i >= op->ranges[r].first && i <= op->ranges[r].last);
    }
    session->is_acked[i] = session->is_acked[i] || is_acked;
    struct model_row *row = find_call(model, session, i);
    if (row != NULL && is_acked && row->state != MODEL_INTENT) {
      row->is_gone = true;
    }
  }
  return just(SURE_STORE_DONE);
}

static void forget(struct model *model, struct model_session *session) {
  session->is_gone = true;
  for (size_t i = 0; i < model->row_count; i++) {
    struct model_row *row = &model->rows[i];
    row->is_gone = row->is_gone || (!row->is_key && &model->sessions[row->session] == session);
  }
}

static struct model_answer close_session(struct model *model, const struct sure_store_op *op) {
  struct model_session *session = find_session(model, op);
  if (session == NULL) {
    return just(SURE_STORE_LOST);
  }
  if (count_calls(model, session, false) == 0) {
    forget(model, session);
  } else if (!session->is_fenced) {
    session->is_fenced = true;
    session->stamp_ms = op->now_ms;
  }
  return just(SURE_STORE_DONE);
}

static struct model_answer renew(struct model *model, const struct sure_store_op *op) {
  struct model_session *session = find_session(model, op);
  if (session != NULL && !session->is_fenced) {
    session->stamp_ms = op->now_ms;
  }
  return just(session == NULL ? SURE_STORE_LOST : SURE_STORE_DONE);
}

static void sweep_session(struct model *model, const struct sure_store_op *op,
                          struct model_session *session) {
  if (session->is_fenced && op->now_ms - session->stamp_ms > op->retention_ms) {
    if (count_calls(model, session, true) == 0) {
      forget(model, session);
    } else if (!model->is_durable) {
      session->stamp_ms = op->now_ms; /* for another retention; a durable one looks again */
    }
  } else if (!session->is_fenced && op->now_ms - session->stamp_ms > op->lease_ms) {
    session->is_fenced = true;
    session->stamp_ms = op->now_ms;
  }
}

static struct model_answer sweep(struct model *model, const struct sure_store_op *op) {
  for (size_t i = 0; i < model->session_count; i++) {
    if (!model->sessions[i].is_gone) {
      sweep_session(model, op, &model->sessions[i]);
    }
  }
  return just(SURE_STORE_DONE);
}

/* ---- calls ---- */

static bool is_in_doubt(const struct model *model, const struct model_row *row) {
  return row->state == MODEL_INTENT && (row->in_doubt || row->owner != model->opening);
}

static struct model_answer undecided(const struct model *model, const struct model_row *row) {
  return just(is_in_doubt(model, row) ? SURE_STORE_IN_DOUBT : SURE_STORE_IN_PROGRESS);
}

static struct model_answer replay(const struct model_row *row) {
  return (struct model_answer){
      .verdict = SURE_STORE_REPLAYED, .has_record = true, .code = row->code, .reply = row->reply};
}

/* The same, of the call's number alone. */
static struct model_answer look_by_number(struct model *model, const struct sure_store_op *op) {
  struct model_session *session = find_session(model, op);
  if (session == NULL) {
    return just(SURE_STORE_LOST);
  }
  const struct model_row *row = find_call(model, session, op->sequence);
  if (row != NULL && row->state == MODEL_TOMBSTONE) {
    return just(SURE_STORE_TOMBSTONE);
  }
  if (row != NULL && !is_same(row->fingerprint, op->fingerprint)) {
    return just(SURE_STORE_CALL_REUSED);
  }
  if (row != NULL) {
    return row->state == MODEL_RECORD ? replay(row) : undecided(model, row);
  }
  if (session->is_acked[op->sequence]) {
    return just(SURE_STORE_STALE);
  }
  return just(session->is_fenced ? SURE_STORE_LOST : SURE_STORE_PENDING);
}

static struct model_answer look_by_key(struct model *model, const struct sure_store_op *op) {
  const struct model_row *key = model_find_key(model, op);
  if (key != NULL && key->state == MODEL_TOMBSTONE) {
    return just(SURE_STORE_TOMBSTONE);
  }
  if (key != NULL && key->state == MODEL_INTENT) {
    return undecided(model, key);
  }
  if (key != NULL) {
    return is_same(key->fingerprint, op->fingerprint) ? replay(key) : just(SURE_STORE_KEY_REUSED);
  }
  return just(SURE_STORE_PENDING);
}

/* What stands in the way of a run; PENDING: nothing. */
static struct model_answer look(struct model *model, const struct sure_store_op *op) {
  struct model_answer answer = look_by_number(model, op);
  if (answer.verdict == SURE_STORE_PENDING) {
    answer = look_by_key(model, op);
  }
  if (answer.verdict != SURE_STORE_PENDING) {
    return answer;
  }
  bool has_room = count_calls(model, find_session(model, op), false) < model->session_records_max;
  return just(has_room ? SURE_STORE_PENDING : SURE_STORE_FULL);
}

static void claim(struct model *model, const struct sure_store_op *op) {
  add_call(model, op, find_session(model, op), MODEL_INTENT);
  if (op->key.len > 0) {
    add_key(model, op, MODEL_INTENT);
  }
}

static void record(struct model_row *row, enum sure_code code, uint64_t reply) {
  row->state = MODEL_RECORD;
  row->code = code;
  row->reply = reply;
}

/* The intents of a call become records, or go. */
static void end(struct model *model, const struct sure_store_op *op, bool is_kept,
                enum sure_code code, uint64_t reply) {
  const struct model_session *session = find_session(model, op);
  struct model_row *row = find_call(model, session, op->sequence);
  struct model_row *key = model_find_key(model, op);
  if (key != NULL && key->state == MODEL_INTENT) {
    key->is_gone = !is_kept;
    record(key, code, reply);
  }
  row->is_gone = !is_kept || session->is_acked[op->sequence];
  record(row, code, reply);
}

static struct model_answer intent(struct model *model, const struct sure_store_op *op) {
  struct model_answer answer = look(model, op);
  if (answer.verdict == SURE_STORE_PENDING) {
    claim(model, op);
    answer.verdict = SURE_STORE_GRANTED;
  }
  return answer;
}

static struct model_answer call(struct model *model, const struct sure_store_op *op,
                                const struct model_run *run) {
  struct model_answer answer = op->record_wanted ? look(model, op) : just(SURE_STORE_PENDING);
  if (answer.verdict != SURE_STORE_PENDING) {
    return answer;
  }
  bool is_kept = op->record_wanted && (run->code == SURE_OK || run->is_kept);
  uint64_t reply = ++model->run_count;
  if (is_kept) {
    claim(model, op);
    end(model, op, true, run->code, reply);
  }
  return (struct model_answer){.verdict = is_kept ? SURE_STORE_RECORDED : SURE_STORE_UNRECORDED,
                               .has_record = true,
                               .code = run->code,
                               .reply = reply};
}

static struct model_answer complete(struct model *model, const struct sure_store_op *op) {
  const struct model_session *session = find_session(model, op);
  if (session == NULL) {
    return just(SURE_STORE_LOST);
  }
  struct model_row *row = find_call(model, session, op->sequence);
  if (row == NULL || row->state != MODEL_INTENT || is_in_doubt(model, row)) {
    return just(SURE_STORE_DONE);
  }
  if (!op->in_doubt) {
    end(model, op, op->record_wanted, op->record.code, 0);
    return just(SURE_STORE_DONE);
  }
  struct model_row *key = model_find_key(model, op);
  if (key != NULL && key->state == MODEL_INTENT) {
    key->in_doubt = true;
  }
  row->in_doubt = true;
  return just(SURE_STORE_DONE);
}

/* ---- calls that commit as they go ---- */

static bool is_claimed(const struct model_row *key) {
  return key != NULL && key->state == MODEL_INTENT && key->claim > 0;
}

static struct model_answer take_claim(struct model *model, const struct sure_store_op *op) {
  struct model_answer answer = look_by_number(model, op);
  if (answer.verdict != SURE_STORE_PENDING) {
    return answer;
  }
  if (!is_claimed(model_find_key(model, op))) {
    answer = look_by_key(model, op);
    if (answer.verdict != SURE_STORE_PENDING) {
      return answer;
    }
    add_key(model, op, MODEL_INTENT);
  }
  struct model_row *key = model_find_key(model, op);
  key->owner = model->opening;
  key->in_doubt = false;
  key->claim = UINT64_MAX; /* whoever has asked the store puts its number here */
  return (struct model_answer){.verdict = SURE_STORE_GRANTED, .position = key->position};
}

static struct model_answer advance(struct model *model, const struct sure_store_op *op,
                                   const struct model_run *run) {
  struct model_row *key = model_find_key(model, op);
  if (!is_claimed(key) || key->claim != op->claim) {
    return just(SURE_STORE_TAKEN_OVER);
  }
  bool is_done = run->code == SURE_OK;
  key->position = is_done ? op->position : key->position;
  return (struct model_answer){.verdict = is_done ? SURE_STORE_DONE : SURE_STORE_UNRECORDED,
                               .has_record = true,
                               .code = run->code,
                               .reply = ++model->run_count};
}

static struct model_answer conclude(struct model *model, const struct sure_store_op *op) {
  struct model_row *key = model_find_key(model, op);
  if (!is_claimed(key) || key->claim != op->claim) {
    return just(SURE_STORE_TAKEN_OVER);
  }
  if (op->record_wanted) {
    record(key, op->record.code, 0);
  } else {
    key->is_gone = key->position == 0;
    key->in_doubt = true;
  }
  return just(SURE_STORE_DONE);
}

/* ---- doubts (S15) ---- */

static struct model_answer doubts(const struct model *model, const struct sure_store_op *op) {
  size_t count = 0;
  for (size_t i = 0; i < model->row_count; i++) {
    const struct model_row *row = &model->rows[i];
    count += !row->is_gone && !row->is_key && is_in_doubt(model, row);
  }
  struct model_answer answer = just(SURE_STORE_DONE);
  answer.doubt_count = count > op->sequence ? count - op->sequence : 0;
  return answer;
}

static struct model_answer resolve(struct model *model, const struct sure_store_op *op) {
  const struct model_session *session = find_session(model, op);
  struct model_row *row = session == NULL ? NULL : find_call(model, session, op->sequence);
  if (row == NULL || !is_in_doubt(model, row)) {
    return just(SURE_STORE_STALE);
  }
  if (op->record_wanted) {
    end(model, op, true, op->record.code, 0);
    return just(SURE_STORE_DONE);
  }
  struct model_row *key = model_find_key(model, op);
  if (key != NULL && key->state == MODEL_INTENT) {
    key->state = MODEL_TOMBSTONE;
  }
  row->state = MODEL_TOMBSTONE;
  row->is_gone = session->is_acked[op->sequence];
  return just(SURE_STORE_DONE);
}

/* ---- settle (S12) ---- */

/* Keeps out what may still come. */
static struct model_answer bury(struct model *model, const struct sure_store_op *op) {
  const struct model_session *session = op->sequence == 0 ? NULL : find_session(model, op);
  bool closes_call = session != NULL && !session->is_fenced && !session->is_acked[op->sequence] &&
                     find_call(model, session, op->sequence) == NULL;
  if (closes_call && count_calls(model, session, false) >= model->session_records_max) {
    return just(SURE_STORE_FULL);
  }
  if (closes_call) {
    add_call(model, op, session, MODEL_TOMBSTONE);
  }
  return just(SURE_STORE_TOMBSTONE);
}

static struct model_answer settle(struct model *model, const struct sure_store_op *op) {
  const struct model_session *session = op->sequence == 0 ? NULL : find_session(model, op);
  const struct model_row *row = session == NULL ? NULL : find_call(model, session, op->sequence);
  const struct model_row *key = model_find_key(model, op);
  bool has_print = op->fingerprint.low != 0 || op->fingerprint.high != 0;
  bool is_other = key != NULL && key->state == MODEL_RECORD && has_print &&
                  !is_same(key->fingerprint, op->fingerprint);
  if (row != NULL && row->state == MODEL_RECORD) {
    return replay(row); /* its own record says what became of it */
  }
  if (key != NULL && key->state == MODEL_RECORD && !is_other) {
    struct model_answer closed = bury(model, op);
    return closed.verdict == SURE_STORE_FULL ? closed : replay(key);
  }
  if (key != NULL && key->state == MODEL_TOMBSTONE) {
    return bury(model, op);
  }
  if (row != NULL && row->state == MODEL_INTENT) {
    return undecided(model, row);
  }
  if (row == NULL && session != NULL && session->is_acked[op->sequence]) {
    return just(SURE_STORE_STALE);
  }
  if (is_other) {
    struct model_answer closed = bury(model, op);
    return closed.verdict == SURE_STORE_FULL ? closed : just(SURE_STORE_KEY_REUSED);
  }
  if (key != NULL) {
    return undecided(model, key);
  }
  if (session == NULL && op->key.len == 0) {
    return just(SURE_STORE_LOST);
  }
  struct model_answer answer = bury(model, op);
  if (answer.verdict == SURE_STORE_TOMBSTONE && op->key.len > 0) {
    add_key(model, op, MODEL_TOMBSTONE);
  }
  return answer;
}

struct model_answer model_decide(struct model *model, const struct sure_store_op *op,
                                 const struct model_run *run) {
  switch (op->kind) {
  case SURE_STORE_ATTACH:
    return attach(model, op);
  case SURE_STORE_CALL:
    return call(model, op, run);
  case SURE_STORE_INTENT:
    return intent(model, op);
  case SURE_STORE_COMPLETE:
    return complete(model, op);
  case SURE_STORE_ACK:
    return ack(model, op);
  case SURE_STORE_SETTLE:
    return settle(model, op);
  case SURE_STORE_CLOSE:
    return close_session(model, op);
  case SURE_STORE_RENEW:
    return renew(model, op);
  case SURE_STORE_SWEEP:
    return sweep(model, op);
  case SURE_STORE_DOUBTS:
    return doubts(model, op);
  case SURE_STORE_RESOLVE:
    return resolve(model, op);
  case SURE_STORE_CLAIM:
    return take_claim(model, op);
  case SURE_STORE_ADVANCE:
    return advance(model, op, run);
  case SURE_STORE_CONCLUDE:
    return conclude(model, op);
  }
  abort();
}

void model_reopen(struct model *model) {
  model->opening++;
}
