/** The four ways TensorFlow.js can run in Node, each loaded only when it is asked for. */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { ShowtellError } from "../../errors.js";
import type { DeviceInfo } from "../backend.js";

/** Fastest first. */
export const TFJS_DEVICE_NAMES = ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] as const;
export type TfjsDeviceName = (typeof TFJS_DEVICE_NAMES)[number];

/** One registered TensorFlow.js backend. Which one is active is global in TensorFlow.js; `run` sees to it. */
export class TfjsDevice {
  readonly info: DeviceInfo;
  private readonly engineName: string;

  constructor(engineName: string, info: DeviceInfo) {
    this.engineName = engineName;
    this.info = info;
  }

  /** Runs tensor operations on this device; asynchronous work may only read tensors after its first await. */
  run<T>(work: () => T): T {
    // Synchronous for a backend that is initialised, as this one is.
    if (tf.getBackend() !== this.engineName) void tf.setBackend(this.engineName);
    return work();
  }
}

/** @throws ShowtellError saying why the device cannot be used here. */
export async function openTfjsDevice(name: TfjsDeviceName): Promise<TfjsDevice> {
  // Silences TensorFlow.js' advice to install something faster: choosing is this function's business.
  tf.enableProdMode();
  const opened = await openers[name]();
  if (!(await tf.setBackend(opened.engineName))) {
    throw new ShowtellError(`Expected TensorFlow.js to start its backend ${opened.engineName} but received a refusal.`);
  }
  return new TfjsDevice(opened.engineName, {
    kind: opened.isGpu?.() ? "cuda" : "cpu",
    description: `tfjs ${tf.version_core} ${name}`,
    libraries: { "@tensorflow/tfjs-core": tf.version_core, ...opened.libraries },
  });
}

interface OpenedDevice {
  readonly engineName: string;
  readonly libraries: Readonly<Record<string, string>>;
  readonly isGpu?: () => boolean;
}

const openers: Record<TfjsDeviceName, () => Promise<OpenedDevice>> = {
  "tfjs-node-gpu": async () => openNodeBinding("@tensorflow/tfjs-node-gpu"),
  "tfjs-node": async () => openNodeBinding("@tensorflow/tfjs-node"),
  wasm: async () => {
    const { version_wasm } = await import("@tensorflow/tfjs-backend-wasm");
    const { installWasmKernels } = await import("./wasm-kernels.js");
    installWasmKernels();
    return { engineName: "wasm", libraries: { "@tensorflow/tfjs-backend-wasm": version_wasm } };
  },
  cpu: async () => {
    const { version_cpu } = await import("@tensorflow/tfjs-backend-cpu");
    return { engineName: "cpu", libraries: { "@tensorflow/tfjs-backend-cpu": version_cpu } };
  },
};

/** What is used of @tensorflow/tfjs-node; both packages are optional, so their types cannot be imported. */
interface NodeBinding {
  readonly version: Readonly<Record<string, string>>;
}

function openNodeBinding(packageName: string): OpenedDevice {
  const require = createRequire(import.meta.url);
  const folders = (require.resolve.paths(packageName) ?? []).map((base) => join(base, packageName)).filter(existsSync);
  if (folders.length === 0) throw new ShowtellError(`the package ${packageName} is not installed`);
  // Requiring the package without its binary would print a page of warnings before it fails.
  const folder = folders.find(hasBinary);
  if (!folder) {
    throw new ShowtellError(`${packageName} is installed without its binary (lib/napi-v*/tfjs_binding.node)`, {
      hint: "Its install step downloads TensorFlow; reinstall it with network access.",
    });
  }
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  const { version } = require(folder) as NodeBinding;
  const isGpu = () => (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
  return { engineName: "tensorflow", libraries: { [packageName]: version["tfjs-node"] ?? "unknown" }, isGpu };
}

function hasBinary(folder: string): boolean {
  const library = join(folder, "lib");
  return (
    existsSync(library) &&
    readdirSync(library).some(
      (name) => name.startsWith("napi-v") && existsSync(join(library, name, "tfjs_binding.node")),
    )
  );
}
