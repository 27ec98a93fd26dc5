/** Opens one of our backends by name for a benchmark worker, or says why it cannot be had. */
import { type Backend, tfjsCandidates } from "@showtell/core";
import { loadBinding, openNativeBackend } from "@showtell/native-lstm";

export interface ContenderBackend {
  readonly backend: Backend;
  readonly versions: Readonly<Record<string, string>>;
  setThreads(count: number): void;
}

/** @param flavour of tfjs: tfjs-node or wasm */
export async function openContenderBackend(kind: string, flavour: string | undefined): Promise<ContenderBackend> {
  if (kind === "native-cpu") {
    const backend = await openNativeBackend("cpu");
    const { addon } = await loadBinding();
    return { backend, versions: backend.device.libraries, setThreads: (count) => addon?.setThreadCount(count) };
  }
  const candidate = tfjsCandidates().find(({ device }) => device === flavour);
  if (candidate === undefined) throw new Error(`tfjs has no device ${flavour}`);
  const backend = await candidate.open();
  return { backend, versions: backend.device.libraries, setThreads: () => {} };
}
