import { BackendUnavailableError, expected, OptionError, ShowtellError } from "../errors.js";
import type { Backend, BackendName } from "./backend.js";
import type { DecoderSpec } from "./decoder-spec.js";

export const BACKEND_CHOICES = ["auto", "native-cuda", "native-cpu", "tfjs"] as const;
/** `auto` takes the first candidate that opens, a name only candidates of that name. */
export type BackendChoice = (typeof BACKEND_CHOICES)[number];

/** A backend that might be opened. */
export interface BackendCandidate {
  readonly name: BackendName;
  /** Tells candidates of one name apart: `wasm`, `tfjs-node`. */
  readonly device?: string;
  /** Loads whatever it needs; rejects with the reason why it cannot be used here. */
  open(): Promise<Backend>;
}

/** A candidate that was passed over, and why. */
export interface BackendAttempt {
  readonly name: string;
  readonly reason: string;
}

/**
 * Opens the first usable backend.
 * @param candidates in the order to try, such as `[...nativeCandidates(), ...tfjsCandidates()]`
 * @param options.spec a decoder the backend has to support
 * @returns the backend, and every refusal before it
 * @throws BackendUnavailableError with every refusal when none is left; OptionError for an unknown choice
 */
export async function openBackend(
  choice: BackendChoice,
  candidates: readonly BackendCandidate[],
  options: { readonly spec?: DecoderSpec } = {},
): Promise<{ backend: Backend; attempts: BackendAttempt[] }> {
  if (!BACKEND_CHOICES.includes(choice)) {
    throw new OptionError(expected(`one of ${BACKEND_CHOICES.join(", ")}`, "backend", choice));
  }
  const attempts: BackendAttempt[] = [];
  const eligible = candidates.filter(({ name }) => choice === "auto" || name === choice);
  for (const candidate of eligible) {
    const name = candidate.device ? `${candidate.name} (${candidate.device})` : candidate.name;
    try {
      const backend = await candidate.open();
      const supported = options.spec ? backend.supports(options.spec) : true;
      if (supported === true) return { backend, attempts };
      attempts.push({ name, reason: supported });
      await backend.dispose();
    } catch (error) {
      attempts.push({ name, reason: reasonOf(error) });
    }
  }
  if (eligible.length === 0) attempts.push({ name: choice, reason: "nothing installed offers it" });
  throw new BackendUnavailableError(attempts);
}

/** One line: attempts are printed as a list. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const firstLine = error.message.split("\n", 1)[0]!.replace(/\.$/, "");
  return error instanceof ShowtellError && error.hint ? `${firstLine}. ${error.hint.replace(/\.$/, "")}` : firstLine;
}
