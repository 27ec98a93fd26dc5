import { type Backend, type BackendCandidate, openBackend, tfjsCandidates } from "@showtell/core/captioning";
import type { BackendChoice } from "../options/model-options.js";

/** Every backend that could run here, best first. The native package is optional: where it is missing, that is one more reason. */
export async function backendCandidates(): Promise<BackendCandidate[]> {
  return [...(await nativeOrReason()), ...tfjsCandidates()];
}

/** @throws BackendUnavailableError with the reason of each backend that was tried */
export async function openDecoderBackend(choice: BackendChoice): Promise<Backend> {
  const { backend } = await openBackend(choice, await backendCandidates());
  return backend;
}

async function nativeOrReason(): Promise<BackendCandidate[]> {
  try {
    const { nativeCandidates } = await import("@showtell/native-lstm");
    return nativeCandidates();
  } catch (error) {
    const open = () => Promise.reject(error);
    return [
      { name: "native-cuda", open },
      { name: "native-cpu", open },
    ];
  }
}
