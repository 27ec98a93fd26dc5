import {
  type Backend,
  type Captioner,
  type CaptionModel,
  type CheckpointConfig,
  closestName,
  createCaptioner,
  expected,
  type GenerationOptions,
  type ImageEncoder,
  OptionError,
  openEncoder,
  readCheckpoint,
  readCheckpointConfig,
} from "@showtell/core/captioning";
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

const OPTION_NAMES: readonly string[] = [
  "model",
  "backend",
  "encoder",
  "threads",
  "generation",
] satisfies readonly (keyof LoadCaptionerOptions)[];

/**
 * Loads everything a caption needs. Dispose of the captioner when done (`await using` does it).
 * @throws OptionError, CheckpointError, EncoderError, BackendUnavailableError, each with a hint
 */
export async function loadCaptioner(options: LoadCaptionerOptions = {}): Promise<Captioner> {
  checkOptions(options);
  const folders = options.model === undefined ? [defaultCaptionerPath()] : [options.model].flat().map(findCaptioner);
  // The small files say what is needed; then the encoder on its thread, and backend and weights here, open at the same time.
  const configs = await Promise.all(folders.map((folder) => readCheckpointConfig(folder)));
  const [encoder, decoding] = await Promise.allSettled([
    openEncoderOf(configs, options),
    openModels(folders, options.backend ?? "auto"),
  ]);
  try {
    const { models, backend } = settled(decoding);
    const { generation: defaults } = options;
    return createCaptioner({ encoder: settled(encoder), models, resources: [backend], ...(defaults && { defaults }) });
  } catch (error) {
    if (encoder.status === "fulfilled") await encoder.value.dispose();
    if (decoding.status === "fulfilled") await decoding.value.backend.dispose();
    throw error;
  }
}

/** What a program without types may pass: a misspelt `model` must not load another one. */
function checkOptions(options: LoadCaptionerOptions): void {
  if (!isObject(options)) throw new OptionError(expected("an object", "options", options));
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name));
  if (unknown !== undefined) {
    const closest = closestName(unknown, OPTION_NAMES);
    throw new OptionError(expected("a known name", "option of loadCaptioner", unknown), {
      hint: closest ? `Did you mean ${closest}?` : `Known names: ${OPTION_NAMES.join(", ")}.`,
    });
  }
  const { model, encoder, generation } = options;
  const models: readonly unknown[] = [model].flat();
  if (model !== undefined && (models.length === 0 || models.some((name) => typeof name !== "string")))
    throw new OptionError(expected("a checkpoint folder or a list of some", "model", model), {
      hint: "Leave model out for the captioner that ships.",
    });
  if (encoder !== undefined && typeof encoder !== "string")
    throw new OptionError(expected("a name or a path", "encoder", encoder));
  if (generation !== undefined && !isObject(generation))
    throw new OptionError(expected("an object", "generation", generation));
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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

async function openModels(
  folders: readonly string[],
  choice: BackendChoice,
): Promise<{ models: CaptionModel[]; backend: Backend }> {
  const [opened, read] = await Promise.allSettled([
    openDecoderBackend(choice),
    Promise.all(folders.map((folder) => readCheckpoint(folder))),
  ]);
  const backend = settled(opened);
  try {
    const models = settled(read).map(async (checkpoint) => ({
      checkpoint,
      decoder: await backend.createDecoder(checkpoint.decoder, checkpoint.parameters),
    }));
    return { models: await Promise.all(models), backend };
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}
