/* A proxy that loses things at the worst moments, between a client and a server of Sure.
 *
 * It knows just enough of the frames (docs/protocol.md, section 2: length, type and sequence) to
 * tell where a REQUEST or a RESPONSE begins. For each of them it throws a die; when the die says
 * so, one of the faults below happens to the connection. Without a fault it passes on every byte,
 * half-closes, and never holds more than a bounded buffer a direction. One thread, plain sockets
 * and poll. */
#ifndef TWO_GENERALS_PROXY_H
#define TWO_GENERALS_PROXY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* name on the command line, in which direction (UP: at a REQUEST, DOWN: at a RESPONSE) */
#define PROXY_FAULT_LIST(X)                                                                        \
  X(CUT_REQUEST, "cut-request", UP) /* connection cut before the request is whole */               \
  X(CUT_AFTER, "cut-after", UP)     /* cut when the request is whole: it may be running */         \
  X(CUT_REPLY, "cut-reply", DOWN)   /* cut when the request was served, before its reply */        \
  X(CUT_MID_REPLY, "cut-mid", DOWN) /* cut in the middle of the reply */                           \
  X(HOLE_UP, "hole-up", UP)         /* from here on the client's bytes vanish, nobody is told */   \
  X(HOLE_DOWN, "hole-down", DOWN)   /* the same for the server's bytes */                          \
  X(LATE, "late", UP)               /* the request waits on the way until its retry is there */    \
  X(REPLAY, "replay", UP)           /* the client's bytes so far come again later, by themselves,  \
                                       on a connection of their own */

enum proxy_fault {
#define PROXY_FAULT_ENUM(id, name, side) PROXY_##id,
  PROXY_FAULT_LIST(PROXY_FAULT_ENUM)
#undef PROXY_FAULT_ENUM
};

#define PROXY_FAULT_COUNT   8
#define PROXY_FAULTS_ALL    ((1u << PROXY_FAULT_COUNT) - 1)
#define PROXY_URL_LEN_MAX   128
#define PROXY_ERROR_LEN_MAX 256

struct proxy_options {
  const char *listen; /* "tcp://host:port", port 0 for a free one, or "ipc:///path" */
  const char *target; /* the same; it need not be there yet */
  double loss;        /* probability of a fault for each REQUEST and RESPONSE, 0 to 1 */
  uint64_t seed;
  uint32_t faults; /* bits 1 << enum proxy_fault; 0: all */
};

struct proxy_stats {
  uint64_t connections; /* accepted from clients */
  uint64_t requests;    /* frames of that type seen, lost or not */
  uint64_t responses;
  uint64_t faults[PROXY_FAULT_COUNT];
  uint64_t replays;        /* captured streams that were sent again */
  uint64_t replay_answers; /* ATTACHED or RESPONSE frames that came back for them: must be 0 */
};

struct proxy;

/* Listens on `options->listen`. NULL on failure, with one line for a person in `error`. The strings
 * of `options` are used only here. */
struct proxy *proxy_open(const struct proxy_options *options, char error[PROXY_ERROR_LEN_MAX]);
/* Where it listens, with the port that was chosen. */
const char *proxy_url(const struct proxy *proxy);
/* Serves until `stop_fd` is readable. */
void proxy_run(struct proxy *proxy, int stop_fd);
struct proxy_stats proxy_stats(const struct proxy *proxy);
void proxy_write_stats(const struct proxy_stats *stats, FILE *out);
/* Accepts NULL; returns NULL. */
struct proxy *proxy_free(struct proxy *proxy);

/* The faults named in `list`, separated by commas, as bits; 0 if one of the names is unknown. */
uint32_t proxy_parse_faults(const char *list);

#endif
