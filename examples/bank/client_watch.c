/* The command that goes on looking. */
#include "client.h"

#include <stdint.h>

enum { WATCH_MS = SURE_CALL_TIMEOUT_MS_MAX };

/* Prints what comes; returns how many more may be printed. */
static int print_stream(const struct client *client, struct sure_stream *stream, int left,
                        int64_t *after) {
  Bank__V1__Entry *entry;
  while (left > 0 && bank__v1__bank_client__watch_account__read(stream, &entry) == SURE_OK) {
    client_print_entry(client, entry);
    *after = entry->booking;
    left--;
    bank__v1__entry__free_unpacked(entry, NULL);
  }
  return left;
}

/* When the server has gone, the next one is asked for what is behind the last entry. */
int client_watch(struct client *client, char **arguments) {
  Bank__V1__WatchAccountRequest request = BANK__V1__WATCH_ACCOUNT_REQUEST__INIT;
  struct sure_call_options call = client->call;
  int left = client->limit ? client->limit : INT32_MAX;
  enum sure_code code;
  request.account = arguments[0];
  call.timeout_ms = call.timeout_ms == 0 ? WATCH_MS : call.timeout_ms;
  call.waits_for_ready = true;
  do {
    struct sure_stream *stream;
    code = bank__v1__bank_client__watch_account__open(client->channel, &request, &call, &stream,
                                                      client->status);
    if (code) {
      break;
    }
    left = print_stream(client, stream, left, &request.after_booking);
    if (left == 0) {
      sure_stream_cancel(stream);
    }
    code = bank__v1__bank_client__watch_account__finish(stream);
  } while (left > 0 && code == SURE_UNAVAILABLE);
  return left == 0 ? EXIT_OK : client_print_failed_read(client);
}
