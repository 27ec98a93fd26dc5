import { z } from "zod";
import { decoderSpecSchema } from "../decoder/decoder-spec.js";
import { CheckpointError, expected } from "../errors.js";
import { generationDefaultsSchema } from "./generation-defaults.js";
import { sha256Of } from "./safetensors.js";

export const CHECKPOINT_FORMAT = "showtell-checkpoint";
export const CHECKPOINT_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");
const jsonObject = z.record(z.string(), z.json());

/** Scores of generated captions, with what they mean. */
export const checkpointScoresSchema = z.strictObject({
  split: z.enum(["train", "dev", "test"]),
  /** 1-based epoch after which they were taken. */
  epoch: z.int().min(0).optional(),
  /** Metric → value, as the scorer names them; `loss` is nats per token under teacher forcing. */
  values: z.record(z.string(), z.number()),
  /** How the scores were computed, as the scorer words it. */
  signature: z.string().optional(),
});

/** config.json; every key is explained in docs/formats/checkpoints.md. */
export const checkpointConfigSchema = z.strictObject({
  format: z.literal(CHECKPOINT_FORMAT),
  formatVersion: z.literal(CHECKPOINT_VERSION),
  decoder: decoderSpecSchema,
  encoder: z.strictObject({ fingerprint: z.string().min(1), spec: jsonObject }),
  vocabulary: z.strictObject({ size: z.int().min(5), sha256 }),
  /** Whether pooled features are standardised with the vectors in decoder.safetensors. */
  standardized: z.boolean(),
  generation: generationDefaultsSchema,
  recipe: jsonObject.optional(),
  data: z
    .strictObject({ name: z.string(), format: z.string(), sha256, images: z.int().min(0), captions: z.int().min(0) })
    .optional(),
  scores: checkpointScoresSchema.optional(),
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256 })),
});

export type CheckpointConfig = z.infer<typeof checkpointConfigSchema>;
export type CheckpointScores = z.infer<typeof checkpointScoresSchema>;
export type CheckpointData = NonNullable<CheckpointConfig["data"]>;

/** The text of config.json: the config and, last, the sha256 of everything before it. */
export function encodeConfig(config: CheckpointConfig): string {
  return `${JSON.stringify({ ...config, sha256: sha256Of(JSON.stringify(config)) }, undefined, 2)}\n`;
}

/** @throws CheckpointError for another format or version, a missing or surplus key, or contents that do not fit their own hash */
export function decodeConfig(text: string, file: string): CheckpointConfig {
  const value = parseJson(text, file);
  const { format, formatVersion } = value;
  if (format !== CHECKPOINT_FORMAT) {
    throw new CheckpointError(expected(JSON.stringify(CHECKPOINT_FORMAT), `format in ${file}`, format), {
      hint: "This is not the config.json of a Showtell checkpoint.",
    });
  }
  if (formatVersion !== CHECKPOINT_VERSION) {
    throw new CheckpointError(expected(`${CHECKPOINT_VERSION}`, `formatVersion in ${file}`, formatVersion), {
      hint: "The checkpoint was written by another version of Showtell: use that version, or train again with this one.",
    });
  }
  const { sha256: stored, ...content } = value;
  const parsed = checkpointConfigSchema.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new CheckpointError(
      `Expected a valid checkpoint config in ${file} but ${issue.path.join(".") || "it"}: ${issue.message}.`,
      {
        hint: "The file is damaged or was edited: copy the whole folder again from where it came from.",
      },
    );
  }
  const actual = sha256Of(JSON.stringify(content));
  if (stored !== actual) {
    throw new CheckpointError(
      expected(`the contents with sha256 ${String(stored).slice(0, 16)}…`, file, `${actual.slice(0, 16)}…`),
      {
        hint: "The file is damaged or was edited. Generation settings are changed with options, not in the file.",
      },
    );
  }
  return parsed.data;
}

/** @throws CheckpointError */
export function parseJson(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(expected("JSON", file, (cause as Error).message), {
      hint: "The file is damaged or was edited: copy the whole folder again from where it came from.",
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CheckpointError(expected("a JSON object", file, value), {
      hint: "The file is damaged or was edited: copy the whole folder again from where it came from.",
    });
  }
  return value as Record<string, unknown>;
}
