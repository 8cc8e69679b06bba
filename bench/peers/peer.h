/* One RPC system that is measured: the same program for each, which differs in these functions.
 *
 *     bench-NAME server [PATH]            serves until SIGTERM, on a Unix socket, or else on a TCP
 *                                         port of its choice
 *     bench-NAME client ADDRESS SCENARIO COUNT SECONDS [PAYLOAD]
 *                                         measures, with so many bytes in a call; 32
 *
 * SCENARIO says what COUNT means:
 *
 *     unary       calls that are kept open on one connection: the next begins when one has ended
 *     open        calls a second, which begin when they are due, whatever has become of those
 *                 before: latencies count from then, so that a pause hides nothing
 *     blocking    threads that wait for one call each, on one connection
 *     stream      any number: messages are read from one stream
 *     others      as unary, and the peer knows what is different
 *
 * The server writes its address as a line, and in the end "cpu SECONDS peak KIB". The client writes
 * one line: "calls N seconds S p50 US p99 US p999 US cpu SECONDS peak KIB". Both are processes of
 * their own, so that they share no lock and no allocator. */
#ifndef SURE_BENCH_PEERS_PEER_H
#define SURE_BENCH_PEERS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PEER_PAYLOAD_LEN = 32, PEER_POURED_LEN = 1024, PEER_ADDRESS_SIZE = 128 };

struct peer_run;

/* Nanoseconds that never go back. */
uint64_t peer_now_ns(void);
/* The server is reachable there. */
void peer_ready(const char *address);
/* Blocks until SIGTERM, which all threads must have blocked since before main. */
void peer_wait_for_end(void);
/* Ends the program. */
void peer_fail(const char *why);

const char *peer_scenario(const struct peer_run *run);
/* That many bytes, all of them zero. */
const uint8_t *peer_payload(const struct peer_run *run, size_t *out_len);

/* The slot's call has ended. One thread at a time. True: its next one begins now. */
bool peer_ended(struct peer_run *run, unsigned slot);
/* A message that was waited for since `begun_ns` is here. The same. False: time is over. */
bool peer_count(struct peer_run *run, uint64_t begun_ns);

/* ---- what each peer defines ---- */

/* `path`: of the Unix socket; NULL: TCP over loopback. */
bool peer_serve(const char *path);
/* A connection on which so many calls may be open, each in its slot. NULL: it can't be had. */
void *peer_open(struct peer_run *run, const char *address, unsigned slots);
/* Begins the slot's next call; peer_ended follows. Any thread, peer_ended's too. */
void peer_begin(void *connection, unsigned slot);
/* A call on the same connection; several threads at once. False: there are none that block. */
bool peer_call_and_wait(void *connection);
/* No call is open. */
void peer_close(void *connection);
/* Reads messages of PEER_POURED_LEN from one stream until the run is over; counts each. False:
 * there are no streams. */
bool peer_pour(struct peer_run *run, const char *address);

#ifdef __cplusplus
}
#endif

#endif
