/* The lossy proxy loses what it is told to lose, and nothing else. Both ends are plain sockets that
 * send frames of the right shape; the proxy runs on a thread. */
#include "proxy.h"
#include "proxy_address.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TYPE_HELLO    0x01
#define TYPE_REQUEST  0x05
#define TYPE_RESPONSE 0x07
#define FRAME_LEN     100
#define BULK_LEN      (8 * 1024 * 1024)

struct setup {
  int listener; /* of the server that the proxy stands before */
  struct proxy *proxy;
  int stop[2];
  pthread_t thread;
};

struct ends {
  int client;
  int server;
};

static void *run_proxy(void *user) {
  struct setup *setup = user;
  proxy_run(setup->proxy, setup->stop[0]);
  return NULL;
}

static void set_blocking(int fd) {
  assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

static struct setup start(double loss, const char *faults) {
  struct setup setup = {0};
  struct address any;
  char url[PROXY_URL_LEN_MAX];
  char error[PROXY_ERROR_LEN_MAX] = "";
  assert_true(address_parse("tcp://127.0.0.1:0", &any));
  setup.listener = address_listen(&any);
  assert_true(setup.listener >= 0);
  set_blocking(setup.listener);
  assert_true(address_url_of(setup.listener, url, sizeof url));
  struct proxy_options options = {.listen = "tcp://127.0.0.1:0",
                                  .target = url,
                                  .loss = loss,
                                  .seed = 7,
                                  .faults = proxy_parse_faults(faults)};
  setup.proxy = proxy_open(&options, error);
  assert_string_equal(error, "");
  assert_int_equal(pipe(setup.stop), 0);
  return setup;
}

static struct ends connect_ends(const struct setup *setup) {
  struct address address;
  assert_true(address_parse(proxy_url(setup->proxy), &address));
  int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(client, (struct sockaddr *)&address.socket, address.len), 0);
  struct ends ends = {.client = client, .server = accept(setup->listener, NULL, NULL)};
  assert_true(ends.server >= 0);
  return ends;
}

static void run(struct setup *setup) {
  assert_int_equal(pthread_create(&setup->thread, NULL, run_proxy, setup), 0);
}

static struct proxy_stats finish(struct setup *setup) {
  assert_int_equal(write(setup->stop[1], "", 1), 1);
  assert_int_equal(pthread_join(setup->thread, NULL), 0);
  struct proxy_stats stats = proxy_stats(setup->proxy);
  setup->proxy = proxy_free(setup->proxy);
  close(setup->stop[0]);
  close(setup->stop[1]);
  close(setup->listener);
  return stats;
}

static void close_ends(struct ends ends) {
  close(ends.client);
  close(ends.server);
}

static void send_all(int fd, const void *bytes, size_t len) {
  const char *at = bytes;
  while (len > 0) {
    ssize_t count = send(fd, at, len, MSG_NOSIGNAL);
    assert_true(count > 0);
    at += count;
    len -= (size_t)count;
  }
}

static void send_frame(int fd, uint8_t type) {
  uint8_t frame[FRAME_LEN] = {[0] = FRAME_LEN, [4] = type};
  send_all(fd, frame, sizeof frame);
}

/* Bytes that arrive until the other side closes or `want` have come. */
static size_t receive(int fd, size_t want) {
  char bytes[4096];
  size_t total = 0;
  while (total < want) {
    ssize_t count = recv(fd, bytes, want - total < sizeof bytes ? want - total : sizeof bytes, 0);
    if (count <= 0) {
      break;
    }
    total += (size_t)count;
  }
  return total;
}

static bool is_open_and_silent(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void *send_bulk(void *user) {
  int fd = *(int *)user;
  uint8_t *bytes = malloc(BULK_LEN);
  for (size_t i = 0; i < BULK_LEN; i++) {
    bytes[i] = (uint8_t)(i * 31 + i / 251);
  }
  send_all(fd, bytes, BULK_LEN);
  shutdown(fd, SHUT_WR);
  free(bytes);
  return NULL;
}

static void assert_bulk_arrives(int fd) {
  uint8_t bytes[1000];
  size_t total = 0;
  ssize_t count;
  while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0) {
    for (ssize_t i = 0; i < count; i++, total++) {
      assert_int_equal(bytes[i], (uint8_t)(total * 31 + total / 251));
    }
  }
  assert_int_equal(total, BULK_LEN);
}

static void bytes_that_are_no_frames_arrive_whole_and_in_order_both_ways(void **state) {
  (void)state;
  struct setup setup = start(1, "cut-request");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  pthread_t senders[2];
  pthread_create(&senders[0], NULL, send_bulk, &ends.client);
  pthread_create(&senders[1], NULL, send_bulk, &ends.server);
  assert_bulk_arrives(ends.server);
  assert_bulk_arrives(ends.client);
  pthread_join(senders[0], NULL);
  pthread_join(senders[1], NULL);
  close_ends(ends);
  finish(&setup);
}

