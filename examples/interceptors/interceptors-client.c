/* interceptors-client URL TOKEN: is greeted under the name that belongs to the token. */
#include <stdio.h>

#include "bearer.h"
#include "hello.sure.h"
#include "logger.h"

static enum sure_code greet(struct sure_channel *channel, struct sure_status *status) {
  Hello__V1__GreetRequest request = HELLO__V1__GREET_REQUEST__INIT;
  Hello__V1__GreetReply *reply;
  enum sure_code code = hello__v1__greeter_client__greet(channel, &request, NULL, &reply, status);
  if (code) {
    fprintf(stderr, "interceptors-client: %s: %s\n", sure_code_name(code),
            sure_status_message(status));
    return code;
  }
  printf("%s\n", reply->text);
  hello__v1__greet_reply__free_unpacked(reply, NULL);
  return SURE_OK;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: interceptors-client URL TOKEN\n");
    return 2;
  }
  const struct sure_client_interceptor logger = logger_interceptor(stderr);
  struct sure_metadata *credentials = bearer_credentials(argv[2]);
  const struct sure_channel_options options = {.target = argv[1],
                                               .credentials = credentials,
                                               .interceptors = &logger,
                                               .interceptor_count = 1};
  struct sure_channel *channel = NULL;
  struct sure_status *status = sure_status_new();
  enum sure_code code =
      status && credentials ? sure_channel_open(&options, &channel) : SURE_RESOURCE_EXHAUSTED;
  if (code) {
    fprintf(stderr, "interceptors-client: %s\n", sure_code_text(code));
  } else {
    code = greet(channel, status);
  }
  sure_channel_free(channel, 0);
  sure_metadata_free(credentials);
  sure_status_free(status);
  return code ? 1 : 0;
}
