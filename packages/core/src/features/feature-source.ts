import type { Features } from "../decoder/backend.js";
import { expected, OptionError } from "../errors.js";

/**
 * Ways to look at a photo: as it is (`plain`), mirrored left to right, the middle of it enlarged (`closer`; see CLOSER_SIDE), and that mirrored. Each is
 * encoded by itself. Training draws one of them whenever a photo comes up; several may vote on a caption.
 */
export const VIEWS = ["plain", "mirrored", "closer", "closer-mirrored"] as const;
export type View = (typeof VIEWS)[number];

/** @throws OptionError for none, for one that does not exist, and for one twice */
export function checkViews(views: readonly View[]): void {
  for (const view of views) {
    if (!VIEWS.includes(view)) throw new OptionError(expected(`one of ${VIEWS.join(", ")}`, "views", view));
  }
  if (views.length === 0) throw new OptionError(expected("at least one view", "views", views));
  if (new Set(views).size < views.length) throw new OptionError(expected("each view once", "views", views));
}

export interface FeatureRequest {
  /** Identity of the image in the source: for datasets, `DatasetImage.id`. */
  readonly imageId: string;
  readonly view: View;
}

/**
 * Where training and evaluation take image features from. The feature store is one; tests use arrays in memory.
 * Rows come back in the order asked for; pooled features are raw (not standardised). Grids may be halves, as they were stored: they are widened where they are
 * computed with.
 */
export interface FeatureSource {
  readonly featureSize: number;
  /** Present iff grid rows are there. */
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  readonly views: readonly View[];
  has(imageId: string): boolean;
  read(requests: readonly FeatureRequest[], options: { readonly grid: boolean }): Promise<Features>;
}
