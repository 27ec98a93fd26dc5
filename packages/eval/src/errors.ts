/** Every error a user can cause or cure: one sentence, and a hint about what to do. Anything else that is thrown is a bug. */
export class EvaluationError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "EvaluationError";
    this.hint = options.hint;
  }
}

/** The one sentence every argument error uses. */
export function expected(what: string, name: string, actual: unknown): string {
  return `Expected ${what} for ${name} but received ${describe(actual)}.`;
}

const DESCRIPTION_LIMIT = 80;

function describe(value: unknown): string {
  if (typeof value === "string") return shorten(JSON.stringify(value));
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "a function" : String(value);
  return shorten(JSON.stringify(value) ?? "an object");
}

function shorten(text: string): string {
  return text.length <= DESCRIPTION_LIMIT ? text : `${text.slice(0, DESCRIPTION_LIMIT - 1)}…`;
}

/** Names a few of many things: `a, b, c and 4 more`. */
export function nameSome(names: readonly string[], limit = 5): string {
  const shown = names.slice(0, limit).join(", ");
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
