/* The inside of a service config: what was said, ready to be looked up by each call. */
#ifndef SURE_CLIENT_SERVICE_CONFIG_H
#define SURE_CLIENT_SERVICE_CONFIG_H

#include <sure/policy.h>
#include <sure/service_config.h>

#include "rpc/core/index.h"

/* Nothing is said of the length; 0 is a limit, the empty message. */
#define SURE__LEN_UNSAID UINT32_MAX

enum sure__waiting {
  SURE__WAITING_UNSAID,
  SURE__WAITING_FOR_READY,
  SURE__WAITING_FOR_NOTHING, /* fail-fast */
};

/* What one entry of methodConfig says. Zero is what it does not say, but for the lengths. */
struct sure__method_config {
  uint32_t timeout_ms;
  uint32_t attempt_timeout_ms;
  uint32_t request_len_max;
  uint32_t reply_len_max;
  enum sure__waiting waiting;
  bool has_retry;
  struct sure_retry_policy retry;
  struct sure_hedging_policy hedging; /* attempts_max 0: unsaid */
};

/* How an entry came to be about a method; the higher counts. */
enum sure__name_rank {
  SURE__NAMED_NOWHERE,
  SURE__NAMED_BY_SERVICE,
  SURE__NAMED_BY_METHOD,
};

/* A method of one of the services. */
struct sure__configured_method {
  struct sure__index_link by_id;
  enum sure__name_rank rank;
  const struct sure__method_config *entry; /* NULL: only the one for all methods is about it */
};

struct sure_service_config {
  struct sure__method_config *entries; /* as many as methodConfig has, in its order */
  struct sure__configured_method *methods;
  struct sure__index by_id;                 /* of them */
  const struct sure__method_config *of_all; /* the entry with the name {}; NULL: there is none */
  bool has_balancing;
  enum sure_balancing balancing;
  bool has_outlier_detection;
  struct sure_outlier_detection outlier_detection;
  struct sure_retry_throttling retry_throttling; /* max_tokens 0: unsaid */
};

/* What `config` (which may be NULL) says of a method. Never NULL. Allocates nothing. */
const struct sure__method_config *
sure__service_config_find(const struct sure_service_config *config, uint64_t method_id);
/* It has a policy that sends calls more than once. */
bool sure__method_config_repeats(const struct sure__method_config *entry);

#endif
