import { START_TOKEN_ID } from "../decoder/decoder-spec.js";
import { AbortedError } from "../errors.js";
import { BeamSearch } from "./beam-search.js";
import { type EnsembleMember, EnsembleState } from "./decoder-ensemble.js";
import type { ResolvedGenerationOptions } from "./generation-options.js";
import type { ImageSearch } from "./image-search.js";
import { SamplingSearch } from "./sampling.js";
import type { Generated } from "./search-options.js";
import { TokenRules } from "./token-rules.js";

export interface StepSearchContext {
  /** Attach the attention of each word; needs decoders with attention. */
  readonly attention?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `[images]`: which stream of random numbers each image draws from; its index by default. Places in a larger whole make samples independent of batches. */
  readonly imageNumbers?: readonly number[] | undefined;
}

/**
 * The search text itself, over `start`, `step` and `gatherRows` alone: what a backend's own `generate` is held to. All images step together; rows of images that
 * are done are dropped by the next gather.
 * @throws AbortedError between two steps; whatever the decoders reject with. The recurrent state is freed on every path.
 */
export async function searchOverSteps(
  members: readonly EnsembleMember[],
  options: ResolvedGenerationOptions,
  context: StepSearchContext = {},
): Promise<Generated[]> {
  throwIfAborted(context.signal);
  const images = members[0]!.features.pooled.shape[0]!;
  const searches = createSearches(images, options, context.imageNumbers);
  const state = await EnsembleState.start(members);
  try {
    let tokenIds = new Int32Array(images).fill(START_TOKEN_ID);
    let active: readonly ImageSearch[] = searches;
    for (;;) {
      throwIfAborted(context.signal);
      const distribution = await state.step(tokenIds);
      const attention = context.attention ? await state.readAttention() : undefined;
      for (const search of active) search.advance(distribution, attention);
      active = active.filter((search) => search.live.length > 0);
      if (active.length === 0) break;
      const live = active.flatMap((search) => search.live);
      const rows = Int32Array.from(live, (hypothesis) => hypothesis.row);
      if (!isIdentity(rows, tokenIds.length)) await state.gatherRows(rows);
      for (const [row, hypothesis] of live.entries()) hypothesis.row = row;
      tokenIds = Int32Array.from(live, (hypothesis) => hypothesis.tokenId);
    }
  } finally {
    state.dispose();
  }
  return searches.map((search) => ({ captions: search.captions() }));
}

function createSearches(
  images: number,
  options: ResolvedGenerationOptions,
  imageNumbers?: readonly number[],
): ImageSearch[] {
  const { search, sampling, diversity = { groups: 1, penalty: 0 } } = options;
  const rules = new TokenRules(search);
  return Array.from({ length: images }, (_, image) =>
    sampling
      ? new SamplingSearch(search, rules, sampling, imageNumbers?.[image] ?? image, image)
      : new BeamSearch(search, rules, diversity, image),
  );
}

/** Whether the gather would leave all rows where they are. */
function isIdentity(rows: Int32Array, rowCount: number): boolean {
  return rows.length === rowCount && rows.every((row, index) => row === index);
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError("Captioning was stopped.", { cause: signal.reason });
}
