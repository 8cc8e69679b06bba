/* Stream sockets by URL: "tcp://host:port" and "ipc:///path". */
#ifndef TWO_GENERALS_PROXY_ADDRESS_H
#define TWO_GENERALS_PROXY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
  struct sockaddr_storage socket;
  socklen_t len;
};

/* True when `url` names an address; only numbers and names of this machine are looked up. */
bool address_parse(const char *url, struct address *out_address);
/* A listening, non-blocking socket; -1 with errno set on failure. */
int address_listen(const struct address *address);
/* A non-blocking socket whose connect has begun; -1 with errno set on failure. */
int address_connect(const struct address *address);
/* Accepts one connection from `listener`, non-blocking; -1 when there is none. */
int address_accept(int listener);
/* Writes the URL that `fd` is bound to. */
bool address_url_of(int fd, char *out_url, size_t len);

#endif
