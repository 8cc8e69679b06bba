/* causal-client URL URL: a letter goes back and forth between two desks; each answers the one
 * before, so there is only one order in which this can have happened. */
#include "causal.sure.h"

#include <stdio.h>

static const char *const letters[] = {
    "the shelf is empty, please order 10 more", "10 are ordered, they cost 40.00",
    "that is too much, please order 5", "5 are ordered, they cost 20.00"};

static enum sure_code tell(struct sure_channel *desk, const char *text,
                           struct sure_status *status) {
  Causal__V1__TellRequest request = CAUSAL__V1__TELL_REQUEST__INIT;
  Causal__V1__TellReply *reply;
  request.text = (char *)text;
  enum sure_code code = causal__v1__desk_client__tell(desk, &request, NULL, &reply, status);
  if (code) {
    fprintf(stderr, "causal-client: %s\n", sure_status_message(status));
    return code;
  }
  causal__v1__tell_reply__free_unpacked(reply, NULL);
  return SURE_OK;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: causal-client URL URL\n");
    return 2;
  }
  struct sure_channel *desks[2] = {NULL, NULL};
  struct sure_status *status = sure_status_new();
  enum sure_code code = status ? SURE_OK : SURE_RESOURCE_EXHAUSTED;
  for (int i = 0; !code && i < 2; i++) {
    code = sure_channel_open(&(struct sure_channel_options){.target = argv[1 + i]}, &desks[i]);
  }
  for (int i = 0; !code && i < 4; i++) {
    code = tell(desks[i % 2], letters[i], status);
  }
  sure_channel_free(desks[0], 0);
  sure_channel_free(desks[1], 0);
  sure_status_free(status);
  return code ? 1 : 0;
}
