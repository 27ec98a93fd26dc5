import type { FeatureStandardization } from "../checkpoint/feature-standardization.js";
import { expected, FeatureStoreError } from "../errors.js";
import type { FeatureSource } from "../features/feature-source.js";

const IMAGES_PER_READ = 256;
/** Deviations below this share of the largest one belong to dimensions that do not move: they are divided by the floor instead of by rounding noise. */
const RELATIVE_FLOOR = 1e-4;

/**
 * Mean and deviation of each pooled dimension over the plain view of these images, in one pass (Welford 1962, in float64) over a few hundred rows at a time.
 * @throws FeatureStoreError for features that are not finite numbers
 */
export async function measureStandardization(
  source: FeatureSource,
  imageIds: readonly string[],
): Promise<FeatureStandardization> {
  const size = source.featureSize;
  const mean = new Float64Array(size);
  const squares = new Float64Array(size);
  let rows = 0;
  for (let first = 0; first < imageIds.length; first += IMAGES_PER_READ) {
    const requests = imageIds
      .slice(first, first + IMAGES_PER_READ)
      .map((imageId) => ({ imageId, view: "plain" as const }));
    const { pooled } = await source.read(requests, { grid: false });
    for (let row = 0; row < requests.length; row++) {
      rows += 1;
      for (let i = 0; i < size; i++) {
        const value = pooled.data[row * size + i]!;
        const distance = value - mean[i]!;
        mean[i] = mean[i]! + distance / rows;
        squares[i] = squares[i]! + distance * (value - mean[i]!);
      }
    }
  }
  const deviations = squares.map((sum) => Math.sqrt(sum / rows));
  const bad = deviations.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new FeatureStoreError(expected("finite numbers", `dimension ${bad} of the pooled features`, deviations[bad]));
  const largest = deviations.reduce((a, b) => Math.max(a, b), 0);
  const floor = largest > 0 ? largest * RELATIVE_FLOOR : 1;
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(deviations, (value) => Math.max(value, floor)),
  };
}
