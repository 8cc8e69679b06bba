/* hello-client NAME [URL]: has NAME greeted. */
#include "hello.sure.h"

#include <inttypes.h>
#include <stdio.h>

static enum sure_code greet(struct sure_channel *channel, char *name, struct sure_status *status) {
  Hello__V1__GreetRequest request = HELLO__V1__GREET_REQUEST__INIT;
  Hello__V1__GreetReply *reply;
  request.name = name;
  enum sure_code code = hello__v1__greeter_client__greet(channel, &request, NULL, &reply, status);
  if (code) {
    fprintf(stderr, "hello-client: %s (%s)\n", sure_status_message(status),
            sure_outcome_name(sure_status_outcome(status)));
    return code;
  }
  printf("%s You are number %" PRId64 ".\n", reply->text, reply->number);
  hello__v1__greet_reply__free_unpacked(reply, NULL);
  return SURE_OK;
}

int main(int argc, char **argv) {
  const struct sure_channel_options options = {.target =
                                                   argc > 2 ? argv[2] : "tcp://127.0.0.1:5000"};
  struct sure_channel *channel = NULL;
  struct sure_status *status = sure_status_new();
  enum sure_code code = status ? sure_channel_open(&options, &channel) : SURE_RESOURCE_EXHAUSTED;
  if (code) {
    fprintf(stderr, "hello-client: %s\n", sure_code_text(code));
  } else {
    code = greet(channel, argc > 1 ? argv[1] : "world", status);
  }
  sure_channel_free(channel, 0);
  sure_status_free(status);
  return code ? 1 : 0;
}
