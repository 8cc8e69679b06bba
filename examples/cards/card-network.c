/* card-network BOOK SOCKET: a card network that does what real ones do.
 *
 * It listens on a Unix socket for one line a connection, and answers with one:
 *
 *     AUTHORIZE key card cents  AUTHORIZED approval, or DECLINED; the same for a key that it knows
 *     CLOSE key                 AUTHORIZED approval, or CLOSED: it was not and never will be
 *
 * The book has a line for each key: key, card, cents, approval. Cards that end in 00 are declined.
 * Those that end in 13 are charged and the answer is lost; those in 14 are not, and it is lost
 * too: then the line is dead until the other side hangs up. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct entry {
  char key[64];
  char card[32];
  char cents[24];
  char approval[24]; /* "0": it can't be authorized any more */
};

/* Looks for the key; counts the lines on the way. */
static bool find(FILE *book, const char *key, struct entry *entry, unsigned *count) {
  *count = 0;
  rewind(book);
  while (fscanf(book, "%63s %31s %23s %23s", entry->key, entry->card, entry->cents,
                entry->approval) == 4) {
    ++*count;
    if (strcmp(entry->key, key) == 0) {
      return true;
    }
  }
  return false;
}

/* What the book says of the key from now on: what it said before, or else `wanted`. Returns whether
 * that is an approval. */
static bool enter(const char *path, struct entry *wanted, bool is_approved) {
  struct entry found;
  unsigned count;
  FILE *book = fopen(path, "a+");
  if (!book || flock(fileno(book), LOCK_EX)) {
    perror(path);
    exit(1);
  }
  if (find(book, wanted->key, &found, &count)) {
    *wanted = found;
  } else {
    snprintf(wanted->approval, sizeof wanted->approval, "%u", is_approved ? count + 1 : 0);
    fprintf(book, "%s %s %s %s\n", wanted->key, wanted->card, wanted->cents, wanted->approval);
    fflush(book);
    fsync(fileno(book));
  }
  fclose(book);
  return strcmp(wanted->approval, "0") != 0;
}

static bool ends_in(const char *card, const char *digits) {
  size_t len = strlen(card);
  return len >= 2 && strcmp(card + len - 2, digits) == 0;
}

static void wait_for_hang_up(FILE *line, const struct entry *wanted) {
  fprintf(stderr, "no answer about card %s\n", wanted->card);
  while (fgetc(line) != EOF) {
  }
  exit(0);
}

static void answer(FILE *line, const struct entry *entry, bool is_approved, const char *otherwise) {
  if (is_approved) {
    fprintf(line, "AUTHORIZED %s\n", entry->approval);
  } else {
    fprintf(line, "%s\n", otherwise);
  }
}

static void authorize(const char *path, FILE *line, struct entry *wanted) {
  if (ends_in(wanted->card, "14")) {
    wait_for_hang_up(line, wanted);
  }
  if (ends_in(wanted->card, "00")) {
    fprintf(line, "DECLINED\n");
    return;
  }
  bool is_approved = enter(path, wanted, true);
  if (ends_in(wanted->card, "13")) {
    wait_for_hang_up(line, wanted);
  }
  answer(line, wanted, is_approved, "DECLINED");
}

static void serve(const char *path, FILE *line) {
  char text[160];
  struct entry wanted = {.card = "-", .cents = "0"};
  if (!fgets(text, sizeof text, line)) {
    return;
  }
  if (sscanf(text, "AUTHORIZE %63s %31s %23s", wanted.key, wanted.card, wanted.cents) == 3) {
    authorize(path, line, &wanted);
  } else if (sscanf(text, "CLOSE %63s", wanted.key) == 1) {
    answer(line, &wanted, enter(path, &wanted, false), "CLOSED");
  } else {
    fprintf(line, "WHAT?\n");
  }
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 3 || strlen(argv[2]) >= sizeof address.sun_path) {
    fprintf(stderr, "usage: card-network BOOK SOCKET\n");
    return 2;
  }
  strncpy(address.sun_path, argv[2], sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16)) {
    perror(argv[2]);
    return 1;
  }
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int caller = accept(listener, NULL, NULL);
    if (caller >= 0 && fork() == 0) {
      FILE *line = fdopen(caller, "r+");
      if (line) {
        serve(argv[1], line);
        fclose(line);
      }
      return 0;
    }
    if (caller >= 0) {
      close(caller);
    }
  }
}
