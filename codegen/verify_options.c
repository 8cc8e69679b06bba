/* Whether the options of one method make sense, each alone and together. */
#include "codegen/options.h"
#include "codegen/verify.h"

#include <sure/channel.h>
#include <sure/status.h>

#define ACK_DELAY_MS_MAX   60000
#define MULTIPLIER_MAX     1000
#define BACKOFF_MS_INITIAL 50 /* the defaults, as in sure/method.h */
#define BACKOFF_MS_MAX     2000

/* Field numbers, for paths: of descriptor.proto, then of sure/options.proto. */
enum {
  METHOD_OPTIONS = 4,
  METHOD_CLIENT_STREAMING = 5,
  METHOD_SERVER_STREAMING = 6,

  OPTION_SEMANTICS = 1,
  OPTION_TIMEOUT = 2,
  OPTION_ATTEMPT_TIMEOUT = 3,
  OPTION_RETRY = 4,
  OPTION_HEDGING = 5,
  OPTION_ACK_DELAY = 6,
  OPTION_PARTITION = 7,
  OPTION_EXTERNAL_EFFECTS = 8,

  RETRY_INITIAL_BACKOFF = 2,
  RETRY_MAX_BACKOFF = 3,
  RETRY_MULTIPLIER = 4,
  RETRY_CODES = 5,

  HEDGING_MAX_ATTEMPTS = 1,
  HEDGING_DELAY = 2,
  HEDGING_CODES = 3,
};

struct check {
  const struct method *method;
  const Sure__MethodOptions *options;
  struct text *errors;
};

/* Where (sure.method).`option` stands. */
static struct place at(const struct check *check, int32_t option) {
  return place_below(check->errors->arena, check->method->place,
                     (int32_t[]){METHOD_OPTIONS, OPTIONS_NUMBER, option}, 3);
}

/* Where `part` of a policy stands. */
static struct place at_part(const struct check *check, int32_t option, int32_t part) {
  return place_below(check->errors->arena, at(check, option), &part, 1);
}

static void check_streaming(const struct check *check) {
  static const int32_t client = METHOD_CLIENT_STREAMING;
  static const int32_t server = METHOD_SERVER_STREAMING;
  const struct method *method = check->method;
  const Google__Protobuf__MethodDescriptorProto *proto = method->proto;
  if (!proto->client_streaming && !proto->server_streaming)
    return;
  struct place place = place_below(check->errors->arena, method->place,
                                   proto->client_streaming ? &client : &server, 1);
  if (proto->client_streaming && method->request->key)
    verify_fail(check->errors, place,
                "rpc %s has a stream of requests and each would bring an idempotency key: take the "
                "key out of %s",
                proto->name, method->request->full_name);
  if (check->options->hedging)
    verify_fail(check->errors, at(check, OPTION_HEDGING),
                "a stream can't be hedged: remove hedging, or write rpc %s without 'stream'",
                proto->name);
}

static void check_semantics(const struct check *check) {
  const Sure__MethodOptions *options = check->options;
  if (options->has_semantics &&
      (options->semantics < SURE__METHOD_OPTIONS__SEMANTICS__EXACTLY_ONCE ||
       options->semantics > SURE__METHOD_OPTIONS__SEMANTICS__AT_MOST_ONCE))
    verify_fail(check->errors, at(check, OPTION_SEMANTICS),
                "semantics %d is not known: use EXACTLY_ONCE, AT_LEAST_ONCE or AT_MOST_ONCE",
                (int)options->semantics);
  if (options->has_semantics && check->method->semantics == SURE_NO_SIDE_EFFECTS)
    verify_fail(
        check->errors, at(check, OPTION_SEMANTICS),
        "semantics contradicts idempotency_level = NO_SIDE_EFFECTS, which says that nothing "
        "needs a promise: remove one of them");
}

static void check_external_effects(const struct check *check) {
  if (!check->options->external_effects || check->method->semantics == SURE_EXACTLY_ONCE)
    return;
  if (check->method->semantics == SURE_NO_SIDE_EFFECTS)
    verify_fail(check->errors, at(check, OPTION_EXTERNAL_EFFECTS),
                "external_effects contradicts idempotency_level = NO_SIDE_EFFECTS: remove one of "
                "them");
  else
    verify_fail(check->errors, at(check, OPTION_EXTERNAL_EFFECTS),
                "external_effects needs EXACTLY_ONCE, which records the intent: remove it or "
                "semantics");
}

static void check_partition(const struct check *check) {
  const Sure__MethodOptions *options = check->options;
  if (options->partition != SURE__METHOD_OPTIONS__PARTITION__FAIL &&
      options->partition != SURE__METHOD_OPTIONS__PARTITION__STALE_OK)
    verify_fail(check->errors, at(check, OPTION_PARTITION),
                "partition %d is not known: use FAIL or STALE_OK", (int)options->partition);
  else if (options->partition == SURE__METHOD_OPTIONS__PARTITION__STALE_OK &&
           check->method->semantics != SURE_NO_SIDE_EFFECTS)
    verify_fail(
        check->errors, at(check, OPTION_PARTITION),
        "STALE_OK is for methods that only read: add idempotency_level = NO_SIDE_EFFECTS or "
        "remove partition");
}

static void check_ms(const struct check *check, struct place place, const char *name,
                     uint32_t value, uint32_t max) {
  if (value > max)
    verify_fail(check->errors, place, "%s %u is too long: at most %u (%s)", name, value, max,
                max == SURE_CALL_TIMEOUT_MS_MAX ? "7 days" : "60 s");
}

