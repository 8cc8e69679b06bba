/* A service config: what the owner of a service says of its calls, as a JSON text in gRPC's own
 * format (its service_config.proto; proposals A2, A6, A48 and A50), so that times, retries and
 * balancing can be changed without compiling anything.
 *
 *     {
 *       "loadBalancingConfig": [{"round_robin": {}}],
 *       "methodConfig": [
 *         {"name": [{"service": "bank.v1.Bank"}], "timeout": "5s"},
 *         {
 *           "name": [{"service": "bank.v1.Bank", "method": "Charge"}],
 *           "timeout": "2.5s",
 *           "retryPolicy": {
 *             "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s",
 *             "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]
 *           }
 *         }
 *       ]
 *     }
 *
 * docs/options.md has every field with its unit, bounds and default, and what differs from gRPC.
 * Above all: whatever can't be taken as it is written is an error, and maxAttempts is never cut. */
#ifndef SURE_SERVICE_CONFIG_H
#define SURE_SERVICE_CONFIG_H

#include <sure/method.h>
#include <sure/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Never changes once it is parsed: any number of channels and threads may use one at a time. */
struct sure_service_config;

/* Bytes of JSON; what is longer was not written by a person. */
#define SURE_SERVICE_CONFIG_LEN_MAX (1024 * 1024)

/* Read the `len` bytes of JSON at `json`.
 *
 * `services` are those that will be called: names are looked up in them, and what is said of a
 * method is compared with its semantics. Nothing of the arguments is needed afterwards. On SURE_OK
 * the caller owns `*out_config` (sure_service_config_free); channels borrow it. Does not block. Any
 * thread.
 *
 * On an error `error_text` (which may be NULL) holds one line for a person, cut to `error_len`
 * bytes: where, and what to do, as in
 *     $.methodConfig[0].retryPolicy.maxAttempts: must be at least 2
 *     line 3, column 17: ']' expected near '}'
 *
 * SURE_INVALID_ARGUMENT: it is over SURE_SERVICE_CONFIG_LEN_MAX, no JSON, or nested more than 2048
 * deep; a field is not known, not supported, missing, there twice, of a wrong type or out of range;
 * a name is none of `services`, or comes twice; retryPolicy and hedgingPolicy are there both, or
 * one of them is there for an AT_MOST_ONCE method.
 * SURE_FAILED_PRECONDITION: a service was generated for another version of the library.
 * SURE_RESOURCE_EXHAUSTED: memory. */
SURE_API enum sure_code sure_service_config_parse(const char *json, size_t len,
                                                  const struct sure_service *const *services,
                                                  size_t service_count,
                                                  struct sure_service_config **out_config,
                                                  char *error_text, size_t error_len);

/* When no channel borrows it any more. Accepts NULL; returns NULL. */
SURE_API struct sure_service_config *sure_service_config_free(struct sure_service_config *config);

#ifdef __cplusplus
}
#endif

#endif
