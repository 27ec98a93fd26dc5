import { type Caption, toCaptions } from "./caption.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import { standardizePooled } from "./checkpoint/feature-standardization.js";
import { closestName } from "./closest-name.js";
import type { BackendDecoder, Features } from "./decoder/backend.js";
import { expected, OptionError, VocabularyError } from "./errors.js";
import { type GenerateContext, generate } from "./generation/generate.js";
import { type GenerationOptions, layerOptions, resolveGenerationOptions } from "./generation/generation-options.js";
import type { Vocabulary } from "./text/vocabulary.js";

/** A trained model, loaded: what a checkpoint says, and a decoder that holds its parameters. */
export interface CaptionModel {
  readonly checkpoint: Pick<Checkpoint, "vocabulary" | "standardization" | "generation" | "encoder">;
  readonly decoder: BackendDecoder;
}

/** Generation options, with words where a person would say words. */
export type CaptionOptions = GenerationOptions & {
  /** What captions must begin with, as text: `"a photo of"`. Instead of forcedPrefix. */
  readonly prefix?: string | undefined;
  /** Words that must not occur, besides bannedTokens. */
  readonly bannedWords?: readonly string[] | undefined;
  /** Searches for one caption more than nBest where beamWidth allows it, so that the last one returned has a margin too. */
  readonly margins?: boolean | undefined;
};

/**
 * Captions images from raw features: standardises them, searches, and turns token ids into words. The models' generation defaults are those of the first.
 * @param models several caption as an ensemble; they need one vocabulary
 * @param views raw features of the images, one entry for each view of them (plain, mirrored): all views vote
 * @returns for each image its captions, best first
 * @throws VocabularyError, OptionError, ShapeError, AbortedError; what the decoders reject with
 */
export async function captionFeatures(
  models: readonly CaptionModel[],
  views: readonly Features[],
  options: CaptionOptions = {},
  context: GenerateContext = {},
): Promise<Caption[][]> {
  const { vocabulary } = checkModels(models);
  const { generation, nBest } = resolveCaptionOptions(models, options, context.defaults);
  const members = models.flatMap((model) => views.map((features) => ({ model, features })));
  const generated = await generate(
    members.map(({ model }) => model.decoder),
    members.map(({ model, features }) => featuresFor(model, features)),
    generation,
    {
      tokenCounts: vocabulary.counts,
      ...context,
      defaults: layerOptions(models[0]!.checkpoint.generation, context.defaults ?? {}),
    },
  );
  return generated.map(({ captions }) => toCaptions(captions, vocabulary).slice(0, nBest));
}

/**
 * Words to ids, and everything checked before any work is done.
 * @returns options for `generate`, and how many of its captions were asked for
 * @throws OptionError
 */
export function resolveCaptionOptions(
  models: readonly CaptionModel[],
  options: CaptionOptions,
  defaults: GenerationOptions = {},
): { generation: GenerationOptions; nBest: number } {
  const { vocabulary, generation: modelDefaults } = models[0]!.checkpoint;
  const { prefix, bannedWords, margins, ...rest } = options;
  checkWords({ prefix, bannedWords });
  if (margins !== undefined && typeof margins !== "boolean")
    throw new OptionError(expected("true or false", "margins", margins));
  const generation = withWordIds(rest, { prefix, bannedWords }, vocabulary);
  const layered = layerOptions(modelDefaults, defaults);
  const { search, consensus } = resolveGenerationOptions(generation, vocabulary.size, layered);
  if (search.lengthPenaltyFormula === "none" && options.lengthPenalty) {
    throw new OptionError(expected("another lengthPenaltyFormula than none", "lengthPenalty", options.lengthPenalty), {
      hint: "Without a formula there is no length penalty: choose average or gnmt, or leave lengthPenalty out.",
    });
  }
  const { nBest } = consensus ?? search;
  if (!margins || nBest === search.beamWidth) return { generation, nBest };
  return { generation: { ...generation, nBest: nBest + 1 }, nBest };
}

/** @throws VocabularyError unless all models speak the same words */
export function checkModels(models: readonly CaptionModel[]): CaptionModel["checkpoint"] {
  const first = models[0]?.checkpoint;
  if (first === undefined) throw new OptionError(expected("at least one", "models", 0));
  for (const { checkpoint, decoder } of models) {
    if (checkpoint.vocabulary.sha256 !== first.vocabulary.sha256) {
      throw new VocabularyError(
        expected(
          "the vocabulary of the first model",
          "every model of an ensemble",
          `${checkpoint.vocabulary.size} words`,
        ),
        { hint: "Train the models on the same captions with the same vocabulary options." },
      );
    }
    if (decoder.spec.vocabSize !== checkpoint.vocabulary.size) {
      throw new VocabularyError(
        expected(`${decoder.spec.vocabSize} tokens`, "the vocabulary of this decoder", checkpoint.vocabulary.size),
      );
    }
  }
  return first;
}

function featuresFor({ checkpoint, decoder }: CaptionModel, { pooled, grid }: Features): Features {
  const standardized = standardizePooled(pooled, checkpoint.standardization);
  return { pooled: standardized, ...(decoder.spec.attention && grid && { grid }) };
}

function checkWords({ prefix, bannedWords }: Pick<CaptionOptions, "prefix" | "bannedWords">): void {
  if (prefix !== undefined && typeof prefix !== "string") throw new OptionError(expected("text", "prefix", prefix));
  if (bannedWords === undefined) return;
  if (Array.isArray(bannedWords) && bannedWords.every((word) => typeof word === "string")) return;
  throw new OptionError(expected("a list of words", "bannedWords", bannedWords), {
    hint: "Put a single word in brackets.",
  });
}

function withWordIds(
  options: GenerationOptions,
  { prefix, bannedWords = [] }: Pick<CaptionOptions, "prefix" | "bannedWords">,
  vocabulary: Vocabulary,
): GenerationOptions {
  if (prefix !== undefined && options.forcedPrefix !== undefined) {
    throw new OptionError(expected("either prefix or forcedPrefix", "the beginning of captions", "both"));
  }
  const bannedIds = bannedWords.map((word) => wordId(word, "bannedWords", vocabulary));
  return {
    ...options,
    ...(prefix !== undefined && {
      forcedPrefix: vocabulary.tokenizer.tokenize(prefix).map((word) => wordId(word, "prefix", vocabulary)),
    }),
    ...(bannedIds.length > 0 && { bannedTokens: [...(options.bannedTokens ?? []), ...bannedIds] }),
  };
}

function wordId(word: string, name: string, vocabulary: Vocabulary): number {
  const id = vocabulary.idOf(word);
  if (id !== undefined) return id;
  const closest = closestName(word, vocabulary.tokens);
  throw new OptionError(expected("words the model knows", name, word), {
    hint: closest ? `Did you mean ${closest}?` : "`showtell model inspect` says how large the vocabulary is.",
  });
}
