import { countSplits, parameterShapes, recipeKeys, type Split, toCaptions, type View } from "@showtell/core";
import {
  bleu,
  type CaptionSet,
  ciderD,
  compareEvaluations,
  type Evaluation,
  humanAgreement,
  meteor,
  ptbTokenizer,
  rougeL,
} from "@showtell/eval";
import { loadSynonyms } from "@showtell/eval/node";
import type { DecodedRun } from "../compose/decode-run.js";
import type { ConfidenceGroup, ReportedCaption, ReportedDataset, ReportedModel, ReportedRun } from "./report-data.js";

export function describeDataset(
  { dataset, decoded, evaluation }: DecodedRun,
  split: Split,
  withoutPhoto: readonly string[],
): ReportedDataset {
  const { train } = countSplits(dataset);
  const scored = decoded.captions.filter(({ image }) => evaluation.segments.has(image.id));
  return {
    name: dataset.name,
    format: dataset.format,
    sha256: dataset.sha256,
    split,
    images: scored.length,
    references: scored.reduce((sum, { image }) => sum + image.captions.length, 0),
    trainImages: train.images,
    trainCaptions: train.captions,
    withoutFeatures: decoded.withoutFeatures,
    withoutPhoto,
  };
}

/** @param first evaluation of the first run, for all others */
export function describeRun(
  decodedRun: DecodedRun,
  views: readonly View[] | undefined,
  first?: Evaluation,
): ReportedRun {
  const { run, decoded, evaluation } = decodedRun;
  return {
    name: run.name,
    path: run.path,
    model: describeModel(decodedRun, views),
    recipe: run.recipe ? recipeKeys(run.recipe) : [],
    epochs: run.epochs,
    ...(run.recipe && { plannedEpochs: run.recipe.epochs }),
    lossPerToken: decoded.lossPerToken!,
    scores: evaluation.corpus,
    intervals: evaluation.intervals,
    signatures: evaluation.signature,
    statistics: evaluation.statistics,
    ...(first && { againstFirst: compareEvaluations(evaluation, first) }),
  };
}

function describeModel({ run, search }: DecodedRun, views: readonly View[] | undefined): ReportedModel {
  const { decoder, encoder, vocabulary, scores } = run.checkpoint;
  const { beamWidth, lengthPenaltyFormula, lengthPenalty, maxLength, noRepeatNgramSize } = search;
  return {
    encoder: String(encoder.spec["name"]),
    embeddingSize: decoder.embeddingSize,
    hiddenSize: decoder.hiddenSize,
    layerCount: decoder.layerCount,
    attentionHeads: decoder.attention?.heads ?? 0,
    vocabularySize: vocabulary.size,
    parameterCount: parameterShapes(decoder).reduce(
      (sum, { shape }) => sum + shape.reduce((product, axis) => product * axis, 1),
      0,
    ),
    ...(scores?.epoch !== undefined && { epoch: scores.epoch }),
    decoding: {
      beam: beamWidth,
      "length penalty": lengthPenaltyFormula === "none" ? "none" : `${lengthPenaltyFormula} ${lengthPenalty}`,
      "at most": `${maxLength} tokens`,
      ...(noRepeatNgramSize > 0 && { "no n-gram twice": noRepeatNgramSize }),
      ...(views && { views: views.join(", ") }),
    },
  };
}

/** Every scored caption of the main run, with what the others say of the same photo. */
export function describeCaptions(
  { decoded, evaluation, run }: DecodedRun,
  others: readonly DecodedRun[],
  training: CaptionSet,
): ReportedCaption[] {
  const otherCaptions = others.map((other) => new Map(other.decoded.captions.map((c) => [c.image.id, c.caption])));
  return decoded.captions.flatMap(({ image, generated }) => {
    const scores = evaluation.segments.get(image.id);
    const [caption] = toCaptions(generated.captions, run.checkpoint.vocabulary);
    if (scores === undefined || caption === undefined) return [];
    const nearest = training.nearest(caption.text);
    return {
      id: image.id,
      caption: caption.text,
      references: image.captions,
      scores,
      confidence: caption.confidence,
      words: caption.tokens.map(({ word, logProb, attention }) => ({
        word,
        probability: Math.exp(logProb),
        ...(attention && { attention: Array.from(attention, (weight) => Number(weight.toPrecision(4))) }),
      })),
      endedByMaxLength: caption.endedByMaxLength,
      ...(nearest && { nearest }),
      others: otherCaptions.map((byId) => byId.get(image.id) ?? ""),
    };
  });
}

const GROUPS = 5;

/** Fifths of the captions by confidence, with the mean of their CIDEr-D. */
export function groupByConfidence(captions: readonly ReportedCaption[]): ConfidenceGroup[] {
  const sorted = captions.toSorted((a, b) => a.confidence - b.confidence);
  return Array.from({ length: GROUPS }, (_, group) => {
    const members = sorted.slice(
      Math.floor((group * sorted.length) / GROUPS),
      Math.floor(((group + 1) * sorted.length) / GROUPS),
    );
    return {
      from: members[0]?.confidence ?? 0,
      to: members.at(-1)?.confidence ?? 0,
      captions: members.length,
      meanScore: members.reduce((sum, { scores }) => sum + scores["CIDEr"]!, 0) / members.length,
    };
  }).filter((group) => group.captions > 0);
}

/** How people score by the same metrics. Nothing where some image has a single reference. */
export async function scorePeople(
  captions: readonly ReportedCaption[],
  { names }: Evaluation,
): Promise<Record<string, number> | undefined> {
  if (captions.some(({ references }) => references.length < 2)) return undefined;
  const scorers = [bleu(1), bleu(2), bleu(3), bleu(4), meteor({ synonyms: await loadSynonyms() }), rougeL(), ciderD()];
  const { mean } = humanAgreement(
    captions,
    scorers.filter(({ key }) => names[key] !== undefined),
    ptbTokenizer,
  );
  return { ...mean };
}
