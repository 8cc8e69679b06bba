#include "wire.h"

#include "random.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* In a thousand frames. */
#define LOST    10
#define DOUBLED 10
#define LATE    20

#define DELAY_US      1000
#define LATE_US_MAX   5000
#define FRAME_LEN_MAX 2048
/* Those that come while so many are on the way are lost, as in a router. */
#define FRAMES_MAX 4096

struct frame {
  int64_t due_us;
  int to;
  size_t len;
  uint8_t bytes[];
};

/* The frames on the way, the one that is due first in front. */
struct wire {
  struct pollfd ends[2];
  uint64_t random;
  struct wire_stats *stats;
  struct frame *frames[FRAMES_MAX];
  size_t count;
};

int wire_open_end(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) != 0) {
    close(fd);
    fd = -1;
  }
  return fd;
}

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool happens(struct wire *wire, uint64_t in_a_thousand) {
  return random_between(&wire->random, 0, 999) < in_a_thousand;
}

static void insert(struct wire *wire, struct frame *frame) {
  size_t at = wire->count++;
  while (at > 0 && wire->frames[at - 1]->due_us > frame->due_us) {
    wire->frames[at] = wire->frames[at - 1];
    at--;
  }
  wire->frames[at] = frame;
}

static void send_later(struct wire *wire, int to, const uint8_t *bytes, size_t len) {
  bool is_late = happens(wire, LATE);
  struct frame *frame = wire->count < FRAMES_MAX ? malloc(sizeof *frame + len) : NULL;
  if (frame == NULL) {
    wire->stats->lost++;
    return;
  }
  frame->due_us = now_us() + DELAY_US;
  if (is_late) {
    frame->due_us += (int64_t)random_between(&wire->random, 1, LATE_US_MAX);
    wire->stats->late++;
  }
  frame->to = to;
  frame->len = len;
  memcpy(frame->bytes, bytes, len);
  insert(wire, frame);
}

static void take_frames(struct wire *wire, int from, int to) {
  uint8_t bytes[FRAME_LEN_MAX];
  ssize_t len;
  while ((len = read(from, bytes, sizeof bytes)) > 0) {
    wire->stats->frames++;
    if (happens(wire, LOST)) {
      wire->stats->lost++;
      continue;
    }
    send_later(wire, to, bytes, (size_t)len);
    if (happens(wire, DOUBLED)) {
      wire->stats->doubled++;
      send_later(wire, to, bytes, (size_t)len);
    }
  }
}

/* A frame that the other side can't take, because it is down, is lost. */
static void deliver(struct wire *wire) {
  int64_t now = now_us();
  size_t sent = 0;
  while (sent < wire->count && wire->frames[sent]->due_us <= now) {
    struct frame *frame = wire->frames[sent++];
    wire->stats->lost += write(frame->to, frame->bytes, frame->len) < 0;
    free(frame);
  }
  wire->count -= sent;
  memmove(wire->frames, wire->frames + sent, wire->count * sizeof *wire->frames);
}

/* Until a frame has come, or one is due. */
static void wait(struct wire *wire) {
  struct timespec timeout = {0};
  int64_t us = wire->count > 0 ? wire->frames[0]->due_us - now_us() : 1000000;
  if (us > 0) {
    timeout = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  }
  (void)ppoll(wire->ends, 2, &timeout, NULL);
}

static void *carry(void *user) {
  struct wire *wire = user;
  for (;;) {
    wait(wire);
    take_frames(wire, wire->ends[0].fd, wire->ends[1].fd);
    take_frames(wire, wire->ends[1].fd, wire->ends[0].fd);
    deliver(wire);
  }
  return NULL;
}

bool wire_start(const int ends[2], uint64_t seed, struct wire_stats *stats) {
  static struct wire wire;
  pthread_t thread;
  wire.random = seed;
  wire.stats = stats;
  for (int i = 0; i < 2; i++) {
    wire.ends[i] = (struct pollfd){.fd = ends[i], .events = POLLIN};
  }
  return pthread_create(&thread, NULL, carry, &wire) == 0;
}
