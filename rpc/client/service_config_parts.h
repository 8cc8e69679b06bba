/* The parts of a service config's reader. All return false after an error. */
#ifndef SURE_CLIENT_SERVICE_CONFIG_PARTS_H
#define SURE_CLIENT_SERVICE_CONFIG_PARTS_H

#include "rpc/client/service_config.h"
#include "rpc/client/service_config_json.h"

/* service_config_method.c */
/* What an element of methodConfig says, its names apart. */
bool sure__method_config_read(const struct sure__json *element,
                              struct sure__method_config *out_entry);

/* service_config_names.c */
/* Which entry is about which method, on the way to being known. */
struct sure__naming {
  const struct sure_service *const *services;
  size_t service_count;
  bool *has_entry; /* by service: one that names it as a whole */
  struct sure_service_config *config;
};

/* The methods of the services, with nothing said of them; `naming` is to be finished always. */
bool sure__naming_init(struct sure__naming *naming, struct sure__json_report *report);
void sure__naming_fini(struct sure__naming *naming);
/* `entry` is about what the array `names` lists. */
bool sure__naming_add(struct sure__naming *naming, const struct sure__json *names,
                      const struct sure__method_config *entry);
/* At the end: nothing is said of a method that contradicts its semantics. */
bool sure__naming_check(const struct sure__naming *naming, const struct sure__json *method_config);

/* service_config_channel.c */
/* What the document says of the channel as a whole. */
bool sure__channel_config_read(const struct sure__json *document,
                               struct sure_service_config *config);

#endif
