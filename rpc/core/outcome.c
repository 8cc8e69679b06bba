#include "rpc/core/outcome.h"

#include "rpc/core/mutant.h"

enum sure_outcome sure__outcome(const struct sure__evidence *evidence) {
  if (evidence->recorded) {
    bool applied = evidence->code == SURE_OK || evidence->reply_lost;
    return applied ? SURE_APPLIED : SURE_NOT_APPLIED;
  }
  if (evidence->answered && evidence->code == SURE_OK) {
    return evidence->semantics == SURE_EXACTLY_ONCE ? SURE_OUTCOME_UNKNOWN : SURE_APPLIED;
  }
  if (evidence->semantics == SURE_NO_SIDE_EFFECTS || evidence->sent == evidence->undone ||
      evidence->key_reused) {
    return SURE_NOT_APPLIED;
  }
  return SURE__MUTANT(NOT_APPLIED_AFTER_SEND) ? SURE_NOT_APPLIED : SURE_OUTCOME_UNKNOWN;
}
