/* Preloaded into both processes of a measurement: counts what they allocate, by the library whose
 * code asks for it, and adds a line to the file $BENCH_ALLOCATIONS when the process ends. */
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, by the names that stay when malloc is taken over. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

enum { SURE, PROTOBUF_C, NNG, OTHERS, LIBRARIES };

static const char *const file_names[] = {"libsure.so", "libprotobuf-c.so", "libnng.so"};

static struct { uintptr_t begin, end; } code[OTHERS];
static atomic_ullong counts[LIBRARIES];

static int look_at_library(struct dl_phdr_info *info, size_t size, void *user) {
  (void)size;
  (void)user;
  for (size_t i = 0; i < OTHERS; i++) {
    for (size_t k = 0; strstr(info->dlpi_name, file_names[i]) != NULL && k < info->dlpi_phnum;
         k++) {
      const ElfW(Phdr) *part = &info->dlpi_phdr[k];
      if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
        code[i].begin = info->dlpi_addr + part->p_vaddr;
        code[i].end = code[i].begin + part->p_memsz;
      }
    }
  }
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  dl_iterate_phdr(look_at_library, NULL);
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("BENCH_ALLOCATIONS");
  FILE *file = path == NULL ? NULL : fopen(path, "a");
  if (file != NULL) {
    fprintf(file, "%llu %llu %llu %llu\n", counts[SURE], counts[PROTOBUF_C], counts[NNG],
            counts[OTHERS]);
    fclose(file);
  }
}

static void count(const void *caller) {
  size_t i = 0;
  while (i < OTHERS && ((uintptr_t)caller < code[i].begin || (uintptr_t)caller >= code[i].end)) {
    i++;
  }
  atomic_fetch_add_explicit(&counts[i], 1, memory_order_relaxed);
}

#pragma GCC visibility push(default)

void *malloc(size_t size) {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size) {
  count(__builtin_return_address(0));
  return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size) {
  count(__builtin_return_address(0));
  return __libc_realloc(ptr, size);
}

#pragma GCC visibility pop
