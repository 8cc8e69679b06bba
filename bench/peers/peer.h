/* One RPC system that is measured: the same program for each, which differs in these functions.
 *
 *     bench-NAME server [PATH]                            serves until SIGTERM, on a Unix socket,
 *                                                         or else on a TCP port of its choice
 *     bench-NAME client ADDRESS SCENARIO COUNT SECONDS    measures
 *
 * The server writes its address as a line, and in the end "cpu SECONDS peak KIB". The client writes
 * one line: "calls N seconds S p50 US p99 US p999 US cpu SECONDS peak KIB". Both are processes of
 * their own, so that they share no lock and no allocator. */
#ifndef SURE_BENCH_PEERS_PEER_H
#define SURE_BENCH_PEERS_PEER_H

#include <stdbool.h>
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

/* A call that began at `begun_ns` has ended. One thread at a time. False: time is over. */
bool peer_count(struct peer_run *run, uint64_t begun_ns);
bool peer_is_over(const struct peer_run *run);

/* ---- what each peer defines ---- */

/* `path`: of the Unix socket; NULL: TCP over loopback. */
bool peer_serve(const char *path);
/* Keeps `outstanding` calls open on one connection until the run is over; counts each. */
bool peer_call(struct peer_run *run, const char *address, unsigned outstanding);
/* The same without the promise of exactly once, where there is one to leave out. */
bool peer_call_unrecorded(struct peer_run *run, const char *address, unsigned outstanding);
/* A connection for calls that block, which any number of threads share; NULL: there are none. */
void *peer_connect(const char *address);
bool peer_call_and_wait(void *connection);
void peer_disconnect(void *connection);
/* Reads messages of PEER_POURED_LEN from one stream until the run is over; counts each. */
bool peer_pour(struct peer_run *run, const char *address);

#ifdef __cplusplus
}
#endif

#endif
