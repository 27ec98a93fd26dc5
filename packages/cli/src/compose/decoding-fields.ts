import {
  type GenerationOptions,
  type ResolvedGenerationOptions,
  resolveGenerationOptions,
  type SearchOptions,
  type View,
  type Vocabulary,
} from "@showtell/core";

/** How captions were searched for. */
export interface DecodingSettings extends ResolvedGenerationOptions {
  readonly views: readonly View[] | undefined;
  /** Models that voted. */
  readonly modelCount: number;
}

export type DecodingFields = Readonly<Record<string, string | number>>;

/** Beam and length penalty: what every signature tells of the search. */
export function beamFields({
  beamWidth,
  lengthPenalty,
  lengthPenaltyFormula,
}: Pick<SearchOptions, "beamWidth" | "lengthPenalty" | "lengthPenaltyFormula">) {
  return {
    beam: beamWidth,
    lp: lengthPenaltyFormula === "none" ? "none" : `${lengthPenaltyFormula}-${lengthPenalty}`,
  };
}

/** The search as fields of a signature: beam and length penalty always, everything else where it is not what the model itself asks for. */
export function decodingFields(
  { search, sampling, diversity, consensus, views, modelCount }: DecodingSettings,
  { vocabulary, generation }: { readonly vocabulary: Vocabulary; readonly generation: GenerationOptions },
): DecodingFields {
  const own = resolveGenerationOptions({}, vocabulary.size, generation).search;
  const words = (ids: readonly number[], between: string) => ids.map((id) => vocabulary.tokens[id]).join(between);
  return {
    ...beamFields(search),
    ...(views && { views: views.join("+") }),
    ...(consensus && { choice: "consensus" }),
    ...(modelCount > 1 && { models: modelCount }),
    ...(sampling && samplingFields(sampling)),
    ...(diversity && { groups: `${diversity.groups}-${diversity.penalty}` }),
    ...(search.maxLength !== own.maxLength && { max: search.maxLength }),
    ...(search.minLength !== own.minLength && { min: search.minLength }),
    ...(search.noRepeatNgramSize !== own.noRepeatNgramSize && { repeat: search.noRepeatNgramSize }),
    ...(search.bannedTokens.length > 0 && { ban: words(search.bannedTokens, "+") }),
    ...(search.forcedPrefix.length > 0 && { prefix: words(search.forcedPrefix, "+") }),
  };
}

function samplingFields({
  temperature,
  topK,
  topP,
  seed,
}: NonNullable<ResolvedGenerationOptions["sampling"]>): DecodingFields {
  return {
    temperature,
    ...(Number.isFinite(topK) && { "top-k": topK }),
    ...(topP < 1 && { "top-p": topP }),
    seed,
  };
}
