/* What every store and run function needs of an op: memory that lives as long as the op. */
#include <string.h>
#include <sure/store.h>

void *sure_store_op_alloc(struct sure_store_op *op, size_t size) {
  return op->alloc(op->alloc_user, size);
}

bool sure_store_op_copy(struct sure_store_op *op, struct sure_bytes bytes,
                        struct sure_bytes *out_copy) {
  if (bytes.len == 0) {
    *out_copy = (struct sure_bytes){0};
    return true;
  }
  uint8_t *data = sure_store_op_alloc(op, bytes.len);
  if (data == NULL) {
    return false;
  }
  memcpy(data, bytes.data, bytes.len);
  *out_copy = (struct sure_bytes){.data = data, .len = bytes.len};
  return true;
}

struct sure_store *sure_store_free(struct sure_store *store) {
  if (store != NULL) {
    store->ops->free(store);
  }
  return NULL;
}
