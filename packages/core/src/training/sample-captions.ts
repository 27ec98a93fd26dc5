import type { BackendDecoder, DecoderState, Features, TokenDraws } from "../decoder/backend.js";
import { END_TOKEN_ID, PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID } from "../decoder/decoder-spec.js";
import { type NextTokenDistribution, normalizeLogits } from "../generation/next-token-distribution.js";
import type { Random } from "../random.js";

const NEVER_WRITTEN = [PAD_TOKEN_ID, START_TOKEN_ID, UNKNOWN_TOKEN_ID];

export interface SampleOptions {
  /** Captions drawn per image. */
  readonly samples: number;
  /** One more per image, the likeliest word at each step. */
  readonly greedy: boolean;
  readonly temperature: number;
  /** Tokens, `<end>` counted. */
  readonly maxLength: number;
  readonly random: Random;
}

/** Token ids, `<end>` last unless `maxLength` came first. */
type TokenIds = number[];

interface Row {
  readonly tokenIds: TokenIds;
  readonly greedy: boolean;
  /** Where its state lies. */
  source: number;
}

/** In place of a number to draw with. */
const LIKELIEST = -1;

/**
 * Draws several captions of each image from the decoder's own distribution: all images and all draws step together.
 * @returns `[images][samples (+ 1 where greedy, last)]`
 */
export async function sampleCaptions(
  decoder: BackendDecoder,
  features: Features,
  { samples, greedy, temperature, maxLength, random }: SampleOptions,
): Promise<TokenIds[][]> {
  const images = features.pooled.shape[0]!;
  const captions = Array.from({ length: images }, (_, image) =>
    Array.from(
      { length: samples + (greedy ? 1 : 0) },
      (_, i): Row => ({ tokenIds: [], greedy: i === samples, source: image }),
    ),
  );
  const state = await decoder.start(features);
  try {
    let live = captions.flat();
    while (live.length > 0) {
      await moveTo(state, live, decoder);
      const fed = Int32Array.from(live, ({ tokenIds }) => tokenIds.at(-1) ?? START_TOKEN_ID);
      const uniforms = Float64Array.from(live, (row) => (row.greedy ? LIKELIEST : random.uniform()));
      const drawn = await drawNext(decoder, state, fed, { uniforms, temperature });
      live.forEach(({ tokenIds }, row) => {
        tokenIds.push(drawn[row]!);
      });
      live = live.filter(({ tokenIds }) => tokenIds.at(-1) !== END_TOKEN_ID && tokenIds.length < maxLength);
    }
  } finally {
    state.dispose();
  }
  return captions.map((rows) => rows.map(({ tokenIds }) => tokenIds));
}

async function moveTo(state: DecoderState, live: readonly Row[], decoder: BackendDecoder): Promise<void> {
  const rows = Int32Array.from(live, ({ source }) => source);
  if (rows.length !== state.rows || rows.some((source, row) => source !== row)) await decoder.gatherRows(state, rows);
  live.forEach((row, i) => {
    row.source = i;
  });
}

/** Where the logits are, if the backend can. */
async function drawNext(
  decoder: BackendDecoder,
  state: DecoderState,
  fed: Int32Array,
  draws: TokenDraws,
): Promise<Int32Array> {
  if (decoder.sampleStep) return decoder.sampleStep(state, fed, draws);
  const distribution = normalizeLogits(await decoder.step(state, fed), fed.length, decoder.spec.vocabSize);
  const draw = (uniform: number, row: number) =>
    uniform < 0 ? likeliest(distribution, row) : drawToken(distribution, row, draws.temperature, uniform);
  return Int32Array.from(draws.uniforms, draw);
}

/** The lower id of equal ones. */
function likeliest({ values, vocabSize }: NextTokenDistribution, row: number): number {
  let best = END_TOKEN_ID;
  for (let tokenId = 0; tokenId < vocabSize; tokenId++) {
    if (values[row * vocabSize + tokenId]! > values[row * vocabSize + best]! && !NEVER_WRITTEN.includes(tokenId))
      best = tokenId;
  }
  return best;
}

/** The token at `uniform` (0 ≤ u < 1) of the cumulative distribution over what may be written. */
export function drawToken(
  { values, normalizers, vocabSize }: NextTokenDistribution,
  row: number,
  temperature: number,
  uniform: number,
): number {
  const cumulative = new Float64Array(vocabSize);
  let total = 0;
  const normalizer = normalizers[row]!;
  for (let tokenId = 0; tokenId < vocabSize; tokenId++) {
    // The comparison spares thousands of words the look into the list.
    if (tokenId > UNKNOWN_TOKEN_ID || !NEVER_WRITTEN.includes(tokenId))
      total += Math.exp((values[row * vocabSize + tokenId]! - normalizer) / temperature);
    cumulative[tokenId] = total;
  }
  const target = uniform * total;
  let low = 0;
  let high = vocabSize - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
