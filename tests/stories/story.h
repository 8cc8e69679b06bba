/* Stories of the protocol: what happens is a script, and what comes of it is a trace, which each
 * story spells out.
 *
 *     client_calls(CHARGE, "5");
 *     until(15);
 *     connection_is_lost();
 *     until(100);
 *     expect_story("[   0] client > REQUEST 1 attempt 1 watermark 1\n"
 *                  "[  10] server < REQUEST 1 attempt 1\n"
 *                  ...
 *
 * Client engine, server engine and memory store are the real ones. Between them is a network in
 * virtual time that takes 10 ms in each direction. [  10] is the millisecond, `>` is a frame that
 * leaves and `<` one that arrives, in the terms of docs/protocol.md; `*` is what the script does to
 * them. What else clients say is their log, and the ends of their calls.
 *
 * A story begins at 0 with one client, which has a connection and a session. Calls are numbered
 * from 1 in the order of the script, and these are the protocol's sequence numbers as well until
 * another session begins. Handlers reply "receipt N", N counting all effects: the same receipt
 * twice is one effect.
 *
 * Times that matter, in milliseconds: an attempt waits 200 for ACCEPTED or its answer; ACCEPTED
 * comes after 10; retries begin at 50; an idle client acknowledges after 50 and pings after 500,
 * which it gives 200; leases are 3000, and a fenced session is kept for 10000.
 *
 * With STORY_PRINT set in the environment, each trace is printed as a string to paste. */
#ifndef TESTS_STORIES_STORY_H
#define TESTS_STORIES_STORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sure/status.h>

enum story_method {
  CHARGE,        /* EXACTLY_ONCE, run as the memory store wants it: an intent, the run, its end */
  PAY,           /* the same; its idempotency key is the request's text up to ':' */
  CLOSE_ACCOUNT, /* EXACTLY_ONCE, in a transaction with its record */
  GET_BALANCE,   /* NO_SIDE_EFFECTS */
  ADD_NOTE,      /* AT_LEAST_ONCE */
  RING,          /* AT_MOST_ONCE */
  SEND_LETTER,   /* EXACTLY_ONCE, with an effect outside the store */
  STORY_METHODS,
};

#define STORY(name) cmocka_unit_test_setup_teardown(name, story_begin, story_end)

int story_begin(void **state);
int story_end(void **state);
/* The trace since the beginning is this text, line for line. Otherwise the test fails, and prints
 * the differences. */
#define expect_story(text) expect_story_at(text, __FILE__, __LINE__)
void expect_story_at(const char *text, const char *file, int line);

/* ---- time ---- */

/* Let time pass until this millisecond; what happens at it has happened then. */
void until(uint64_t ms);
/* Do this once, as soon as a line begins with `line` (without its time). For "server: ... is
 * committed" that is before the server knows of it. */
void as_soon_as(const char *line, void (*action)(void));
/* From here on HELLO, WELCOME, ATTACH and ATTACHED are told, too. */
void greetings_are_told(void);

/* ---- the client ---- */

void client_calls(enum story_method method, const char *text);
/* With a deadline in `within_ms`, and no more than `attempts_max` attempts unless that is 0. */
void client_calls_within(uint64_t within_ms, uint32_t attempts_max, enum story_method method,
                         const char *text);
void client_cancels(unsigned call);
/* The application asks what became of a call that ended unknown. */
void client_settles(unsigned call);
/* It cancels what is open and closes its session, as a channel does that is freed. */
void client_leaves(void);
/* Its process ends, with all that it knew. */
void client_dies(void);
/* Another process, which knows nothing of the first one: "client 2". */
void second_client_starts(void);
void second_client_calls(enum story_method method, const char *text);

/* ---- the network ---- */

/* The first client's: what is on its way is lost, and both sides notice. */
void connection_is_lost(void);
/* The same one: what is on its way, or sent from now on, does not arrive until it moves on. */
void connection_stalls(void);
/* All that have stalled; what they held back arrives after another 10 ms. */
void connections_move_on(void);
/* The connection is lost, and no other comes about until the network is back. */
void network_goes_down(void);
void network_comes_back(void);
/* On a connection of his own a stranger sends all that the client has sent so far. */
void stranger_sends_it_all_again(void);
/* A stranger who has learned the client's session makes a Charge under a number of it. */
void stranger_calls_in_the_clients_session(uint64_t sequence, const char *text);

/* ---- the server ---- */

/* Handlers that begin now do not end until they may go on. Not those in a transaction. */
void handlers_take_their_time(void);
void handlers_go_on(void);
/* From now on; SURE_OK again: a receipt. */
void handlers_return(enum sure_code code);
/* From now on; NULL: a receipt. */
void handlers_reply(const char *text);
/* The end of a run, or a whole transaction of one, waits until commits go on. */
void commits_take_their_time(void);
void commits_go_on(void);
/* So many records of one session fit into the store. */
void store_has_room_for(uint32_t record_count);
/* No new calls, and no new connections: the next server takes those. */
void server_drains(void);
void server_dies(void);
/* A server that has the former one's store. */
void next_server_starts(void);
/* One that has an empty store instead. */
void another_store_takes_its_place(void);

#endif
