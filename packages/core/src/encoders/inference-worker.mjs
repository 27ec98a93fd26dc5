// @ts-check
// Runs ONNX Runtime on a thread of its own: its run() blocks whoever calls it, promise or not. Plain JavaScript, because a worker is started from a
// file and sources run without a build in tests.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { createSession } from "./create-session.mjs";

/** @typedef {import("./inference-protocol.js").InferenceOpening} InferenceOpening */
/** @typedef {import("./inference-protocol.js").InferenceRequest} InferenceRequest */
/** @typedef {import("./inference-protocol.js").InferenceReply} InferenceReply */

if (parentPort === null) throw new Error("inference-worker.mjs runs only as a worker thread.");
const port = parentPort;

/** @param {InferenceReply} message @param {ArrayBuffer[]} [transfer] */
const reply = (message, transfer = []) => port.postMessage(message, transfer);
/** @param {unknown} error */
const textOf = (error) => (error instanceof Error ? error.message : String(error));

// Begins before anybody says which encoder it is for; a failure is reported when somebody does.
const runtime = import("onnxruntime-node");
runtime.catch(() => {});
const [first] = /** @type {[InferenceRequest]} */ (await once(port, "message"));
if (first.kind === "open") {
  await open(first.opening);
} else {
  // Nobody needs it after all. Half-loaded, it could not end without taking the process with it.
  await runtime.catch(() => {});
  port.close();
}

/** @param {InferenceOpening} opening */
async function open(opening) {
  try {
    const weights = await readFile(opening.onnxPath);
    const sha256 = createHash("sha256").update(weights).digest("hex");
    if (sha256 === opening.sha256) await serve(weights, opening);
    else reply({ kind: "mismatch", sha256 });
  } catch (error) {
    reply({ kind: "unusable", message: textOf(error) });
  }
}

/** @param {Uint8Array} weights @param {InferenceOpening} opening */
async function serve(weights, opening) {
  const { InferenceSession, Tensor } = await runtime;
  const options = {
    intraOpNumThreads: opening.threads,
    interOpNumThreads: 1,
    // Between two batches the cores belong to image decoding.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
  const { session, ...where } = await createSession(InferenceSession, weights, options, opening.device);
  let queue = Promise.resolve();
  port.on("message", (/** @type {InferenceRequest} */ request) => {
    queue = queue.then(() => (request.kind === "run" ? run(request) : close()));
  });
  reply({ kind: "ready", inputs: [...session.inputNames], outputs: [...session.outputNames], ...where });

  /** @param {Extract<InferenceRequest, { kind: "run" }>} request */
  async function run(request) {
    try {
      const { data, shape } = request;
      const input = data instanceof Uint8Array ? new Tensor("uint8", data, shape) : new Tensor("float32", data, shape);
      const results = await session.run({ [opening.inputName]: input }, request.outputs);
      const outputs = request.outputs.map((name) => {
        const { data: values, dims } = /** @type {import("onnxruntime-node").Tensor} */ (results[name]);
        if (!(values instanceof Float32Array)) throw new Error(`output ${name} is not float32`);
        return { name, data: values, shape: [...dims] };
      });
      reply(
        { kind: "done", id: request.id, outputs },
        /** @type {ArrayBuffer[]} */ (outputs.map(({ data: values }) => values.buffer)),
      );
    } catch (error) {
      reply({ kind: "failed", id: request.id, message: textOf(error) });
    }
  }

  async function close() {
    await session.release();
    port.close();
  }
}
