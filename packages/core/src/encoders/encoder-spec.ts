import { createHash } from "node:crypto";
import { z } from "zod";
import { EncoderError } from "../errors.js";
import { PREPROCESSING_VERSION } from "../image/preprocess-image.js";

const name = z.string().min(1);
const count = z.int().positive();
const triple = z.tuple([z.number(), z.number(), z.number()]);

/** Largest side an encoder may ask for. */
const MAX_INPUT_SIZE = 4096;

const inputSchema = z.strictObject({
  /** Name of the graph's input. */
  name,
  /** Side of the square, in pixels. */
  size: count.max(MAX_INPUT_SIZE),
  layout: z.enum(["NHWC", "NCHW"]),
  dtype: z.enum(["uint8", "float32"]),
  channels: z.enum(["RGB", "BGR"]),
  /** With float32, a channel's value is (byte · scale − mean) / std; in the order of `channels`. uint8 takes the bytes as they are. */
  scale: z.number().positive().optional(),
  mean: triple.optional(),
  std: triple.optional(),
});

const outputsSchema = z.strictObject({
  /** One vector a photo. `[N, size]`, or with trailing ones. */
  pooled: z.strictObject({ name, size: count }),
  /** One vector a cell of the last feature map, rows top to bottom. `[N, cells, size]`, `[N, h, w, size]`, or channels first. */
  grid: z
    .strictObject({ name, cells: count, size: count, layout: z.enum(["channels-last", "channels-first"]) })
    .optional(),
});

const specSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    name: name.regex(/^[a-z0-9][a-z0-9._-]*$/, "expected lower-case letters, digits, '.', '_' and '-'"),
    description: z.string().optional(),
    /** File name of the weights, in the folder of the spec. */
    onnx: name.regex(/^[^/\\]+\.onnx$/, "expected the name of an .onnx file beside the spec"),
    /** Of the ONNX file, lower-case hexadecimal. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits"),
    input: inputSchema,
    resize: z.strictObject({
      fit: z.enum(["squash", "cover"]),
      filter: z.enum(["cubic", "linear", "lanczos3", "nearest"]),
    }),
    outputs: outputsSchema,
    /** SPDX identifier, or a sentence. */
    licence: name,
    /** Where the weights come from. */
    source: z.string().optional(),
  })
  .superRefine(({ input }, context) => {
    const normalised = input.scale !== undefined || input.mean !== undefined || input.std !== undefined;
    if (normalised && input.dtype === "uint8") {
      context.addIssue({ code: "custom", path: ["input"], message: "scale, mean and std need dtype float32" });
    }
    if (input.std?.some((value) => value === 0)) {
      context.addIssue({ code: "custom", path: ["input", "std"], message: "expected no zero" });
    }
  });

/** What an image encoder is: an ONNX file and everything needed to feed it. Stored as JSON beside the file. */
export type EncoderSpec = z.infer<typeof specSchema>;
/** A spec as its author writes it: the file's name and hash are filled in by `importEncoder`. */
export type EncoderSpecDraft = Omit<EncoderSpec, "onnx" | "sha256">;
export type EncoderOutput = "pooled" | "grid";

/**
 * Checks a spec.
 * @param source where it came from, for messages
 * @throws EncoderError naming the first key that is missing, unknown or impossible.
 */
export function parseEncoderSpec(json: unknown, source: string): EncoderSpec {
  const result = specSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const key = issue.path.length === 0 ? "the spec" : issue.path.join(".");
  throw new EncoderError(
    `Expected a valid encoder spec for ${source} but received a fault in ${key}: ${issue.message}.`,
    {
      hint: "The keys are listed in docs/formats/encoders.md.",
    },
  );
}

/**
 * Identity of the features an encoder makes: sha256 over the hash of its weights and everything that decides the pixels it sees. Two encoders with
 * the same fingerprint are interchangeable; its name, licence and description play no part.
 */
export function encoderFingerprint(spec: EncoderSpec): string {
  const { input, resize, outputs } = spec;
  const { scale = 1, mean = [0, 0, 0], std = [1, 1, 1] } = input;
  const grid = outputs.grid && [outputs.grid.name, outputs.grid.cells, outputs.grid.size, outputs.grid.layout];
  const identity = [
    PREPROCESSING_VERSION,
    spec.sha256,
    [input.name, input.size, input.layout, input.dtype, input.channels, scale, mean, std],
    [resize.fit, resize.filter],
    [outputs.pooled.name, outputs.pooled.size],
    grid ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex");
}
