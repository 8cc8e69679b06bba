/* chat-client NAME [URL]: says each line of its input, and writes down what is said in the room. */
#include "chat.sure.h"

#include <stdio.h>
#include <string.h>

#include <pthread.h>

static void *listen_in(void *stream) {
  Chat__V1__Line *line;
  while (chat__v1__room_client__join__read(stream, &line) == SURE_OK) {
    printf("%s: %s\n", line->who, line->text);
    fflush(stdout);
    chat__v1__line__free_unpacked(line, NULL);
  }
  return NULL;
}

static void talk(struct sure_stream *stream, char *name) {
  char text[1000];
  Chat__V1__Line line = CHAT__V1__LINE__INIT;
  line.who = name;
  line.text = text;
  while (fgets(text, sizeof text, stdin)) {
    text[strcspn(text, "\n")] = '\0';
    if (chat__v1__room_client__join__write(stream, &line)) {
      return;
    }
  }
}

int main(int argc, char **argv) {
  const struct sure_call_options all_day = {.timeout_ms = 24 * 3600 * 1000};
  struct sure_channel_options options = {.target = argc > 2 ? argv[2] : "tcp://127.0.0.1:5000"};
  struct sure_channel *channel = NULL;
  struct sure_stream *stream = NULL;
  struct sure_status *status = sure_status_new();
  enum sure_code code = sure_channel_open(&options, &channel);
  code = code ? code : chat__v1__room_client__join__open(channel, &all_day, &stream, status);
  if (!code) {
    pthread_t listener;
    pthread_create(&listener, NULL, listen_in, stream);
    talk(stream, argc > 1 ? argv[1] : "somebody");
    sure_stream_done_writing(stream);
    pthread_join(listener, NULL);
    code = chat__v1__room_client__join__finish(stream);
  }
  if (code) {
    fprintf(stderr, "chat-client: %s\n", sure_status_message(status));
  }
  sure_channel_free(channel, 0);
  sure_status_free(status);
  return code ? 1 : 0;
}
