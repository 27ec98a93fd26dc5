import type { BackendCandidate } from "../backend-registry.js";

/** The ways to run TensorFlow.js here, fastest first. Nothing of it is loaded before one is opened. */
export function tfjsCandidates(): BackendCandidate[] {
  const devices = ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] as const;
  return devices.map((device) => ({
    name: "tfjs",
    device,
    open: async () => (await import("./tfjs-backend.js")).openTfjsBackend(device),
  }));
}