static void check_times(const struct check *check) {
  const Sure__MethodOptions *options = check->options;
  check_ms(check, at(check, OPTION_TIMEOUT), "timeout_ms", options->timeout_ms,
           SURE_CALL_TIMEOUT_MS_MAX);
  check_ms(check, at(check, OPTION_ATTEMPT_TIMEOUT), "attempt_timeout_ms",
           options->attempt_timeout_ms, SURE_CALL_TIMEOUT_MS_MAX);
  check_ms(check, at(check, OPTION_ACK_DELAY), "ack_delay_ms", options->ack_delay_ms,
           ACK_DELAY_MS_MAX);
}

static void check_codes(const struct check *check, struct place list, const char *name,
                        const Sure__StatusCode *codes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct place place = place_below(check->errors->arena, list, (int32_t[]){(int32_t)i}, 1);
    if (codes[i] == SURE__STATUS_CODE__OK)
      verify_fail(check->errors, place, "OK in %s: it is success; remove it", name);
    else if ((int)codes[i] < 0 || (int)codes[i] > SURE_CODE_MAX)
      verify_fail(check->errors, place, "%d in %s is no status code: use 1 to %d", (int)codes[i],
                  name, SURE_CODE_MAX);
  }
}

static void check_backoff(const struct check *check, const Sure__RetryPolicy *retry) {
  uint32_t initial = retry->initial_backoff_ms ? retry->initial_backoff_ms : BACKOFF_MS_INITIAL;
  uint32_t max = retry->max_backoff_ms ? retry->max_backoff_ms : BACKOFF_MS_MAX;
  check_ms(check, at_part(check, OPTION_RETRY, RETRY_MAX_BACKOFF), "max_backoff_ms", max,
           SURE_CALL_TIMEOUT_MS_MAX);
  if (initial > max)
    verify_fail(check->errors,
                at_part(check, OPTION_RETRY,
                        retry->has_initial_backoff_ms ? RETRY_INITIAL_BACKOFF : RETRY_MAX_BACKOFF),
                "initial_backoff_ms %u is over max_backoff_ms %u: raise max_backoff_ms (default "
                "%d) or lower initial_backoff_ms (default %d)",
                initial, max, BACKOFF_MS_MAX, BACKOFF_MS_INITIAL);
  if (retry->has_backoff_multiplier &&
      !(retry->backoff_multiplier >= 1 && retry->backoff_multiplier <= MULTIPLIER_MAX))
    verify_fail(check->errors, at_part(check, OPTION_RETRY, RETRY_MULTIPLIER),
                "backoff_multiplier %g is out of range: use 1 to %d", retry->backoff_multiplier,
                MULTIPLIER_MAX);
}

static void check_retry(const struct check *check) {
  const Sure__RetryPolicy *retry = check->options->retry;
  if (!retry)
    return;
  if (check->method->semantics == SURE_AT_MOST_ONCE)
    verify_fail(check->errors, at(check, OPTION_RETRY),
                "retry contradicts AT_MOST_ONCE, which never sends again: remove one of them");
  if (check->options->hedging)
    verify_fail(check->errors, at(check, OPTION_RETRY),
                "retry and hedging exclude each other: remove one of them");
  check_backoff(check, retry);
  check_codes(check, at_part(check, OPTION_RETRY, RETRY_CODES), "retryable_status_codes",
              retry->retryable_status_codes, retry->n_retryable_status_codes);
}

static void check_hedging(const struct check *check) {
  const Sure__HedgingPolicy *hedging = check->options->hedging;
  if (!hedging)
    return;
  if (check->method->semantics == SURE_AT_MOST_ONCE)
    verify_fail(check->errors, at(check, OPTION_HEDGING),
                "hedging contradicts AT_MOST_ONCE, which never sends again: remove one of them");
  if (hedging->max_attempts < 2)
    verify_fail(check->errors, at_part(check, OPTION_HEDGING, HEDGING_MAX_ATTEMPTS),
                "hedging with max_attempts %u is none: use 2 or more, or remove hedging",
                hedging->max_attempts);
  check_ms(check, at_part(check, OPTION_HEDGING, HEDGING_DELAY), "hedging_delay_ms",
           hedging->hedging_delay_ms, SURE_CALL_TIMEOUT_MS_MAX);
  check_codes(check, at_part(check, OPTION_HEDGING, HEDGING_CODES), "non_fatal_status_codes",
              hedging->non_fatal_status_codes, hedging->n_non_fatal_status_codes);
}

/* An option that is newer than this program must not be dropped without a word. */
static void check_unknown(const struct check *check, const ProtobufCMessage *options,
                          struct place place) {
  for (unsigned i = 0; options && i < options->n_unknown_fields; i++)
    verify_fail(check->errors, place,
                "option number %u is not known to this protoc-gen-sure: use the one that came with "
                "your sure/options.proto",
                options->unknown_fields[i].tag);
}

void verify_options(const struct method *method, struct text *errors) {
  const struct check check = {method, method->options, errors};
  check_streaming(&check);
  check_semantics(&check);
  check_external_effects(&check);
  check_partition(&check);
  check_times(&check);
  check_retry(&check);
  check_hedging(&check);
  check_unknown(&check, &check.options->base, method->place);
  check_unknown(&check, (const ProtobufCMessage *)check.options->retry, at(&check, OPTION_RETRY));
  check_unknown(&check, (const ProtobufCMessage *)check.options->hedging,
                at(&check, OPTION_HEDGING));
}
