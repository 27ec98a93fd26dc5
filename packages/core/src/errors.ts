export { diskHint } from "./disk-hint.js";

/** Base of every error a user can cause or cure. The CLI prints its message and hint and exits 2; anything else is a bug. */
export class ShowtellError extends Error {
  /** What to do about it: a command, an option, a file to look at. */
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A tensor or array whose shape, length or dtype is not what the seam asks for. */
export class ShapeError extends ShowtellError {}
/** An option with an impossible value. */
export class OptionError extends ShowtellError {}
/** An image that cannot be read or breaks a limit. */
export class ImageError extends ShowtellError {}
/** An encoder file or spec that cannot be used. */
export class EncoderError extends ShowtellError {}
/** A feature store that is stale, foreign or damaged. */
export class FeatureStoreError extends ShowtellError {}
/** A dataset file that is missing, malformed or inconsistent. */
export class DatasetError extends ShowtellError {}
/** A vocabulary that is malformed or belongs to another model. */
export class VocabularyError extends ShowtellError {}
/** A checkpoint or run folder that is missing, damaged or of another version. */
export class CheckpointError extends ShowtellError {}
/** A training recipe with unknown keys or impossible values. */
export class RecipeError extends ShowtellError {}
/** A study that is damaged or foreign, or was begun with other settings. */
export class StudyError extends ShowtellError {}
/** A handle used after dispose(). */
export class DisposedError extends ShowtellError {}
/** Work that was stopped by an AbortSignal. */
export class AbortedError extends ShowtellError {}

/** No backend could be opened; `attempts` says why for each one, in the order tried. */
export class BackendUnavailableError extends ShowtellError {
  readonly attempts: readonly { readonly name: string; readonly reason: string }[];

  constructor(attempts: readonly { readonly name: string; readonly reason: string }[], hint?: string) {
    super(
      `Expected a usable decoder backend but received none: ${attempts.map((a) => `${a.name}: ${a.reason}`).join("; ")}.`,
      { hint: hint ?? "Run `showtell doctor` to see what each backend needs." },
    );
    this.attempts = attempts;
  }
}

/** The one sentence every argument error uses. */
export function expected(what: string, name: string, actual: unknown): string {
  return `Expected ${what} for ${name} but received ${describe(actual)}.`;
}

const DESCRIPTION_LIMIT = 80;

/** A short, quoted rendering of a value for error messages. */
function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shorten(value));
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  try {
    return shorten(JSON.stringify(value) ?? Object.prototype.toString.call(value));
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function shorten(text: string): string {
  return text.length <= DESCRIPTION_LIMIT ? text : `${text.slice(0, DESCRIPTION_LIMIT - 1)}…`;
}
