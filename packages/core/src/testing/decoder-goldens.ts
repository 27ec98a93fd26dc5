import { readdirSync, readFileSync } from "node:fs";
import type { AdamUpdate, Backend, BackendDecoder, LossSum, TrainingBatch } from "../decoder/backend.js";
import { type DecoderSpec, decoderSpecSchema } from "../decoder/decoder-spec.js";
import type { DropoutPosition } from "../decoder/dropout-mask.js";
import { type NamedTensors, type Tensor, tensor } from "../tensor.js";

/** What PyTorch computed in float64 for one small decoder; made by scripts/golden/decoder.py. */
export interface DecoderGolden {
  readonly name: string;
  readonly about: string;
  readonly spec: DecoderSpec;
  readonly update: AdamUpdate;
  readonly parameters: NamedTensors;
  readonly batch: TrainingBatch;
  readonly expected: {
    /** Teacher-forced, in inference mode, `[batch, timeSteps, vocabSize]`. */
    readonly logits: Tensor;
    /** Averaged over heads, `[batch, timeSteps, cells]`. */
    readonly attention?: Tensor;
    readonly evaluation: LossSum;
    /** Of the first training step, before clipping. */
    readonly gradients: NamedTensors;
    readonly gradientNorm: number;
    /** Of ten training steps on the one batch, dropout seed `batch.dropoutSeed + i` at step i. */
    readonly trainingLosses: readonly number[];
    readonly gradientNorms: readonly number[];
    readonly parametersAfterTraining: NamedTensors;
    readonly averagesAfterTraining?: NamedTensors;
    readonly evaluationAfterTraining: LossSum;
    readonly dropoutMasks: readonly {
      readonly rate: number;
      readonly position: DropoutPosition;
      readonly mask: Tensor;
    }[];
  };
}

/** The same depth below the repository root from src/testing and from dist/testing. */
const FOLDER = new URL("../../../../fixtures/golden/decoder/", import.meta.url);

export function decoderGoldenNames(): string[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
  return files.map((file) => file.slice(0, -".json".length)).sort();
}

export function readDecoderGolden(name: string): DecoderGolden {
  const json = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));
  const { batch, expected } = json;
  const integers = (value: JsonTensor) => Int32Array.from(value.data);
  return {
    name,
    about: json.about,
    spec: decoderSpecSchema.parse(json.spec),
    update: json.update,
    parameters: toTensors(json.parameters),
    batch: {
      features: { pooled: toTensor(batch.pooled), ...(batch.grid && { grid: toTensor(batch.grid) }) },
      imageOfRow: integers(batch.imageOfRow),
      batchSize: batch.tokenIds.shape[0],
      timeSteps: batch.tokenIds.shape[1],
      tokenIds: integers(batch.tokenIds),
      lengths: integers(batch.lengths),
      ...(batch.tokenWeights && { tokenWeights: Float32Array.from(batch.tokenWeights.data) }),
      labelSmoothing: batch.labelSmoothing,
      dropoutSeed: batch.dropoutSeed,
    },
    expected: {
      logits: toTensor(expected.logits),
      ...(expected.attention && { attention: toTensor(expected.attention) }),
      evaluation: expected.evaluation,
      gradients: toTensors(expected.gradients),
      gradientNorm: expected.gradientNorm,
      trainingLosses: expected.trainingLosses,
      gradientNorms: expected.gradientNorms,
      parametersAfterTraining: toTensors(expected.parametersAfterTraining),
      ...(expected.averagesAfterTraining && { averagesAfterTraining: toTensors(expected.averagesAfterTraining) }),
      evaluationAfterTraining: expected.evaluationAfterTraining,
      dropoutMasks: expected.dropoutMasks.map(
        (sample: { rate: number; position: DropoutPosition; mask: JsonTensor }) => ({
          ...sample,
          mask: toTensor(sample.mask),
        }),
      ),
    },
  };
}

/** A decoder with the golden's parameters, disposed when `use` has settled. */
export async function withGoldenDecoder<T>(
  backend: Backend,
  golden: DecoderGolden,
  use: (decoder: BackendDecoder) => Promise<T>,
): Promise<T> {
  const decoder = await backend.createDecoder(golden.spec, golden.parameters);
  try {
    return await use(decoder);
  } finally {
    decoder.dispose();
  }
}

interface JsonTensor {
  readonly shape: number[];
  readonly data: number[];
}

function toTensor(json: JsonTensor): Tensor {
  return tensor(json.shape, Float32Array.from(json.data), "golden");
}

function toTensors(json: Readonly<Record<string, JsonTensor>>): NamedTensors {
  return new Map(Object.entries(json).map(([name, value]) => [name, toTensor(value)]));
}
