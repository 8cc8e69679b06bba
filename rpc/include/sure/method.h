/* The tables that protoc-gen-sure writes: what the runtime knows of a service.
 *
 * Applications do not fill these in by hand; they are public because generated code is compiled
 * with the application. */
#ifndef SURE_METHOD_H
#define SURE_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <sure/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of the structs below. A table of another number is refused at its first use with
 * SURE_FAILED_PRECONDITION: generate the code again. */
#define SURE_ABI 2

/* What the runtime promises of a method's effect (docs/exactly-once.md, "Semantics"). */
enum sure_semantics {
  SURE_EXACTLY_ONCE = 0,    /* retried freely, deduplicated by call id, reply replayed */
  SURE_NO_SIDE_EFFECTS = 1, /* retried freely, nothing recorded */
  SURE_AT_LEAST_ONCE = 2,   /* retried freely, nothing recorded: the effect may double */
  SURE_AT_MOST_ONCE = 3,    /* never sent again once a byte of it may have left */
};

/* The choice under a network partition. */
enum sure_partition {
  SURE_PARTITION_FAIL = 0,     /* consistency: an error rather than an old answer */
  SURE_PARTITION_STALE_OK = 1, /* availability: any replica may answer */
};

/* The set of codes that are retried, as bits. */
#define SURE_CODE_BIT(code) (UINT32_C(1) << (code))

/* When and how often an attempt that failed is followed by another. A zero means the default. The
 * delay before attempt n+1 is backoff_ms_initial * multiplier^(n-1), at most backoff_ms_max, times
 * a random factor from 0.8 to 1.2 (gRPC A6). Retries end at the call's deadline whatever is written
 * here; a delay that would pass it ends the call at once. */
struct sure_retry_policy {
  uint32_t attempts_max;                /* default: no limit but the deadline; 1: no retry */
  uint32_t backoff_ms_initial;          /* default 50 */
  uint32_t backoff_ms_max;              /* default 2000 */
  uint32_t backoff_multiplier_permille; /* default 1600, that is 1.6; at least 1000 */
  uint32_t retryable_codes;             /* SURE_CODE_BITs; default UNAVAILABLE */
};

/* Attempts sent in parallel, over connections of their own; the first answer that counts ends the
 * call, and the others are cancelled (gRPC A6). For EXACTLY_ONCE methods the effect happens once
 * all the same. */
struct sure_hedging_policy {
  uint32_t attempts_max;    /* all together; 0: no hedging */
  uint32_t delay_ms;        /* from one to the next; 0: all at once */
  uint32_t non_fatal_codes; /* SURE_CODE_BITs: an attempt that fails with one does not end the call
                               while others are under way or to come */
};

struct sure_method {
  const char *full_name; /* "bank.v1.Bank/Charge" */
  uint64_t id;           /* XXH3-64 of full_name (S4) */
  enum sure_semantics semantics;
  const ProtobufCMessageDescriptor *request;
  const ProtobufCMessageDescriptor *reply;
  uint32_t timeout_ms;         /* the deadline of a call that names none; 0: the channel's */
  uint32_t attempt_timeout_ms; /* 0: none */
  uint32_t ack_delay_ms;       /* until ACCEPTED is sent; 0: 10 */
  uint32_t key_field; /* number of the request field that is the idempotency key; 0: none */
  struct sure_retry_policy retry;
  struct sure_hedging_policy hedging;
  enum sure_partition partition;
  bool external_effects;
  bool client_streams; /* requests are a stream: `request` is the type of its messages */
  bool server_streams; /* the same of replies */
};

struct sure_service {
  uint32_t abi; /* SURE_ABI */
  const char *full_name;
  const struct sure_method *methods;
  size_t method_count;
};

#ifdef __cplusplus
}
#endif

#endif
