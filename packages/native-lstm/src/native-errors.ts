/** Turns what the addon throws into core's typed errors, with the stack of the JavaScript that called. */
import {
  BackendUnavailableError,
  DisposedError,
  OptionError,
  ShapeError,
  ShowtellError,
} from "@showtell/core/captioning";
import type { NativeErrorCode } from "./binding.js";

type Caller = (...args: never[]) => unknown;

/** A stack to be given to an error that arises later, on another thread. */
export interface CallSite {
  readonly stack: string;
}

/** Remembers where `callee` was called from. V8 formats the text only when it is read, so a call that succeeds pays for the frames alone. */
export function callSite(callee: Caller): CallSite {
  const site = { stack: "" };
  Error.captureStackTrace(site, callee);
  return site;
}

/** Settles as the native call does; its errors become those of core. The call may also throw at once. */
export async function settle<T>(site: CallSite, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromNative(error, site);
  }
}

/**
 * The typed error for a native one. An error without a known code is a bug: it stays what it is, with the caller's frames added.
 */
export function fromNative(error: unknown, site: CallSite): unknown {
  if (!(error instanceof Error) || error instanceof ShowtellError) return error;
  const frames = site.stack.slice(site.stack.indexOf("\n") + 1);
  const typed = typedError(error);
  if (typed === undefined) {
    error.stack = `${error.stack ?? error.message}\n  called:\n${frames}`;
    return error;
  }
  typed.stack = `${typed.name}: ${typed.message}\n${frames}`;
  return typed;
}

function typedError(error: Error & { code?: unknown }): ShowtellError | undefined {
  const { message } = error;
  switch (error.code as NativeErrorCode) {
    case "shape":
      return new ShapeError(message, { cause: error });
    case "option":
      return new OptionError(message, { cause: error });
    case "disposed":
      return new DisposedError(message, { cause: error });
    case "unavailable":
      return new BackendUnavailableError([{ name: "native", reason: message }]);
    case "memory":
      return new ShowtellError(message, { cause: error, hint: "Take a smaller batch or a narrower beam." });
    default:
      return undefined;
  }
}
