import type { BackendDecoder, DecoderState, Features } from "../decoder/backend.js";
import { expected, OptionError, ShapeError } from "../errors.js";
import type { Float16Tensor, Tensor } from "../tensor.js";
import { averageProbabilities, type NextTokenDistribution, normalizeLogits } from "./next-token-distribution.js";

/** A decoder and the features it looks at. Several of them caption together. */
export interface EnsembleMember {
  readonly decoder: BackendDecoder;
  readonly features: Features;
}

/**
 * Pairs decoders with features: one to one, or a single one on either side with all of the other (one model and a photo with its mirror image; several models
 * of one encoder).
 * @throws OptionError, ShapeError where they do not fit together
 */
export function pairMembers(
  decoders: BackendDecoder | readonly BackendDecoder[],
  features: Features | readonly Features[],
): EnsembleMember[] {
  const allDecoders = [decoders].flat() as BackendDecoder[];
  const allFeatures = [features].flat() as Features[];
  const count = Math.max(allDecoders.length, allFeatures.length);
  if (allDecoders.length === 0) throw new OptionError(expected("at least one", "decoders", allDecoders.length));
  if (allFeatures.length !== count && allFeatures.length !== 1) {
    throw new OptionError(expected(`1 or ${count}`, "the number of features for as many decoders", allFeatures.length));
  }
  if (allDecoders.length !== count && allDecoders.length !== 1) {
    throw new OptionError(expected(`1 or ${count}`, "the number of decoders for as many features", allDecoders.length));
  }
  const members = Array.from({ length: count }, (_, index) => ({
    decoder: allDecoders[index] ?? allDecoders[0]!,
    features: allFeatures[index] ?? allFeatures[0]!,
  }));
  const { vocabSize } = members[0]!.decoder.spec;
  const images = members[0]!.features.pooled.shape[0]!;
  for (const member of members) {
    if (member.decoder.spec.vocabSize !== vocabSize) {
      throw new OptionError(
        expected(`${vocabSize} words`, "a decoder of the ensemble", member.decoder.spec.vocabSize),
        {
          hint: "Models that caption together need the same vocabulary.",
        },
      );
    }
    if (member.features.pooled.shape[0] !== images) {
      throw new ShapeError(expected(`${images} images`, "features of the ensemble", member.features.pooled.shape[0]));
    }
  }
  return members;
}

/** The images `from` … `to` of each member. */
export function sliceMembers(members: readonly EnsembleMember[], from: number, to: number): EnsembleMember[] {
  return members.map(({ decoder, features: { pooled, grid } }) => ({
    decoder,
    features: { pooled: sliceImages(pooled, from, to), ...(grid && { grid: sliceImages(grid, from, to) }) },
  }));
}

/** The images `from` … `to`, without copying. */
export function sliceImages<Values extends Tensor | Float16Tensor>(values: Values, from: number, to: number): Values {
  const { shape, data } = values;
  const size = data.length / shape[0]!;
  return { ...values, shape: [to - from, ...shape.slice(1)], data: data.subarray(from * size, to * size) };
}

/** The members' states under one roof: stepped, gathered and disposed together; probabilities are averaged at each step. */
export class EnsembleState {
  private readonly parts: readonly { readonly decoder: BackendDecoder; readonly state: DecoderState }[];

  private constructor(parts: EnsembleState["parts"]) {
    this.parts = parts;
  }

  static async start(members: readonly EnsembleMember[]): Promise<EnsembleState> {
    const starts = await Promise.allSettled(members.map(({ decoder, features }) => decoder.start(features)));
    const parts = starts.flatMap((start, index) =>
      start.status === "fulfilled" ? [{ decoder: members[index]!.decoder, state: start.value }] : [],
    );
    const ensemble = new EnsembleState(parts);
    const failure = starts.find((start) => start.status === "rejected");
    if (failure === undefined) return ensemble;
    ensemble.dispose();
    throw failure.reason;
  }

  /** @param tokenIds `[rows]` */
  async step(tokenIds: Int32Array): Promise<NextTokenDistribution> {
    const logits = await this.each(({ decoder, state }) => decoder.step(state, tokenIds));
    return averageProbabilities(
      logits.map((tensor, index) =>
        normalizeLogits(tensor, tokenIds.length, this.parts[index]!.decoder.spec.vocabSize),
      ),
    );
  }

  async gatherRows(rows: Int32Array): Promise<void> {
    await this.each(({ decoder, state }) => decoder.gatherRows(state, rows));
  }

  /** Of the first member: cells of a mirrored photo lie elsewhere, so a mean over members would mean nothing. `[rows, cells]` */
  readAttention(): Promise<Tensor> {
    const { decoder, state } = this.parts[0]!;
    return decoder.readAttention(state);
  }

  dispose(): void {
    for (const { state } of this.parts) state.dispose();
  }

  /** Waits for all members even if one fails: nothing may still run when the states are disposed. */
  private async each<T>(work: (part: EnsembleState["parts"][number]) => Promise<T>): Promise<T[]> {
    const results = await Promise.allSettled(this.parts.map(work));
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }
}
