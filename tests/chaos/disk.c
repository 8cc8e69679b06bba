#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#define SIZE   "size=256m"
#define FILLER DISK_DIRECTORY "/filler"

bool disk_mount(void) {
  return mount("chaos", DISK_DIRECTORY, "tmpfs", 0, SIZE) == 0;
}

static bool fill_by(int fd, size_t step) {
  static const char nothing[1 << 16];
  ssize_t written;
  do {
    written = write(fd, nothing, step);
  } while (written > 0);
  return written < 0 && errno == ENOSPC;
}

bool disk_fill(void) {
  int fd = open(FILLER, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    return false;
  }
  bool full = fill_by(fd, 1 << 16);
  close(fd);
  return full;
}

bool disk_free(void) {
  return unlink(FILLER) == 0;
}

bool disk_set_readonly(bool readonly) {
  return mount("chaos", DISK_DIRECTORY, "tmpfs", MS_REMOUNT | (readonly ? MS_RDONLY : 0), SIZE) ==
         0;
}