static void without_loss_every_frame_arrives_though_it_comes_in_pieces(void **state) {
  (void)state;
  struct setup setup = start(0, "cut-request");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  uint8_t frame[FRAME_LEN] = {[0] = FRAME_LEN, [4] = TYPE_REQUEST};
  for (size_t piece = 1; piece < 50; piece++) {
    send_all(ends.client, frame, piece % FRAME_LEN);
    send_all(ends.client, frame + piece % FRAME_LEN, FRAME_LEN - piece % FRAME_LEN);
  }
  assert_int_equal(receive(ends.server, 49 * FRAME_LEN), 49 * FRAME_LEN);
  close_ends(ends);
  assert_int_equal(finish(&setup).requests, 49);
}

static void a_stream_that_ends_inside_a_header_is_passed_on_to_its_end(void **state) {
  (void)state;
  struct setup setup = start(0, "cut-request");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.client, TYPE_REQUEST);
  send_all(ends.client, "abc", 3);
  shutdown(ends.client, SHUT_WR);
  assert_int_equal(receive(ends.server, SIZE_MAX), FRAME_LEN + 3);
  send_frame(ends.server, TYPE_RESPONSE); /* a half-closed client still hears */
  assert_int_equal(receive(ends.client, FRAME_LEN), FRAME_LEN);
  close_ends(ends);
  finish(&setup);
}

static void cut_request_ends_the_connection_before_the_request_is_whole(void **state) {
  (void)state;
  struct setup setup = start(1, "cut-request");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.client, TYPE_HELLO);
  send_frame(ends.client, TYPE_REQUEST);
  size_t arrived = receive(ends.server, SIZE_MAX);
  assert_true(arrived > FRAME_LEN && arrived < 2 * FRAME_LEN);
  assert_int_equal(receive(ends.client, 1), 0);
  close_ends(ends);
  assert_int_equal(finish(&setup).faults[PROXY_CUT_REQUEST], 1);
}

static void cut_after_lets_the_request_through_and_ends_the_connection(void **state) {
  (void)state;
  struct setup setup = start(1, "cut-after");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  uint8_t frames[2 * FRAME_LEN] = {[0] = FRAME_LEN, [4] = TYPE_REQUEST};
  send_all(ends.client, frames, sizeof frames); /* what follows the request is lost with it */
  assert_int_equal(receive(ends.server, SIZE_MAX), FRAME_LEN);
  assert_int_equal(receive(ends.client, 1), 0);
  close_ends(ends);
  assert_int_equal(finish(&setup).faults[PROXY_CUT_AFTER], 1);
}

/* What of a reply arrives when `fault` happens to it, the request having arrived whole. */
static size_t arrives_of_reply(const char *fault) {
  struct setup setup = start(1, fault);
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.client, TYPE_REQUEST);
  assert_int_equal(receive(ends.server, FRAME_LEN), FRAME_LEN);
  send_frame(ends.server, TYPE_RESPONSE);
  size_t arrived = receive(ends.client, SIZE_MAX);
  close_ends(ends);
  finish(&setup);
  return arrived;
}

static void cut_reply_lets_the_request_through_and_nothing_of_the_reply(void **state) {
  (void)state;
  assert_int_equal(arrives_of_reply("cut-reply"), 0);
}

static void cut_mid_ends_the_connection_inside_the_reply(void **state) {
  (void)state;
  size_t arrived = arrives_of_reply("cut-mid");
  assert_true(arrived > 0 && arrived < FRAME_LEN);
}

static void hole_up_swallows_requests_and_keeps_the_connection_up(void **state) {
  (void)state;
  struct setup setup = start(1, "hole-up");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.client, TYPE_HELLO);
  send_frame(ends.client, TYPE_REQUEST);
  send_frame(ends.client, TYPE_HELLO);
  assert_int_equal(receive(ends.server, FRAME_LEN), FRAME_LEN);
  send_frame(ends.server, TYPE_HELLO); /* the other direction still works */
  assert_int_equal(receive(ends.client, FRAME_LEN), FRAME_LEN);
  assert_true(is_open_and_silent(ends.server));
  close(ends.client); /* the client gives up: the server is told */
  assert_int_equal(receive(ends.server, 1), 0);
  close(ends.server);
  finish(&setup);
}

