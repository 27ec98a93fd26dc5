import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { writeSynced } from "../checkpoint/replace-directory.js";
import { EncoderError, expected, OptionError } from "../errors.js";
import { createDirectory } from "../new-directory.js";
import type { EncoderOutput, EncoderSpec, EncoderSpecDraft } from "./encoder-spec.js";
import { parseEncoderSpec } from "./encoder-spec.js";
import { openEncoder } from "./image-encoder.js";
import { buildInceptionV3, inceptionV3Spec } from "./keras/inception-v3.js";
import { readNormalizedConvolutions } from "./keras/keras-weights.js";

export interface ImportEncoderOptions {
  /** Folder to make; must not exist, or be empty. */
  readonly directory: string;
  /** How the graph is fed and what it gives: needed with an ONNX file; with Keras weights it stands in for Inception v3's own, to change name, licence or resizing. */
  readonly spec?: EncoderSpecDraft;
}

export interface ImportedEncoder {
  /** For `openEncoder`. */
  readonly specPath: string;
  readonly spec: EncoderSpec;
}

/** Name of the spec in the folder of an encoder. */
export const ENCODER_SPEC_FILE = "encoder.json";

/**
 * Makes an encoder's folder (`encoder.json` and the weights) from an ONNX file and a spec, or from Keras weights of Inception v3 without its top
 * (`.h5`). One run on a grey square proves that names and shapes fit before the folder appears.
 * @throws EncoderError when the file cannot be used or does not fit the spec; OptionError when a spec is missing or something is in the folder.
 */
export async function importEncoder(source: string, options: ImportEncoderOptions): Promise<ImportedEncoder> {
  const { draft, weights } = await readSource(source, options.spec);
  const directory = resolve(options.directory);
  const onnx = `${draft.name}.onnx`;
  const sha256 = createHash("sha256").update(weights).digest("hex");
  const spec = parseEncoderSpec({ ...draft, onnx, sha256 }, "the encoder");
  const write = async (folder: string) => {
    await writeSynced(join(folder, onnx), weights);
    await writeSynced(join(folder, ENCODER_SPEC_FILE), `${JSON.stringify(spec, null, 2)}\n`);
    await probe(join(folder, ENCODER_SPEC_FILE), spec);
  };
  await createDirectory(options.directory, write, { kind: EncoderError });
  return { specPath: join(directory, ENCODER_SPEC_FILE), spec };
}

async function readSource(
  source: string,
  draft: EncoderSpecDraft | undefined,
): Promise<{ draft: EncoderSpecDraft; weights: Uint8Array }> {
  const kind = extname(source).toLowerCase();
  if (kind === ".h5" || kind === ".hdf5") {
    const layers = await readNormalizedConvolutions(source);
    return { draft: draft ?? inceptionV3Spec, weights: buildInceptionV3(layers, source) };
  }
  if (kind !== ".onnx") {
    throw new EncoderError(expected("an .onnx or .h5 file", "the encoder", source), {
      hint: "Export the network to ONNX, or give Keras weights of Inception v3.",
    });
  }
  if (draft === undefined) {
    throw new OptionError(expected("a spec", `the ONNX file ${source}`, undefined), {
      hint: "Write one as docs/formats/encoders.md shows, and give it with --spec.",
    });
  }
  return { draft, weights: await readBytes(source) };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new EncoderError(expected("a readable file", path, error instanceof Error ? error.message : error), {
      cause: error,
    });
  }
}

/** Runs the network once, for every output of the spec. */
async function probe(specPath: string, spec: EncoderSpec): Promise<void> {
  const outputs: EncoderOutput[] = spec.outputs.grid === undefined ? ["pooled"] : ["pooled", "grid"];
  const encoder = await openEncoder(specPath, { outputs });
  try {
    const { pooled } = await encoder.encode([new Uint8Array(spec.input.size ** 2 * 3).fill(127)]);
    if (!pooled?.data.every(Number.isFinite)) {
      throw new EncoderError(expected("finite features", `encoder ${spec.name} of a grey square`, "others"), {
        hint: "Check scale, mean and std of the spec, and the weights.",
      });
    }
  } finally {
    await encoder.dispose();
  }
}
