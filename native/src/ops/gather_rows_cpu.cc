#include <cstring>

#include "ops/gather_rows.h"

namespace showtell {

void gather_rows(CpuContext& context, Index count, Index columns, const float* table, const std::int32_t* rows,
                 float* out) {
  context.pool.split(count, 64, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (rows[i] < 0) continue;
      std::memcpy(out + i * columns, table + rows[i] * columns, static_cast<std::size_t>(columns) * sizeof(float));
    }
  });
}

void scatter_add_rows(CpuContext& context, Index count, Index columns, const float* d, const std::int32_t* rows,
                      float* table) {
  context.pool.split(columns, 64, [&](Index begin, Index end) {
    for (Index i = 0; i < count; ++i) {
      if (rows[i] >= 0) context.kernels.add(table + rows[i] * columns + begin, d + i * columns + begin, end - begin);
    }
  });
}

}  // namespace showtell
