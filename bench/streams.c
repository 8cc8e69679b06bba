/* sure-bench-streams: the memory of a server that has many streams on which nothing happens, and of
 * one whose consumer takes nothing. The server is a process of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sure/sure.h>
#include <time.h>
#include <unistd.h>

#include "bench.sure.h"
#include "served.h"

enum { STREAMS = 10000, STREAMS_PER_CHANNEL = 2500, CHANNELS = STREAMS / STREAMS_PER_CHANNEL };
enum { POURS = 1, POURED_LEN = 1024, TAKES_NOTHING_S = 2 };

typedef Sure__Bench__V1__EchoRequest Request;
typedef Sure__Bench__V1__EchoReply Reply;

static const struct sure_call_options for_long = {.timeout_ms = 600000};

/* ---- the server ---- */

static enum sure_code go_on(void *user, struct sure_call *call, struct sure_stream *stream) {
  static uint8_t payload[POURED_LEN];
  const Request *request = user;
  Reply reply = SURE__BENCH__V1__ECHO_REPLY__INIT;
  bool is_taken = request->id == POURS;
  enum sure_code code = sure_stream_check(stream);
  (void)call;
  reply.payload = (ProtobufCBinaryData){sizeof payload, payload};
  while (code == SURE_OK && is_taken) {
    code = sure__bench__v1__bench_server__watch__try_write(stream, &reply, &is_taken);
  }
  return code == SURE_OK ? sure_stream_wait(stream, go_on, user) : code;
}

/* The first message says that it has begun. */
static enum sure_code watch(void *user, struct sure_call *call, const Request *request,
                            struct sure_stream *stream) {
  Reply reply = SURE__BENCH__V1__ECHO_REPLY__INIT;
  bool is_taken;
  (void)user;
  sure__bench__v1__bench_server__watch__try_write(stream, &reply, &is_taken);
  return go_on((void *)(uintptr_t)request, call, stream);
}

static enum sure_code set_up(struct sure_server *server) {
  static const struct sure__bench__v1__bench_server handlers = {.watch = watch};
  enum sure_code code = sure_server_set_run_mode(server, "sure.bench.v1.Bench", SURE_RUN_POOL);
  return code ? code : sure__bench__v1__bench_server__register(server, &handlers, NULL);
}

/* ---- the client ---- */

/* What the process has in memory. */
static long resident_kib(pid_t pid) {
  char path[64];
  char line[256];
  long kib = -1;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *file = fopen(path, "r");
  while (file != NULL && kib < 0 && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "VmRSS:", 6) == 0) {
      kib = strtol(line + 6, NULL, 10);
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return kib;
}

static struct sure_channel *open_channel(const char *url) {
  struct sure_channel *channel = NULL;
  const struct sure_channel_options options = {.target = url};
  if (sure_channel_open(&options, &channel) != SURE_OK) {
    exit(1);
  }
  return channel;
}

static struct sure_stream *open_stream(struct sure_channel *channel, uint64_t id) {
  struct sure_stream *stream = NULL;
  Request request = SURE__BENCH__V1__ECHO_REQUEST__INIT;
  request.id = id;
  enum sure_code code =
      sure__bench__v1__bench_client__watch__open(channel, &request, &for_long, &stream, NULL);
  if (code != SURE_OK) {
    fprintf(stderr, "sure-bench-streams: no stream: %s\n", sure_code_name(code));
    exit(1);
  }
  return stream;
}

static void await_first(struct sure_stream *stream) {
  Reply *reply;
  if (sure__bench__v1__bench_client__watch__read(stream, &reply) != SURE_OK) {
    fprintf(stderr, "sure-bench-streams: a stream ended\n");
    exit(1);
  }
  sure__bench__v1__echo_reply__free_unpacked(reply, NULL);
}

static void close_stream(struct sure_stream *stream) {
  sure_stream_cancel(stream);
  sure__bench__v1__bench_client__watch__finish(stream);
}

static void measure_idle(const char *url, pid_t server) {
  static struct sure_stream *streams[STREAMS];
  struct sure_channel *channels[CHANNELS];
  for (int i = 0; i < CHANNELS; i++) {
    channels[i] = open_channel(url);
    close_stream(open_stream(channels[i], 0));
  }
  long before_kib = resident_kib(server);
  for (int i = 0; i < STREAMS; i++) {
    streams[i] = open_stream(channels[i / STREAMS_PER_CHANNEL], 0);
  }
  for (int i = 0; i < STREAMS; i++) {
    await_first(streams[i]);
  }
  long after_kib = resident_kib(server);
  printf("idle streams=%d server_kib=%ld before_kib=%ld bytes_per_stream=%ld\n", STREAMS, after_kib,
         before_kib, (after_kib - before_kib) * 1024 / STREAMS);
  for (int i = 0; i < STREAMS; i++) {
    close_stream(streams[i]);
  }
  for (int i = 0; i < CHANNELS; i++) {
    sure_channel_free(channels[i], 0);
  }
}

static void measure_slow_consumer(const char *url, pid_t server) {
  struct sure_channel *channel = open_channel(url);
  close_stream(open_stream(channel, 0));
  long before_kib = resident_kib(server);
  struct sure_stream *stream = open_stream(channel, POURS);
  await_first(stream);
  sleep(TAKES_NOTHING_S);
  printf("slow_consumer server_kib_more=%ld after_seconds=%d\n", resident_kib(server) - before_kib,
         TAKES_NOTHING_S);
  close_stream(stream);
  sure_channel_free(channel, 0);
}

int main(int argc, char **argv) {
  struct served server;
  if (argc != 1) {
    fprintf(stderr, "usage: %s    (takes no arguments)\n", argv[0]);
    return 2;
  }
  if (!served_start(&server, NULL, set_up)) {
    return 1;
  }
  measure_slow_consumer(server.url, server.pid);
  measure_idle(server.url, server.pid);
  return served_stop(&server) ? 0 : 1;
}
