import { ImageError, OptionError, ShowtellError } from "@showtell/core/errors";

/** A request that is answered with something else than what was asked for. */
export class HttpError extends ShowtellError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: { hint?: string | undefined; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/** What an error is to a client: its own fault (400), or ours (500). */
export function statusOf(error: unknown): number {
  if (error instanceof HttpError) return error.status;
  return error instanceof ImageError || error instanceof OptionError ? 400 : 500;
}

/** The form of every refusal: the sentence and, where there is one, what to do. */
export function refusal(error: unknown): { error: string; hint?: string } {
  const { message, hint } = error as ShowtellError;
  // A photo's number in its stream means nothing to whoever sent it.
  return { error: message.replace(/ for photo \d+ but /, " for the photo but "), ...(hint !== undefined && { hint }) };
}
