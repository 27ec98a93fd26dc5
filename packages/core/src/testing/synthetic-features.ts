import type { FeatureRequest, FeatureSource, View } from "../features/feature-source.js";
import { Random } from "../random.js";

export interface SyntheticFeatureOptions {
  readonly featureSize: number;
  /** With it, each image also has a grid. */
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  readonly scale?: number;
  readonly offset?: number;
  /** In place of random values: pooled features by image, the same for both views. */
  readonly rows?: ReadonlyMap<string, Float32Array>;
}

/** Features in memory, drawn from a normal distribution by image and view: for tests of what lies behind an encoder. */
export function syntheticFeatures(imageIds: readonly string[], options: SyntheticFeatureOptions): FeatureSource {
  const { featureSize, grid, scale = 1, offset = 0, rows } = options;
  const places = new Map(imageIds.map((id, place) => [id, place]));
  const views: readonly View[] = ["plain", "mirrored"];
  const draw = (request: FeatureRequest, kind: number, size: number) => {
    const place = places.get(request.imageId);
    if (place === undefined) throw new Error(`No features of image ${request.imageId}.`);
    const random = new Random(place, views.indexOf(request.view) * 2 + kind);
    return Float32Array.from({ length: size }, () => offset + scale * random.normal());
  };
  const join = (parts: readonly Float32Array[], size: number) => {
    const data = new Float32Array(parts.length * size);
    parts.forEach((part, i) => {
      data.set(part, i * size);
    });
    return data;
  };
  return {
    featureSize,
    ...(grid && { grid }),
    views,
    has: (imageId) => places.has(imageId),
    read: async (requests, { grid: wanted }) => {
      const pooled = requests.map((request) => rows?.get(request.imageId) ?? draw(request, 0, featureSize));
      const result = { pooled: { shape: [requests.length, featureSize], data: join(pooled, featureSize) } };
      if (!wanted || !grid) return result;
      const size = grid.cells * grid.featureSize;
      const cells = requests.map((request) => draw(request, 1, size));
      return { ...result, grid: { shape: [requests.length, grid.cells, grid.featureSize], data: join(cells, size) } };
    },
  };
}
