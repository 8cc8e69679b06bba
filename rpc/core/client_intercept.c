/* Where attempts wait for the shell's interceptors, and where their ends are left for them. */
#include <string.h>

#include "rpc/core/client_state.h"

/* There is a link that it could go over now. */
static bool has_way(const struct sure__client *client, const struct sure__client_call *call) {
  bool may_be_old = call->method->partition == SURE_PARTITION_STALE_OK;
  return sure__client_any_link(client) != NULL || (may_be_old && client->replica_count > 0);
}

bool sure__client_may_begin(struct sure__client *client, struct sure__client_call *call) {
  if (!client->config.intercepts || call->leave == SURE__LEAVE_GIVEN) {
    return true;
  }
  if (call->leave == SURE__LEAVE_TO_ASK && has_way(client, call)) {
    call->leave = SURE__LEAVE_ASKED;
    sure__list_append(&client->asking, &call->asks);
  }
  return false;
}

struct sure_bytes sure__client_attempt_metadata(const struct sure__client_call *call) {
  return call->leave == SURE__LEAVE_GIVEN ? call->attempt_metadata : call->metadata;
}

/* Two packed sets, one behind the other, are one. */
static bool join(struct sure__client_call *call, struct sure_bytes more) {
  call->attempt_metadata = call->metadata;
  if (more.len == 0) {
    return true;
  }
  size_t len = call->metadata.len;
  uint8_t *bytes = sure__arena_alloc(&call->arena, len + more.len);
  if (bytes == NULL) {
    return false;
  }
  if (len > 0) {
    memcpy(bytes, call->metadata.data, len);
  }
  memcpy(bytes + len, more.data, more.len);
  call->attempt_metadata = (struct sure_bytes){bytes, len + more.len};
  return true;
}

static void let_go(struct sure__client *client, struct sure__client_call *call, uint64_t now_ms) {
  call->leave = SURE__LEAVE_GIVEN;
  if (call->phase == SURE__CALL_SENT) {
    sure__client_hedge_due(client, call, now_ms);
    sure__client_arm_call(client, call);
  }
}

/* A call that has attempts under way goes on with them, and makes no more. */
static void hold_back(struct sure__client *client, struct sure__client_call *call,
                      enum sure_code code, uint64_t now_ms) {
  call->leave = SURE__LEAVE_TO_ASK;
  if (call->phase == SURE__CALL_SENT) {
    call->is_pushed_back = true;
    return;
  }
  struct sure__answer answer = {.code = code,
                                .reason = SURE_REASON_REFUSED,
                                .text = sure__bytes_of("an interceptor did not let it through")};
  sure__list_remove(&call->link);
  sure__client_give_up(client, call, &answer, now_ms);
}

void sure__client_let_through(struct sure__client *client, uint64_t handle, enum sure_code code,
                              struct sure_bytes metadata, uint64_t now_ms) {
  struct sure__index_link *found = sure__index_find(&client->by_handle, handle);
  if (found == NULL) {
    return;
  }
  struct sure__client_call *call = sure__container_of(found, struct sure__client_call, by_handle);
  bool still_waits = call->phase == SURE__CALL_QUEUED || call->phase == SURE__CALL_SENT;
  if (call->leave != SURE__LEAVE_ASKED || !still_waits) {
    return;
  }
  if (code == SURE_OK && !join(call, metadata)) {
    code = SURE_RESOURCE_EXHAUSTED;
  }
  if (code == SURE_OK) {
    let_go(client, call, now_ms);
  } else {
    hold_back(client, call, code, now_ms);
  }
  sure__client_pump(client, now_ms);
}

/* ---- ends ---- */

void sure__client_report_attempt(struct sure__client *client, struct sure__attempt *attempt,
                                 const struct sure__answer *how, uint64_t now_ms) {
  attempt->end = (struct sure_attempt_end){
      .method = attempt->call->method,
      .attempt = attempt->number,
      .code = how->code,
      .reason = how->reason,
      .duration_ms = now_ms - attempt->sent_ms,
  };
  sure__list_append(&client->ended_attempts, &attempt->of_call);
}

void sure__client_reported(struct sure__client *client, struct sure__attempt *attempt) {
  sure__list_append(&client->attempt_pool, &attempt->of_call);
}
