import {
  type Backend,
  type Captioner,
  type Checkpoint,
  type CheckpointConfig,
  createCaptioner,
  type GenerationOptions,
  type ImageEncoder,
  openEncoder,
  readCheckpoint,
  readCheckpointConfig,
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
  // The small files say what is needed; then encoder, backend and weights, which do not need each other, open at the same time.
  const configs = await Promise.all(folders.map((folder) => readCheckpointConfig(folder)));
  const [encoder, backend, checkpoints] = await Promise.allSettled([
    openEncoderOf(configs, options),
    openDecoderBackend(options.backend ?? "auto"),
    Promise.all(folders.map((folder) => readCheckpoint(folder))),
  ]);
  try {
    return await compose(settled(checkpoints), settled(encoder), settled(backend), options.generation);
  } catch (error) {
    for (const part of [encoder, backend]) if (part.status === "fulfilled") await part.value.dispose();
    throw error;
  }
}

async function openEncoderOf(
  configs: readonly CheckpointConfig[],
  options: LoadCaptionerOptions,
): Promise<ImageEncoder> {
  const attention = configs.some(({ decoder }) => decoder.attention !== undefined);
  return openEncoder(await encoderOfCheckpoint(configs[0]!.encoder, options.encoder), {
    outputs: attention ? ["pooled", "grid"] : ["pooled"],
    ...(options.threads !== undefined && { threads: options.threads }),
  });
}

async function compose(
  checkpoints: readonly Checkpoint[],
  encoder: ImageEncoder,
  backend: Backend,
  defaults: GenerationOptions | undefined,
): Promise<Captioner> {
  const models = await Promise.all(
    checkpoints.map(async (checkpoint) => ({
      checkpoint,
      decoder: await backend.createDecoder(checkpoint.decoder, checkpoint.parameters),
    })),
  );
  return createCaptioner({ encoder, models, resources: [backend], ...(defaults && { defaults }) });
}

function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}
