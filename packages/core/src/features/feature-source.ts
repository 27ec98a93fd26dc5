import type { Features } from "../decoder/backend.js";

/** The photo as it is, or mirrored left to right. */
export type View = "plain" | "mirrored";

export interface FeatureRequest {
  /** Identity of the image in the source: for datasets, `DatasetImage.id`. */
  readonly imageId: string;
  readonly view: View;
}

/**
 * Where training and evaluation take image features from. The feature store is one; tests use arrays in memory.
 * Rows come back in the order asked for; pooled features are raw (not standardised).
 */
export interface FeatureSource {
  readonly featureSize: number;
  /** Present iff grid rows are there. */
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  readonly views: readonly View[];
  has(imageId: string): boolean;
  read(requests: readonly FeatureRequest[], options: { readonly grid: boolean }): Promise<Features>;
}
