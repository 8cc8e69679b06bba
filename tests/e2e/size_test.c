/* Large messages, and messages that are too large. */
#include <stdlib.h>

#include "world.h"

enum {
  LIMIT = SURE_MESSAGE_LEN_MAX_DEFAULT,
  NEAR_LIMIT = LIMIT - LIMIT / 40, /* 3.9 MiB */
  SMALL_LIMIT = 64 * 1024,
};

static struct end add_large(struct sure_channel *channel, size_t request_len, uint32_t reply_len) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  uint8_t *ballast = calloc(1, request_len + 1);
  assert_non_null(ballast);
  request.ballast = (ProtobufCBinaryData){request_len, ballast};
  request.reply_len = reply_len;
  struct end end = add(channel, &request, NULL);
  free(ballast);
  return end;
}

static void large_messages_pass_both_ways(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct end end = add_large(world->channel, 271828, 314159);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.ballast_len, 314159);
  end = add_large(world->channel, NEAR_LIMIT, NEAR_LIMIT);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.ballast_len, NEAR_LIMIT);
  assert_account(&world->server, 2, 2);
}

static void large_reply_cut_in_half_is_replayed_whole(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT_HALF);
  struct end end = add_large(world->channel, 271828, 314159);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed);
  assert_int_equal(end.ballast_len, 314159);
  assert_account(&world->server, 1, 1);
}

static void large_messages_pass_where_no_connection_lasts_for_one(void **state) {
  struct world *world = *state;
  world_serve(world, &(struct sure_channel_options){.reconnect_ms_initial = 1});
  relay_wear_out(world->relay, 10); /* there are 63 parts each way */
  struct end end = add_large(world->channel, NEAR_LIMIT, NEAR_LIMIT);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.ballast_len, NEAR_LIMIT);
  assert_account(&world->server, 1, 1);
  assert_int_equal(account_of(&world->server).runs, 1);
}

static void request_over_the_limit_is_refused_before_anything_is_sent(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct end end = add_large(world->channel, LIMIT, 0);
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
  assert_int_equal(relay_count(world->relay, SURE__REQUEST), 0);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
}

static void reply_over_the_limit_is_rolled_back_and_recorded(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT); /* so that it is the record that answers */
  struct end end = add_large(world->channel, 10, LIMIT);
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_NOT_APPLIED);
  assert_reason(end, SURE_REASON_REPLY_TOO_LARGE);
  assert_true(end.recorded && end.replayed);
  assert_account(&world->server, 0, 0);
  assert_int_equal(account_of(&world->server).runs, 1);
}

static void reply_over_the_clients_own_limit_is_rolled_back_too(void **state) {
  struct world *world = *state;
  world_serve(world, &(struct sure_channel_options){.message_len_max = SMALL_LIMIT});
  struct end end = add_large(world->channel, 10, SMALL_LIMIT);
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_NOT_APPLIED);
  assert_reason(end, SURE_REASON_REPLY_TOO_LARGE);
  assert_account(&world->server, 0, 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(large_messages_pass_both_ways),
      E2E_TEST(large_reply_cut_in_half_is_replayed_whole),
      E2E_TEST(large_messages_pass_where_no_connection_lasts_for_one),
      E2E_TEST(request_over_the_limit_is_refused_before_anything_is_sent),
      E2E_TEST(reply_over_the_limit_is_rolled_back_and_recorded),
      E2E_TEST(reply_over_the_clients_own_limit_is_rolled_back_too),
  };
  return e2e_run(tests, argc, argv);
}
