#include "tests/lib/store_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 8, SESSIONS = 3, OPS_MAX = 1500 };

static const uint8_t key_bytes[] = "kK";

static uint8_t take(struct store_script *script) {
  if (script->len == 0) {
    return 0;
  }
  script->len--;
  return *script->data++;
}

/* Replies and messages are the number of the run that made them. */
static bool run(void *user, struct sure_store_op *op, void *transaction,
                struct sure_record *out_record) {
  struct store_script *script = user;
  (void)transaction;
  script->run_reply = ++script->run_count;
  *out_record = (struct sure_record){.code = script->next_run.code};
  struct sure_bytes bytes = {(const uint8_t *)&script->run_reply, sizeof script->run_reply};
  struct sure_bytes *place =
      out_record->code == SURE_OK ? &out_record->reply : &out_record->message;
  return sure_store_op_copy(op, bytes, place) && script->next_run.is_kept;
}

/* Memory of one op at a time. */
static void *alloc(void *user, size_t size) {
  static _Alignas(max_align_t) uint8_t memory[65536];
  size_t *used = user;
  size_t at = *used;
  *used += (size + 15) / 16 * 16;
  return *used <= sizeof memory ? memory + at : NULL;
}

static void done(void *user, struct sure_store_op *const *ops, size_t count) {
  *(bool *)user = count == 1 && ops[0]->verdict != SURE_STORE_PENDING;
}

static uint64_t reply_of(const struct sure_record *record) {
  uint64_t number = 0;
  struct sure_bytes bytes = record->code == SURE_OK ? record->reply : record->message;
  if (bytes.len == sizeof number) {
    memcpy(&number, bytes.data, sizeof number);
  }
  return number;
}

static bool compare(struct store_script *script, const struct sure_store_op *op,
                    const struct model_answer *expected) {
  bool is_same = op->verdict == expected->verdict &&
                 (!expected->has_record || (op->record.code == expected->code &&
                                            reply_of(&op->record) == expected->reply)) &&
                 op->doubt_count == expected->doubt_count &&
                 (op->verdict != SURE_STORE_GRANTED || op->kind != SURE_STORE_CLAIM ||
                  op->position == expected->position) &&
                 script->run_count == script->model.run_count;
  if (!is_same) {
    snprintf(script->problem, sizeof script->problem,
             "op %d on session %u, number %llu, key %u: verdict %d (code %d, reply %llu) and %llu "
             "runs, where the list says %d (code %d, reply %llu) and %llu runs",
             (int)op->kind, op->session.bytes[0], (unsigned long long)op->sequence,
             op->key.len > 0 ? op->key.data[0] : 0, (int)op->verdict, (int)op->record.code,
             (unsigned long long)reply_of(&op->record), (unsigned long long)script->run_count,
             (int)expected->verdict, (int)expected->code, (unsigned long long)expected->reply,
             (unsigned long long)script->model.run_count);
  }
  return is_same;
}

/* Mostly the requests of one number, or of one key, are the same. */
static struct sure_fingerprint print_of(const struct sure_store_op *op, uint8_t choice) {
  uint64_t low = op->key.len > 0 ? op->key.data[0] : op->sequence;
  return (struct sure_fingerprint){.low = low, .high = choice >= 0xF0 ? 2 : 1};
}

static void fill_call(struct store_script *script, struct sure_store_op *op, uint8_t choice) {
  static const enum sure_code codes[] = {SURE_OK, SURE_OK, SURE_NOT_FOUND, SURE_ABORTED};
  script->next_run = (struct model_run){codes[choice / 4 % 4], choice / 4 % 4 == 2};
  op->method = 7;
  op->key = (struct sure_bytes){key_bytes + choice / 16 % 2, choice / 64 % 2};
  op->fingerprint = print_of(op, choice);
  op->run = run;
  op->run_user = script;
}

static uint64_t *claims_of(struct store_script *script, const struct sure_store_op *op) {
  return script->claims[op->key.data[0] == key_bytes[0]];
}

/* Mostly it has the last claim; or the one before. */
static void fill_claim(struct store_script *script, struct sure_store_op *op, uint8_t choice) {
  const struct model_row *key = model_find_key(&script->model, op);
  op->claim = claims_of(script, op)[choice % 5 == 0];
  op->position = (key == NULL ? 0 : key->position) + choice / 16;
}

static void note_claim(struct store_script *script, const struct sure_store_op *op) {
  uint64_t *claims = claims_of(script, op);
  claims[1] = claims[0];
  claims[0] = op->claim;
  model_find_key(&script->model, op)->claim = op->claim;
}

