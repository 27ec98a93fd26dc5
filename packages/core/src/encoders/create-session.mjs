// @ts-check
// Beside inference-worker.mjs, which says why it is plain JavaScript.

/** @typedef {import("onnxruntime-node").InferenceSession} InferenceSession */
/** @typedef {import("onnxruntime-node").InferenceSession.SessionOptions} SessionOptions */

/**
 * A session on the device asked for; `auto`: on the GPU where that works, else on the CPU, with the reason. Asked for a provider that it cannot load, ONNX
 * Runtime throws; operators that the GPU has no kernel for run on the CPU by themselves.
 * @param {{ create(weights: Uint8Array, options: SessionOptions): Promise<InferenceSession> }} factory ONNX Runtime's InferenceSession
 * @param {Uint8Array} weights
 * @param {SessionOptions} options
 * @param {import("./encoder-device.js").EncoderDeviceChoice} device
 * @returns {Promise<{ session: InferenceSession, device: import("./encoder-device.js").EncoderDevice, cudaFailure?: string }>}
 */
export async function createSession(factory, weights, options, device) {
  const onCpu = async () => ({ session: await factory.create(weights, options), device: /** @type {const} */ ("cpu") });
  if (device === "cpu") return onCpu();
  try {
    const session = await factory.create(weights, { ...options, executionProviders: ["cuda"] });
    return { session, device: "cuda" };
  } catch (error) {
    if (device === "cuda") throw error;
    return { ...(await onCpu()), cudaFailure: error instanceof Error ? error.message : String(error) };
  }
}
