// Whole searches on the device: start, step, log-softmax and top-k, beams, gather, until every image is finished.
#pragma once

#include "model/inference.h"
#include "model/search_options.h"

namespace showtell {

/// Equal, caption by caption, to core's search over Inference's single steps.
GeneratedCaptions generate(CpuContext& context, const DecoderSpec& spec, Inference& inference,
                           const FeatureBatch& features, const SearchOptions& options);

}  // namespace showtell
