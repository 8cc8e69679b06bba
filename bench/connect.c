#include "connect.h"

enum { CONNECTING_MAX = 32, READY_MS = 60000 };

static bool becomes_ready(struct sure_channel *channel) {
  enum sure_connectivity state = sure_channel_get_state(channel, true);
  while (state == SURE_IDLE || state == SURE_CONNECTING) {
    enum sure_connectivity next = sure_channel_wait_for_state_change(channel, state, READY_MS);
    if (next == state) {
      return false;
    }
    state = next;
  }
  return state == SURE_READY;
}

/* Some at a time, as a listener has room for so many that it has not accepted. */
bool connect_all(const char *url, struct sure_channel **channels, size_t count) {
  const struct sure_channel_options options = {.target = url};
  size_t ready = 0;
  for (size_t i = 0; i < count; i++) {
    if (sure_channel_open(&options, &channels[i]) != SURE_OK) {
      return false;
    }
    (void)sure_channel_get_state(channels[i], true);
    if (i - ready == CONNECTING_MAX && !becomes_ready(channels[ready++])) {
      return false;
    }
  }
  while (ready < count && becomes_ready(channels[ready])) {
    ready++;
  }
  return ready == count;
}

void disconnect_all(struct sure_channel **channels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (channels[i] != NULL) {
      sure_channel_free(channels[i], 1);
    }
  }
}
