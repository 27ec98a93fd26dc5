/**
 * What the contenders are given: decoders of the sizes people train on Flickr8k, random weights, features and captions of realistic lengths, all from
 * one seed, written to a folder that every contender reads.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type DecoderSpec,
  END_TOKEN_ID,
  NO_DROPOUT,
  parameterShapes,
  Random,
  sizeOf,
  UNKNOWN_TOKEN_ID,
} from "@showtell/core";
import { type ArrayIndex, type Arrays, writeArrays } from "./array-file.js";

const FLICKR8K_VOCABULARY = 2540;
const GRID_CELLS = 81;
/** Words in a caption of Flickr8k with `<end>`: mean and deviation. */
const LENGTH_MEAN = 11.8;
const LENGTH_DEVIATION = 3.6;
const SHORTEST = 4;
const LONGEST = 24;
const TABLE_SIZE = 65_521;
/** Batches are cut from captions sorted by length within pools of this many batches, as training does. */
const BUCKET_BATCHES = 16;

/** LSTM 300 × 3 with batch normalization on Inception v3 features: the recipe of keras-image-captioning without its recurrent dropout. */
const POOLED: DecoderSpec = {
  vocabSize: FLICKR8K_VOCABULARY,
  featureSize: 2048,
  embeddingSize: 300,
  hiddenSize: 300,
  layerCount: 3,
  imageInjection: "first-input",
  normalization: "batch",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: { ...NO_DROPOUT, input: 0.22, inputMask: "sequence" },
};

/** The same with the recurrent dropout, which no fused LSTM of PyTorch has. */
export const REFERENCE: DecoderSpec = { ...POOLED, dropout: { ...POOLED.dropout, recurrent: 0.22 } };

/** Attention over the grid of EfficientNet-Lite2: the recipe of the shipped captioner. */
const ATTENTION: DecoderSpec = {
  ...POOLED,
  featureSize: 1280,
  hiddenSize: 512,
  layerCount: 1,
  normalization: "none",
  attention: { heads: 8, size: 512, gridFeatureSize: 1280 },
  dropout: { ...NO_DROPOUT, image: 0.3, embedding: 0.3, attentionValue: 0.2, attentionOutput: 0.2, output: 0.5 },
};

export interface DecodeCase {
  readonly name: string;
  readonly spec: DecoderSpec;
  readonly images: number;
  readonly beamWidth: number;
  readonly maxLength: number;
}

export interface TrainCase {
  readonly name: string;
  readonly spec: DecoderSpec;
  readonly batchSize: number;
  readonly captionsPerImage: number;
  /** Different batches that were written; longer runs go round. */
  readonly batches: number;
}

export const DECODE_CASES: readonly DecodeCase[] = [
  { name: "greedy, 32 photos", spec: POOLED, images: 32, beamWidth: 1, maxLength: 20 },
  { name: "beam 3, 32 photos", spec: POOLED, images: 32, beamWidth: 3, maxLength: 20 },
  { name: "beam 3, 1000 photos", spec: POOLED, images: 1000, beamWidth: 3, maxLength: 20 },
  { name: "beam 20, 64 photos", spec: POOLED, images: 64, beamWidth: 20, maxLength: 20 },
  { name: "attention, greedy, 32 photos", spec: ATTENTION, images: 32, beamWidth: 1, maxLength: 20 },
  { name: "attention, beam 3, 32 photos", spec: ATTENTION, images: 32, beamWidth: 3, maxLength: 20 },
];

export const TRAIN_CASES: readonly TrainCase[] = [
  { name: "pooled 3x300, batch 32", spec: POOLED, batchSize: 32, captionsPerImage: 1, batches: 16 },
  { name: "pooled 3x300, batch 256", spec: POOLED, batchSize: 256, captionsPerImage: 1, batches: 4 },
  { name: "reference (recurrent dropout), batch 32", spec: REFERENCE, batchSize: 32, captionsPerImage: 1, batches: 16 },
  {
    name: "reference (recurrent dropout), batch 256",
    spec: REFERENCE,
    batchSize: 256,
    captionsPerImage: 1,
    batches: 4,
  },
  { name: "attention, 16 photos x 5", spec: ATTENTION, batchSize: 80, captionsPerImage: 5, batches: 6 },
];

/** The file a contender starts from: `workload.json` beside `arrays.bin`. */
export interface Workload {
  readonly decode: readonly DecodeCase[];
  readonly train: readonly TrainCase[];
  readonly arrays: ArrayIndex;
}

export async function writeWorkload(
  directory: string,
  cases: { readonly decode?: readonly DecodeCase[]; readonly train?: readonly TrainCase[] },
): Promise<Workload> {
  const { decode = [], train = [] } = cases;
  const arrays: Arrays = new Map();
  for (const one of [...decode, ...train]) addParameters(arrays, `${one.name}/parameters`, one.spec);
  for (const one of decode) addFeatures(arrays, `${one.name}/features`, one.spec, one.images, new Random(2));
  for (const one of train) addBatches(arrays, one);
  return saveWorkload(directory, { decode, train }, arrays);
}

