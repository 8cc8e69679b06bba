/* The links of the proxy and the loop that serves them.
 *
 *     accepted -> relaying --both ends closed--> gone
 *                     |-----a fault cuts it----> gone
 *     captured --REPLAY_DELAY_MS--> replaying --server closes, or REPLAY_MS_MAX--> gone
 *
 * A replay is a link without a client: its captured bytes stand in the UP direction, and what comes
 * back is counted and swallowed. */
#include "proxy.h"

#include "proxy_address.h"
#include "proxy_flow.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Two descriptors each, and a process has 1024 by default. Further clients wait in the backlog. */
#define LINKS_MAX 400
/* Late enough that the calls of the captured stream have ended. */
#define REPLAY_DELAY_MS 50
#define REPLAY_MS_MAX   2000
/* A request whose retry does not come goes on after that. */
#define LATE_MS_MAX 1000

struct link {
  struct link *next;
  int client;        /* -1: a replay */
  int server;        /* -1: a replay that has not begun */
  int64_t begins_ms; /* replays only */
  bool gone;
  struct flow up;
  struct flow down;
  uint8_t capture[FLOW_LEN_MAX];
};

struct proxy {
  struct proxy_options options;
  struct address target;
  int listener;
  char url[PROXY_URL_LEN_MAX];
  struct proxy_stats stats;
  struct flow *late;     /* waits for the retry of its request */
  int64_t late_until_ms; /* 0: `late` is new or NULL */
  struct link *links;
  size_t link_count;
  struct pollfd polls[2 + 2 * LINKS_MAX]; /* stop, listener, then client and server of each link */
};

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- links --- */

static struct link *add_link(struct proxy *proxy, int client, int server) {
  struct link *link = malloc(sizeof *link);
  if (link == NULL) {
    return NULL;
  }
  link->client = client;
  link->server = server;
  link->begins_ms = 0;
  link->gone = false;
  flow_init(&link->up, FLOW_UP, &proxy->options, proxy->stats.connections, &proxy->stats,
            &proxy->late);
  flow_init(&link->down, FLOW_DOWN, &proxy->options, proxy->stats.connections, &proxy->stats,
            &proxy->late);
  link->next = proxy->links;
  proxy->links = link;
  proxy->link_count++;
  return link;
}

static void close_socket(int fd) {
  if (fd >= 0) {
    close(fd);
  }
}

static void remove_gone(struct proxy *proxy) {
  for (struct link **at = &proxy->links; *at != NULL;) {
    struct link *link = *at;
    if (!link->gone) {
      at = &link->next;
      continue;
    }
    *at = link->next;
    flow_release(&link->up);
    close_socket(link->client);
    close_socket(link->server);
    free(link);
    proxy->link_count--;
  }
}

/* Take in one client. When the server is not there the client finds its connection closed. */
static void accept_client(struct proxy *proxy) {
  int client = address_accept(proxy->listener);
  if (client < 0) {
    return;
  }
  int server = address_connect(&proxy->target);
  proxy->stats.connections++;
  struct link *link = server < 0 ? NULL : add_link(proxy, client, server);
  if (link == NULL) {
    close_socket(server);
    close_socket(client);
    return;
  }
  link->up.capture = link->capture;
}

/* --- replays --- */

/* The captured stream is complete: lay it by, to come again later. */
static void schedule_replay(struct proxy *proxy, struct link *link) {
  size_t len = (size_t)link->up.copy_at;
  link->up.copy_at = FLOW_POSITION_NONE;
  struct link *replay = proxy->link_count < LINKS_MAX ? add_link(proxy, -1, -1) : NULL;
  if (replay == NULL) {
    return;
  }
  flow_init_replay(&replay->up, link->capture, len);
  replay->down.is_replay = true;
  replay->down.hole_at = 0;
  replay->begins_ms = now_ms() + REPLAY_DELAY_MS;
}

static void begin_replay(struct proxy *proxy, struct link *replay) {
  replay->server = address_connect(&proxy->target);
  replay->gone = replay->server < 0;
  proxy->stats.replays += !replay->gone;
}

static void tend_replay(struct proxy *proxy, struct link *replay, int64_t now) {
  if (replay->server < 0 && now >= replay->begins_ms) {
    begin_replay(proxy, replay);
  } else if (now >= replay->begins_ms + REPLAY_MS_MAX || replay->down.ended) {
    replay->gone = true;
  }
}

/* --- moving bytes --- */

/* Pass bytes and the end of the stream on from one socket to the other. */
static void move(struct link *link, struct flow *flow, int from, int to, short from_events) {
  bool readable = (from_events & (POLLIN | POLLHUP | POLLERR)) != 0;
  if (readable && flow_wants_input(flow) && !flow_read(flow, from)) {
    flow->ended = true; /* reset: what came before it is still passed on */
  }
  if (flow_has_output(flow) && !flow_write(flow, to)) {
    link->gone = true;
  }
  if (flow_is_over(flow) && !flow->shut && !flow_is_hole(flow)) {
    flow->shut = true;
    (void)shutdown(to, SHUT_WR); /* fails when the other side is gone already */
  }
}

static bool is_finished(const struct link *link) {
  bool is_cut = flow_is_cut(&link->up) || flow_is_cut(&link->down);
  bool is_closed = link->up.shut && link->down.shut;
  bool gave_up = flow_is_over(&link->up) && (flow_is_hole(&link->up) || flow_is_hole(&link->down));
  return is_cut || is_closed || gave_up;
}

