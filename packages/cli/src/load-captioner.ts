import {
  type Backend,
  type Captioner,
  type Checkpoint,
  createCaptioner,
  type GenerationOptions,
  openEncoder,
  readCheckpoint,
} from "@showtell/core";
import { defaultCaptionerPath, findCaptioner } from "./compose/default-captioner.js";
import { encoderOfCheckpoint } from "./compose/encoder-registry.js";
import { openDecoderBackend } from "./compose/open-decoder-backend.js";
import type { BackendChoice } from "./options/model-options.js";

export interface LoadCaptionerOptions {
  /**
   * A checkpoint folder, or the name of a captioner that ships; default: the one that ships. Several caption together, averaging their word
   * probabilities at each step; they need one vocabulary and one encoder.
   */
  readonly model?: string | readonly string[] | undefined;
  /** What does the decoder's arithmetic; default `auto`, the best that runs here. */
  readonly backend?: BackendChoice | undefined;
  /** Name or spec file of the image encoder, for models whose encoder is not among the installed ones. */
  readonly encoder?: string | undefined;
  /** Threads of the image encoder; default SHOWTELL_THREADS, else every core. */
  readonly threads?: number | undefined;
  /** Defaults of every call, before those of the model. */
  readonly generation?: GenerationOptions | undefined;
}

/**
 * Loads everything a caption needs. Dispose of the captioner when done (`await using` does it).
 * @throws CheckpointError, EncoderError, BackendUnavailableError, each with a hint
 */
export async function loadCaptioner(options: LoadCaptionerOptions = {}): Promise<Captioner> {
  const names = options.model === undefined ? [] : [options.model].flat();
  const folders = names.length === 0 ? [defaultCaptionerPath()] : names.map(findCaptioner);
  // Nothing here needs the other: the backend opens while the checkpoints are read.
  const opening = openDecoderBackend(options.backend ?? "auto");
  opening.catch(() => {});
  const checkpoints = await Promise.all(folders.map((folder) => readCheckpoint(folder)));
  const backend = await opening;
  try {
    return await compose(checkpoints, backend, options);
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

async function compose(checkpoints: Checkpoint[], backend: Backend, options: LoadCaptionerOptions): Promise<Captioner> {
  const attention = checkpoints.some(({ decoder }) => decoder.attention !== undefined);
  const specPath = await encoderOfCheckpoint(checkpoints[0]!.encoder, options.encoder);
  const [encoder, ...decoders] = await Promise.all([
    openEncoder(specPath, {
      outputs: attention ? ["pooled", "grid"] : ["pooled"],
      ...(options.threads !== undefined && { threads: options.threads }),
    }),
    ...checkpoints.map(({ decoder, parameters }) => backend.createDecoder(decoder, parameters)),
  ]);
  const models = checkpoints.map((checkpoint, index) => ({ checkpoint, decoder: decoders[index]! }));
  try {
    return createCaptioner({
      encoder,
      models,
      resources: [backend],
      ...(options.generation && { defaults: options.generation }),
    });
  } catch (error) {
    await encoder.dispose();
    throw error;
  }
}
