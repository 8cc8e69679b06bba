/* Replies and processes lost around the commit, duplicates, and bytes that come again. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/core/wire.h"
#include "world.h"

static void reply_lost_after_commit_is_replayed_and_not_run_again(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  struct end end = add_one(world->channel);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed);
  assert_int_equal(end.attempts, 2);
  assert_account(&world->server, 1, 1);
  assert_int_equal(account_of(&world->server).runs, 1);
}

static void refusal_lost_after_commit_is_replayed_and_not_run_again(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT_HALF);
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_NOT_FOUND;
  struct end end = add(world->channel, &request, NULL);
  assert_end(end, SURE_NOT_FOUND, SURE_NOT_APPLIED);
  assert_true(end.replayed && end.recorded);
  assert_account(&world->server, 0, 0);
  assert_int_equal(account_of(&world->server).runs, 1);
}

static void request_cut_in_half_is_sent_again_and_runs_once(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__REQUEST, RELAY_CUT_HALF);
  struct end end = add_one(world->channel);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_false(end.replayed);
  assert_int_equal(end.attempts, 2);
  assert_account(&world->server, 1, 1);
}

static void server_killed_between_commit_and_reply_replays_after_its_restart(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(5);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  relay_wait_fired(world->relay);
  server_kill(&world->server);
  world_restart(world);
  relay_cut(world->relay);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed);
  assert_int_equal(end.total, 5);
  assert_account(&world->server, 5, 1);
  assert_int_equal(account_of(&world->server).runs, 0);
}

static void server_killed_between_handler_and_commit_runs_it_again_once(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(5);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  server_wait_in_handler(&world->server);
  server_kill(&world->server);
  world_restart(world);
  server_let_go(&world->server);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_false(end.replayed);
  assert_account(&world->server, 5, 1);
}

static void duplicate_that_arrives_while_the_first_runs_joins_it(void **state) {
  struct world *world = *state;
  world_serve_memory(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(5);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  server_wait_in_handler(&world->server);
  relay_wait_count(world->relay, SURE__ACCEPTED, 1);
  relay_cut(world->relay);
  relay_wait_count(world->relay, SURE__ACCEPTED, 2); /* the second is parked with the first */
  server_let_go(&world->server);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.attempts, 2);
  assert_account(&world->server, 5, 1);
  assert_int_equal(account_of(&world->server).joined, 1);
  assert_int_equal(account_of(&world->server).runs, 1);
}

static void late_duplicate_below_the_watermark_does_nothing(void **state) {
  struct world *world = *state;
  world_serve(world, &(struct sure_channel_options){.accept_timeout_ms = 200});
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  struct end first = add_one(world->channel);
  assert_end(first, SURE_OK, SURE_APPLIED);
  assert_int_equal(first.attempts, 2);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED); /* raises the watermark */
  unsigned answers = relay_count(world->relay, SURE__RESPONSE);
  relay_release(world->relay);
  relay_wait_count(world->relay, SURE__RESPONSE, answers + 1);
  assert_int_equal(relay_last_answer(world->relay).reason, SURE_REASON_STALE);
  assert_account(&world->server, 2, 2);
  assert_int_equal(account_of(&world->server).stale, 1);
}

/* The second call is acknowledged while the first is still open: a number in the acked ranges. */
static void late_duplicate_of_a_selectively_acked_call_does_nothing(void **state) {
  struct world *world = *state;
  world_serve_memory(world, &(struct sure_channel_options){.accept_timeout_ms = 200});
  Sure__E2e__V1__AddRequest request = add_request(10);
  request.meets = true;
  struct pending *slow = pending_add(world, world->channel, &request, NULL);
  server_wait_in_handler(&world->server);
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  unsigned acks = relay_count(world->relay, SURE__ACK);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  relay_wait_count(world->relay, SURE__ACK, acks + 1);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED); /* the server has read the ACK */
  unsigned answers = relay_count(world->relay, SURE__RESPONSE);
  relay_release(world->relay);
  relay_wait_count(world->relay, SURE__RESPONSE, answers + 1);
  assert_int_equal(relay_last_answer(world->relay).reason, SURE_REASON_STALE);
  server_let_go(&world->server);
  assert_end(pending_wait(slow), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 12, 3);
}

static int connect_raw(const char *url) {
  unsigned long port = strtoul(strrchr(url, ':') + 1, NULL, 10);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

/* One frame a time, each after the answer to the one before: as patiently as a thief can be. */
static void send_patiently(int fd, const uint8_t *bytes, size_t len) {
  uint8_t answer[4096];
  while (len >= 4) {
    size_t frame_len = sure__get_u32(bytes);
    bool is_sent = frame_len <= len && send(fd, bytes, frame_len, MSG_NOSIGNAL) > 0;
    if (!is_sent || recv(fd, answer, sizeof answer, 0) <= 0) {
      return;
    }
    bytes += frame_len;
    len -= frame_len;
  }
}

static void captured_byte_stream_replayed_on_a_new_connection_does_nothing(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  uint8_t bytes[4096];
  size_t len = relay_captured(world->relay, bytes, sizeof bytes);
  assert_true(len > 0);
  int at_once = connect_raw(world->server.url);
  assert_int_equal(send(at_once, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
  int patient = connect_raw(world->server.url);
  send_patiently(patient, bytes, len);
  assert_account(&world->server, 1, 1);
  wait_until(account_of(&world->server).protocol_errors == 2);
  assert_account(&world->server, 1, 1);
  close(at_once);
  close(patient);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(reply_lost_after_commit_is_replayed_and_not_run_again),
      E2E_TEST(refusal_lost_after_commit_is_replayed_and_not_run_again),
      E2E_TEST(request_cut_in_half_is_sent_again_and_runs_once),
      E2E_TEST(server_killed_between_commit_and_reply_replays_after_its_restart),
      E2E_TEST(server_killed_between_handler_and_commit_runs_it_again_once),
      E2E_TEST(duplicate_that_arrives_while_the_first_runs_joins_it),
      E2E_TEST(late_duplicate_below_the_watermark_does_nothing),
      E2E_TEST(late_duplicate_of_a_selectively_acked_call_does_nothing),
      E2E_TEST(captured_byte_stream_replayed_on_a_new_connection_does_nothing),
  };
  return e2e_run(tests, argc, argv);
}
