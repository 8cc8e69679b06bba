#include "rpc/core/random.h"
#include "tests/sim/sim.h"

uint64_t chance_below(uint64_t limit) {
  return limit == 0 ? 0 : sure__random_next(&sim.random) % limit;
}

uint64_t chance_between(uint64_t low, uint64_t high) {
  return low + chance_below(high - low + 1);
}

bool chance_permille(uint32_t permille) {
  return permille > 0 && chance_below(1000) < permille;
}