static void serve_link(struct proxy *proxy, struct link *link, const struct pollfd polls[2]) {
  flow_turn(&link->up);
  move(link, &link->up, link->client, link->server, polls[0].revents);
  move(link, &link->down, link->server, link->client, polls[1].revents);
  if (link->up.copy_at <= link->up.read) {
    schedule_replay(proxy, link);
  }
  if (flow_is_late(&link->up) && !flow_is_hole(&link->down)) {
    link->down.hole_at = link->down.sent; /* the client will not wait for it */
  }
  link->gone = link->gone || is_finished(link);
}

/* --- the loop --- */

static struct pollfd poll_for(int fd, bool input, bool output) {
  short events = (short)((input ? POLLIN : 0) | (output ? POLLOUT : 0));
  return (struct pollfd){.fd = events == 0 ? -1 : fd, .events = events};
}

/* Nobody sent the late request again. */
static void tend_late(struct proxy *proxy, int64_t now) {
  if (proxy->late == NULL) {
    proxy->late_until_ms = 0;
  } else if (proxy->late_until_ms == 0) {
    proxy->late_until_ms = now + LATE_MS_MAX;
  } else if (now >= proxy->late_until_ms) {
    flow_release(proxy->late);
    proxy->late_until_ms = 0;
  }
}

/* Milliseconds until something is to be done; -1: nothing is. */
static int time_to_wait(const struct proxy *proxy, int64_t now) {
  int64_t wait = proxy->late == NULL ? -1 : LATE_MS_MAX;
  for (const struct link *link = proxy->links; link != NULL; link = link->next) {
    if (link->up.turns > 0) {
      return 0;
    }
    if (link->client < 0) {
      int64_t due = link->begins_ms + (link->server < 0 ? 0 : REPLAY_MS_MAX) - now;
      due = due < 0 ? 0 : due;
      wait = wait < 0 || due < wait ? due : wait;
    }
  }
  return (int)wait;
}

static size_t fill_polls(struct proxy *proxy, int stop_fd) {
  size_t count = 0;
  proxy->polls[count++] = poll_for(stop_fd, true, false);
  proxy->polls[count++] = poll_for(proxy->listener, proxy->link_count < LINKS_MAX, false);
  for (const struct link *link = proxy->links; link != NULL; link = link->next) {
    proxy->polls[count++] =
        poll_for(link->client, flow_wants_input(&link->up), flow_has_output(&link->down));
    proxy->polls[count++] =
        poll_for(link->server, flow_wants_input(&link->down), flow_has_output(&link->up));
  }
  return count;
}

/* New links are put in front of the list, so those that were polled are its last `count`. */
static void serve_links(struct proxy *proxy, const struct pollfd *polls) {
  int64_t now = now_ms();
  for (struct link *link = proxy->links; link != NULL; link = link->next, polls += 2) {
    if (link->server >= 0) {
      serve_link(proxy, link, polls);
    }
    if (link->client < 0) {
      tend_replay(proxy, link, now);
    }
  }
}

void proxy_run(struct proxy *proxy, int stop_fd) {
  for (;;) {
    size_t count = fill_polls(proxy, stop_fd);
    if (poll(proxy->polls, count, time_to_wait(proxy, now_ms())) < 0) {
      if (errno == EINTR) {
        continue;
      }
      return;
    }
    if (proxy->polls[0].revents != 0) {
      return;
    }
    serve_links(proxy, proxy->polls + 2);
    tend_late(proxy, now_ms());
    remove_gone(proxy);
    if (proxy->polls[1].revents != 0) {
      accept_client(proxy);
    }
  }
}

/* --- from outside --- */

struct proxy *proxy_open(const struct proxy_options *options, char error[PROXY_ERROR_LEN_MAX]) {
  struct address listen;
  struct proxy *proxy = calloc(1, sizeof *proxy);
  if (proxy == NULL) {
    snprintf(error, PROXY_ERROR_LEN_MAX, "out of memory");
    return NULL;
  }
  proxy->options = *options;
  proxy->listener = -1;
  if (!address_parse(options->listen, &listen)) {
    snprintf(error, PROXY_ERROR_LEN_MAX, "wrong address: %s", options->listen);
  } else if (!address_parse(options->target, &proxy->target)) {
    snprintf(error, PROXY_ERROR_LEN_MAX, "wrong address: %s", options->target);
  } else if ((proxy->listener = address_listen(&listen)) < 0 ||
             !address_url_of(proxy->listener, proxy->url, sizeof proxy->url)) {
    snprintf(error, PROXY_ERROR_LEN_MAX, "can't listen on %s: %s", options->listen,
             strerror(errno));
  } else {
    return proxy;
  }
  return proxy_free(proxy);
}

const char *proxy_url(const struct proxy *proxy) {
  return proxy->url;
}

struct proxy_stats proxy_stats(const struct proxy *proxy) {
  return proxy->stats;
}

struct proxy *proxy_free(struct proxy *proxy) {
  if (proxy == NULL) {
    return NULL;
  }
  for (struct link *link = proxy->links; link != NULL; link = link->next) {
    link->gone = true;
  }
  remove_gone(proxy);
  close_socket(proxy->listener);
  if (strncmp(proxy->url, "ipc://", 6) == 0) {
    unlink(proxy->url + 6);
  }
  free(proxy);
  return NULL;
}
