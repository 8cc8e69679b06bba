/* chat-server [URL]: passes each line that one of them says on to all who are in the room. */
#include "chat.sure.h"

#include <stdio.h>

#include <pthread.h>

enum { GUESTS_MAX = 64 };

struct room {
  pthread_mutex_t mutex;
  struct sure_stream *guests[GUESTS_MAX];
};

static bool seat(struct room *room, struct sure_stream *before, struct sure_stream *after) {
  bool is_done = false;
  pthread_mutex_lock(&room->mutex);
  for (int i = 0; i < GUESTS_MAX && !is_done; i++) {
    is_done = room->guests[i] == before;
    room->guests[i] = is_done ? after : room->guests[i];
  }
  pthread_mutex_unlock(&room->mutex);
  return is_done;
}

static void pass_on(struct room *room, const Chat__V1__Line *line) {
  pthread_mutex_lock(&room->mutex);
  for (int i = 0; i < GUESTS_MAX; i++) {
    if (room->guests[i]) {
      chat__v1__room_server__join__write(room->guests[i], line);
    }
  }
  pthread_mutex_unlock(&room->mutex);
}

static enum sure_code join(void *user, struct sure_call *call, struct sure_stream *stream) {
  struct room *room = user;
  if (!seat(room, NULL, stream)) {
    return sure_call_fail(call, SURE_RESOURCE_EXHAUSTED, "the room is full");
  }
  Chat__V1__Line *line;
  enum sure_code code;
  while ((code = chat__v1__room_server__join__read(stream, &line)) == SURE_OK) {
    pass_on(room, line);
    chat__v1__line__free_unpacked(line, NULL);
  }
  seat(room, stream, NULL);
  return code == SURE_OUT_OF_RANGE ? SURE_OK : code;
}

int main(int argc, char **argv) {
  static struct room room = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  static const struct chat__v1__room_server handlers = {.join = join};
  struct sure_server *server = NULL;
  enum sure_code code = sure_server_open(NULL, &server);
  code = code ? code : chat__v1__room_server__register(server, &handlers, &room);
  code = code ? code : sure_server_listen(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:5000");
  code = code ? code : sure_server_run(server, 1000);
  sure_server_free(server);
  return code && code != SURE_DEADLINE_EXCEEDED ? 1 : 0;
}
