import type { BackendDecoder, Features } from "../decoder/backend.js";
import { expected, OptionError } from "../errors.js";
import { orderByConsensus } from "./consensus.js";
import { type EnsembleMember, pairMembers, sliceMembers } from "./decoder-ensemble.js";
import {
  type GenerationOptions,
  type ResolvedGenerationOptions,
  resolveGenerationOptions,
} from "./generation-options.js";
import type { Generated } from "./search-options.js";
import { type StepSearchContext, searchOverSteps, throwIfAborted } from "./search-over-steps.js";

export interface GenerateContext extends StepSearchContext {
  /** Images searched at once; all by default. It changes memory and speed, never the captions. */
  readonly batchSize?: number | undefined;
  /** `[vocabSize]` occurrences of each token in the training captions: what `consensus` weights words by. */
  readonly tokenCounts?: readonly number[] | undefined;
  /** A model's own options, for what `options` leaves out. */
  readonly defaults?: GenerationOptions | undefined;
}

/**
 * Captions images from their features.
 *
 * One decoder with one set of features searches alone, on its own device where it can (`BackendDecoder.generate`). Several decoders, or several features
 * (a photo and its mirror image), form an ensemble: the word probabilities of all members are averaged at each step, within the same search.
 * @param features row i of all of them shows image i
 * @returns one entry per image, in order
 * @throws OptionError for impossible options; ShapeError for features of another shape; AbortedError; what the decoder rejects with
 */
export async function generate(
  decoders: BackendDecoder | readonly BackendDecoder[],
  features: Features | readonly Features[],
  options: GenerationOptions = {},
  context: GenerateContext = {},
): Promise<Generated[]> {
  const members = pairMembers(decoders, features);
  const { spec } = members[0]!.decoder;
  const resolved = resolveGenerationOptions(options, spec.vocabSize, context.defaults);
  const images = members[0]!.features.pooled.shape[0]!;
  const batchSize = context.batchSize ?? Math.max(1, images);
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new OptionError(expected("an integer ≥ 1", "batchSize", batchSize));
  }
  if (context.attention) requireAttention(members[0]!.decoder);
  const imageNumbers = context.imageNumbers ?? Array.from({ length: images }, (_, image) => image);
  if (imageNumbers.length !== images) {
    throw new OptionError(expected(`${images} numbers`, "imageNumbers", imageNumbers.length));
  }
  const generated: Generated[] = [];
  for (let from = 0; from < images; from += batchSize) {
    const to = Math.min(from + batchSize, images);
    const batch = sliceMembers(members, from, to);
    const part = { ...context, imageNumbers: imageNumbers.slice(from, to) };
    generated.push(...(await generateBatch(batch, resolved, part)));
  }
  const { consensus } = resolved;
  if (!consensus) return generated;
  return generated.map(({ captions }) => ({
    captions: orderByConsensus(captions, context.tokenCounts).slice(0, consensus.nBest),
  }));
}

/** @throws OptionError unless the decoder can say what it looked at */
export function requireAttention({ spec }: BackendDecoder): void {
  if (spec.attention !== undefined) return;
  throw new OptionError(expected("a decoder with attention", "the attention of each word", "one without"), {
    hint: "Leave attention out, or take a model whose decoder attends to the grid.",
  });
}

async function generateBatch(
  members: readonly EnsembleMember[],
  options: ResolvedGenerationOptions,
  context: StepSearchContext,
): Promise<Generated[]> {
  const { decoder, features } = members[0]!;
  const isPlainSearch = members.length === 1 && !context.attention && !options.sampling && !options.diversity;
  if (isPlainSearch && decoder.generate && decoder.supportsSearch?.(options.search) === true) {
    throwIfAborted(context.signal);
    const generated = await decoder.generate(features, options.search);
    throwIfAborted(context.signal);
    return generated;
  }
  return searchOverSteps(members, options, context);
}
