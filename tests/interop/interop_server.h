/* The service of interop.proto, in this process, behind a real socket. */
#ifndef SURE_TESTS_INTEROP_SERVER_H
#define SURE_TESTS_INTEROP_SERVER_H

struct sure_server *interop_server_open(const char *url);

#endif
