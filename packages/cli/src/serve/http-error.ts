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