/** Writes what contenders start from: cases, and the arrays they name. */
export async function saveWorkload(
  directory: string,
  cases: { readonly decode: readonly DecodeCase[]; readonly train: readonly TrainCase[] },
  arrays: Arrays,
): Promise<Workload> {
  await mkdir(directory, { recursive: true });
  const index = await writeArrays(join(directory, "arrays.bin"), arrays);
  const workload = { ...cases, arrays: index };
  await writeFile(join(directory, "workload.json"), JSON.stringify(workload));
  return workload;
}

/**
 * Wide enough that captions differ from photo to photo and words are seldom near ties. Decoders of the same sizes have the same weights.
 */
export function addParameters(arrays: Arrays, prefix: string, spec: DecoderSpec): void {
  const random = new Random(1);
  for (const { name, shape } of parameterShapes(spec)) {
    arrays.set(`${prefix}/${name}`, { shape, data: draw(sizeOf(shape), random, parameterDraw(name, shape)) });
  }
}

function parameterDraw(name: string, shape: readonly number[]): (random: Random) => number {
  if (name.endsWith("gamma") || name.endsWith("runningVariance")) return (random) => 1 + 0.2 * (random.uniform() - 0.5);
  if (shape.length === 1) return (random) => 0.05 * random.normal();
  const scale = (name.startsWith("output.weight") ? 6 : name.startsWith("lstm") ? 1.5 : 1) / Math.sqrt(shape[0]!);
  const factor = name === "embedding.weight" ? 1 : scale;
  return (random) => factor * random.normal();
}

/** Millions of numbers: drawn once into a short table, then picked from it at random places. */
function draw(size: number, random: Random, from: (random: Random) => number): Float32Array {
  const data = new Float32Array(size);
  const table = Float32Array.from({ length: Math.min(size, TABLE_SIZE) }, () => from(random));
  let state = 1 + random.integer(2 ** 31);
  for (let i = 0; i < size; i++) {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = table[(state >>> 0) % table.length]!;
  }
  return data;
}

function addFeatures(arrays: Arrays, prefix: string, spec: DecoderSpec, images: number, random: Random): void {
  const pooled = draw(images * spec.featureSize, random, (from) => from.normal());
  arrays.set(`${prefix}/pooled`, { shape: [images, spec.featureSize], data: pooled });
  if (spec.attention === undefined) return;
  const { gridFeatureSize } = spec.attention;
  const data = draw(images * GRID_CELLS * gridFeatureSize, random, (from) => from.uniform());
  arrays.set(`${prefix}/grid`, { shape: [images, GRID_CELLS, gridFeatureSize], data });
}

function addBatches(arrays: Arrays, one: TrainCase): void {
  const random = new Random(3);
  for (const [batch, own] of batchLengths(one).entries()) {
    const timeSteps = Math.max(...own);
    const tokenIds = new Int32Array(one.batchSize * timeSteps);
    own.forEach((length, row) => {
      for (let t = 0; t < length; t++) {
        const word = UNKNOWN_TOKEN_ID + 1 + random.integer(one.spec.vocabSize - UNKNOWN_TOKEN_ID - 1);
        tokenIds[row * timeSteps + t] = t === length - 1 ? END_TOKEN_ID : word;
      }
    });
    const prefix = `${one.name}/batch ${batch}`;
    arrays.set(`${prefix}/tokenIds`, { shape: [one.batchSize, timeSteps], data: tokenIds });
    arrays.set(`${prefix}/lengths`, { shape: [one.batchSize], data: Int32Array.from(own) });
    const imageOfRow = Int32Array.from({ length: one.batchSize }, (_, row) => Math.floor(row / one.captionsPerImage));
    arrays.set(`${prefix}/imageOfRow`, { shape: [one.batchSize], data: imageOfRow });
    addFeatures(arrays, prefix, one.spec, one.batchSize / one.captionsPerImage, random);
  }
}

/** Lengths of the captions of each batch. With several captions a photo the batch is its photos; else captions are bucketed by length. */
export function batchLengths({ batchSize, batches, captionsPerImage }: TrainCase): Int32Array[] {
  const random = new Random(4);
  const draw = () => {
    const length = Math.round(LENGTH_MEAN + LENGTH_DEVIATION * random.normal());
    return Math.min(LONGEST, Math.max(SHORTEST, length));
  };
  if (captionsPerImage > 1) {
    return Array.from({ length: batches }, () => Int32Array.from({ length: batchSize }, draw));
  }
  const pool = Array.from({ length: batchSize * BUCKET_BATCHES }, draw).sort((a, b) => a - b);
  const starts = random.shuffle(Array.from({ length: BUCKET_BATCHES }, (_, batch) => batch)).slice(0, batches);
  return starts.map((start) => Int32Array.from(pool.slice(start * batchSize, (start + 1) * batchSize)));
}