static void hole_down_swallows_replies_and_even_the_end_of_the_server(void **state) {
  (void)state;
  struct setup setup = start(1, "hole-down");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.server, TYPE_RESPONSE);
  shutdown(ends.server, SHUT_WR);
  send_frame(ends.client, TYPE_REQUEST);
  assert_int_equal(receive(ends.server, FRAME_LEN), FRAME_LEN);
  assert_true(is_open_and_silent(ends.client));
  close_ends(ends);
  assert_int_equal(finish(&setup).faults[PROXY_HOLE_DOWN], 1);
}

static void late_lets_a_request_arrive_just_before_its_retry(void **state) {
  (void)state;
  struct setup setup = start(1, "late");
  run(&setup);
  struct ends first = connect_ends(&setup);
  send_frame(first.client, TYPE_HELLO);
  send_frame(first.client, TYPE_REQUEST);
  close(first.client);
  assert_int_equal(receive(first.server, FRAME_LEN), FRAME_LEN);
  assert_true(is_open_and_silent(first.server));
  struct ends second = connect_ends(&setup);
  send_frame(second.client, TYPE_REQUEST);
  assert_int_equal(receive(first.server, SIZE_MAX), FRAME_LEN);
  assert_int_equal(receive(second.server, FRAME_LEN), FRAME_LEN);
  close(first.server);
  close_ends(second);
  finish(&setup);
}

static void replay_sends_the_captured_stream_on_a_connection_of_its_own(void **state) {
  (void)state;
  struct setup setup = start(1, "replay");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  send_frame(ends.client, TYPE_HELLO);
  send_frame(ends.client, TYPE_REQUEST);
  assert_int_equal(receive(ends.server, 2 * FRAME_LEN), 2 * FRAME_LEN);
  int replayed = accept(setup.listener, NULL, NULL);
  assert_int_equal(receive(replayed, 2 * FRAME_LEN), 2 * FRAME_LEN);
  assert_true(is_open_and_silent(ends.client));
  send_frame(replayed, TYPE_RESPONSE);
  close(replayed);
  send_frame(ends.server, TYPE_RESPONSE); /* the first connection goes on */
  assert_int_equal(receive(ends.client, FRAME_LEN), FRAME_LEN);
  close_ends(ends);
  struct proxy_stats stats = finish(&setup);
  assert_int_equal(stats.replays, 1);
  assert_true(stats.replay_answers <= 1);
}

static uint64_t requests_until_cut(void) {
  struct setup setup = start(0.05, "cut-request");
  run(&setup);
  struct ends ends = connect_ends(&setup);
  uint8_t frames[200][FRAME_LEN] = {{0}};
  for (size_t i = 0; i < 200; i++) {
    frames[i][0] = FRAME_LEN;
    frames[i][4] = TYPE_REQUEST;
  }
  send_all(ends.client, frames, sizeof frames);
  uint64_t arrived = receive(ends.server, SIZE_MAX);
  close_ends(ends);
  finish(&setup);
  return arrived;
}

static void the_same_seed_loses_the_same_frame(void **state) {
  (void)state;
  uint64_t first = requests_until_cut();
  assert_true(first > 0 && first < 200 * FRAME_LEN);
  assert_int_equal(requests_until_cut(), first);
}

static void unknown_fault_names_are_refused(void **state) {
  (void)state;
  assert_int_equal(proxy_parse_faults("cut-reply,nonsense"), 0);
  assert_int_equal(proxy_parse_faults(""), 0);
  assert_int_equal(proxy_parse_faults("cut-request,replay"),
                   1u << PROXY_CUT_REQUEST | 1u << PROXY_REPLAY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_that_are_no_frames_arrive_whole_and_in_order_both_ways),
      cmocka_unit_test(without_loss_every_frame_arrives_though_it_comes_in_pieces),
      cmocka_unit_test(a_stream_that_ends_inside_a_header_is_passed_on_to_its_end),
      cmocka_unit_test(cut_request_ends_the_connection_before_the_request_is_whole),
      cmocka_unit_test(cut_after_lets_the_request_through_and_ends_the_connection),
      cmocka_unit_test(cut_reply_lets_the_request_through_and_nothing_of_the_reply),
      cmocka_unit_test(cut_mid_ends_the_connection_inside_the_reply),
      cmocka_unit_test(hole_up_swallows_requests_and_keeps_the_connection_up),
      cmocka_unit_test(hole_down_swallows_replies_and_even_the_end_of_the_server),
      cmocka_unit_test(late_lets_a_request_arrive_just_before_its_retry),
      cmocka_unit_test(replay_sends_the_captured_stream_on_a_connection_of_its_own),
      cmocka_unit_test(the_same_seed_loses_the_same_frame),
      cmocka_unit_test(unknown_fault_names_are_refused),
  };
  return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
