/* Outlier detection: endpoints that fail more than they should get no attempts for a while (gRPC's
 * proposal A50). */
#include "rpc/core/client_state.h"

static struct sure__endpoint *endpoint_at(struct sure__list *of_client) {
  return sure__container_of(of_client, struct sure__endpoint, of_client);
}

bool sure__client_is_ejected(const struct sure__endpoint *endpoint, uint64_t now_ms) {
  return endpoint->health.ejected_until_ms > now_ms;
}

/* One may always be, and with one endpoint there is nowhere else to go. */
static bool may_eject(const struct sure__client *client, uint64_t now_ms) {
  size_t count = 0;
  size_t ejected_count = 0;
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    count++;
    ejected_count += sure__client_is_ejected(endpoint_at(l), now_ms);
  }
  uint32_t percent = client->config.outlier_detection.max_ejection_percent;
  return count > 1 && (ejected_count == 0 || (ejected_count + 1) * 100 <= count * percent);
}

static void eject(struct sure__client *client, struct sure__endpoint *endpoint, uint64_t now_ms) {
  const struct sure_outlier_detection *limits = &client->config.outlier_detection;
  struct sure__endpoint_health *health = &endpoint->health;
  health->failures_in_row = 0;
  if (!may_eject(client, now_ms)) {
    return;
  }
  uint64_t for_ms = (uint64_t)limits->base_ejection_ms * ++health->ejection_count;
  for_ms = for_ms < limits->max_ejection_ms ? for_ms : limits->max_ejection_ms;
  health->ejected_until_ms = now_ms + for_ms;
  client->stats.ejections++;
  sure__log_queue(&client->log, SURE_LOG_WARNING, "%s fails too often: left alone for %llu ms",
                  endpoint->url, (unsigned long long)for_ms);
}

void sure__client_count_attempt(struct sure__client *client, struct sure__endpoint *endpoint,
                                bool has_failed, uint64_t now_ms) {
  const struct sure_outlier_detection *limits = &client->config.outlier_detection;
  struct sure__endpoint_health *health = &endpoint->health;
  health->attempt_count++;
  health->failure_count += has_failed;
  health->failures_in_row = has_failed ? health->failures_in_row + 1 : 0;
  if (limits->is_disabled) {
    return;
  }
  if (!sure__timer_is_set(&client->outlier_timer)) {
    sure__timers_set(&client->timers, &client->outlier_timer, now_ms + limits->interval_ms);
  }
  if (health->failures_in_row >= limits->consecutive_failures &&
      !sure__client_is_ejected(endpoint, now_ms)) {
    eject(client, endpoint, now_ms);
  }
}

/* An interval that an endpoint came through unejected shortens its next ejection. */
static void close_interval(struct sure__client *client, struct sure__endpoint *endpoint,
                           uint64_t now_ms) {
  const struct sure_outlier_detection *limits = &client->config.outlier_detection;
  struct sure__endpoint_health *health = &endpoint->health;
  bool is_ejected = sure__client_is_ejected(endpoint, now_ms);
  bool is_outlier = health->attempt_count >= limits->request_volume &&
                    (uint64_t)health->failure_count * 100 >
                        (uint64_t)health->attempt_count * limits->failure_percent;
  if (!is_ejected && is_outlier) {
    eject(client, endpoint, now_ms);
  } else if (!is_ejected && health->ejection_count > 0) {
    health->ejection_count--;
  }
  health->attempt_count = 0;
  health->failure_count = 0;
}

/* The timer is set by the next attempt. */
void sure__client_outliers_due(struct sure__client *client, uint64_t now_ms) {
  for (struct sure__list *l = client->endpoints.next; l != &client->endpoints; l = l->next) {
    close_interval(client, endpoint_at(l), now_ms);
  }
}
