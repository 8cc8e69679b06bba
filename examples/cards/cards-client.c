/* cards-client CARD CENTS [URL]: charges a card. Exits with 0 if that is done, with 1 if it is not,
 * and with 3 if nobody knows yet. */
#include "cards.sure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static enum sure_outcome authorize(struct sure_channel *channel, char *card, int64_t cents,
                                   struct sure_status *status) {
  const struct sure_call_options options = {.timeout_ms = 20000};
  Cards__V1__AuthorizeRequest request = CARDS__V1__AUTHORIZE_REQUEST__INIT;
  Cards__V1__AuthorizeReply *reply;
  request.card = card;
  request.cents = cents;
  if (cards__v1__cards_client__authorize(channel, &request, &options, &reply, status)) {
    fprintf(stderr, "cards-client: %s (%s)\n", sure_status_message(status),
            sure_outcome_name(sure_status_outcome(status)));
  } else {
    printf("charged, approval %" PRId64 "\n", reply->approval);
    cards__v1__authorize_reply__free_unpacked(reply, NULL);
  }
  return sure_status_outcome(status);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: cards-client CARD CENTS [URL]\n");
    return 2;
  }
  const struct sure_channel_options options = {.target =
                                                   argc > 3 ? argv[3] : "tcp://127.0.0.1:5000"};
  struct sure_channel *channel = NULL;
  struct sure_status *status = sure_status_new();
  enum sure_code code = status ? sure_channel_open(&options, &channel) : SURE_RESOURCE_EXHAUSTED;
  enum sure_outcome outcome = SURE_NOT_APPLIED;
  if (code) {
    fprintf(stderr, "cards-client: %s\n", sure_code_text(code));
  } else {
    outcome = authorize(channel, argv[1], strtoll(argv[2], NULL, 10), status);
  }
  sure_channel_free(channel, 0);
  sure_status_free(status);
  return outcome == SURE_APPLIED ? 0 : outcome == SURE_NOT_APPLIED ? 1 : 3;
}