static void fill(struct store_script *script, struct sure_store_op *op, struct sure_range *ranges) {
  uint8_t choice = take(script);
  uint64_t number = 1 + choice % NUMBERS;
  switch (op->kind) {
  case SURE_STORE_ATTACH:
    op->create = choice < 160;
    break;
  case SURE_STORE_CALL:
  case SURE_STORE_INTENT:
  case SURE_STORE_COMPLETE:
  case SURE_STORE_RESOLVE:
    op->sequence = number;
    op->record_wanted = choice < 0xE0;
    op->in_doubt = op->kind == SURE_STORE_COMPLETE && choice / 8 % 2 == 0;
    fill_call(script, op, take(script));
    op->record.code = script->next_run.code; /* what COMPLETE keeps */
    break;
  case SURE_STORE_CLAIM:
  case SURE_STORE_ADVANCE:
  case SURE_STORE_CONCLUDE:
    op->sequence = number;
    op->record_wanted = choice < 0x60;
    fill_call(script, op, take(script) | 1 << 6); /* these have a key */
    op->record.code = script->next_run.code;
    fill_claim(script, op, choice);
    break;
  case SURE_STORE_ACK:
    op->watermark = 1 + choice % 4;
    ranges[0] = (struct sure_range){op->watermark + 1 + choice / 16 % 3,
                                    op->watermark + 1 + choice / 16 % 3 + choice / 64};
    op->ranges = ranges;
    op->range_count = choice % 2;
    break;
  case SURE_STORE_SETTLE:
    op->sequence = choice < 0xE0 ? number : 0;
    fill_call(script, op, take(script));
    if (choice % 2 == 0) {
      op->fingerprint = (struct sure_fingerprint){0}; /* not known any more */
    }
    break;
  case SURE_STORE_DOUBTS:
    op->sequence = choice % 3;
    break;
  case SURE_STORE_CLOSE:
  case SURE_STORE_RENEW:
    break;
  case SURE_STORE_SWEEP:
    op->lease_ms = 100;
    op->retention_ms = 300;
    script->now_ms += choice;
    break;
  }
  op->now_ms = script->now_ms;
}

static bool reopen(struct store_script *script) {
  if (script->reopen != NULL) {
    script->store = script->reopen(script->user);
    model_reopen(&script->model);
  }
  return true;
}

/* An intent is completed as it was made, by a server that remembers, or resolved as it is listed.
 */
static bool is_out_of_contract(struct store_script *script, const struct sure_store_op *op) {
  if (op->kind != SURE_STORE_COMPLETE && op->kind != SURE_STORE_RESOLVE) {
    return false;
  }
  for (size_t i = 0; i < script->model.row_count; i++) {
    const struct model_row *row = &script->model.rows[i];
    const struct model_session *session = &script->model.sessions[row->session];
    if (row->is_gone || row->is_key || row->state != MODEL_INTENT || session->is_gone ||
        session->id != op->session.bytes[0] || row->sequence != op->sequence) {
      continue;
    }
    return row->fingerprint.low != op->fingerprint.low ||
           row->fingerprint.high != op->fingerprint.high;
  }
  return true;
}

bool store_script_step(struct store_script *script) {
  if (script->len == 0 || script->model.row_count + 2 > OPS_MAX ||
      script->model.session_count == MODEL_SESSIONS_MAX) {
    return false;
  }
  uint8_t choice = take(script);
  static const enum sure_store_op_kind kinds[] = {
      SURE_STORE_CALL,   SURE_STORE_CALL,     SURE_STORE_CALL,    SURE_STORE_INTENT,
      SURE_STORE_INTENT, SURE_STORE_COMPLETE, SURE_STORE_ACK,     SURE_STORE_SETTLE,
      SURE_STORE_SETTLE, SURE_STORE_ATTACH,   SURE_STORE_CLOSE,   SURE_STORE_RENEW,
      SURE_STORE_SWEEP,  SURE_STORE_DOUBTS,   SURE_STORE_RESOLVE, SURE_STORE_CLAIM,
      SURE_STORE_CLAIM,  SURE_STORE_ADVANCE,  SURE_STORE_ADVANCE, SURE_STORE_CONCLUDE};
  enum { KINDS = sizeof kinds / sizeof *kinds };
  if (choice % (KINDS + 1) == KINDS) {
    return reopen(script);
  }
  size_t used = 0;
  struct sure_range ranges[1];
  struct sure_store_op op = {
      .kind = kinds[choice % (KINDS + 1)], .alloc = alloc, .alloc_user = &used};
  memset(op.session.bytes, 1 + choice / 16 % SESSIONS, sizeof op.session.bytes);
  fill(script, &op, ranges);
  if (is_out_of_contract(script, &op)) {
    return true;
  }
  struct model_answer expected = model_decide(&script->model, &op, &script->next_run);
  struct sure_store_op *ops[] = {&op};
  bool is_done = false;
  script->store->ops->submit(script->store, ops, 1, done, &is_done);
  if (!is_done) {
    snprintf(script->problem, sizeof script->problem, "an op was not decided");
    return false;
  }
  bool is_right = compare(script, &op, &expected);
  if (is_right && op.kind == SURE_STORE_CLAIM && op.verdict == SURE_STORE_GRANTED) {
    note_claim(script, &op);
  }
  return is_right;
}
