/* To be preloaded: the machine's clock as it would be if it were off by SKEW_MS milliseconds. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What callers of clock_gettime get, by the name that the linker sees. */
int skewed_time(clockid_t clock, struct timespec *out_time) __asm__("clock_gettime");

int skewed_time(clockid_t clock, struct timespec *out_time) {
  int result = (int)syscall(SYS_clock_gettime, clock, out_time);
  const char *skew = clock == CLOCK_REALTIME ? getenv("SKEW_MS") : NULL;
  if (result == 0 && skew != NULL) {
    long long ns = (long long)out_time->tv_sec * 1000000000 + out_time->tv_nsec +
                   strtoll(skew, NULL, 10) * 1000000;
    out_time->tv_sec = (time_t)(ns / 1000000000);
    out_time->tv_nsec = (long)(ns % 1000000000);
  }
  return result;
}
