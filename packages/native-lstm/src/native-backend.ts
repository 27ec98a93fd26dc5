/** Core's Backend over the addon, for one device. */
import {
  type Backend,
  type BackendCandidate,
  type BackendDecoder,
  BackendUnavailableError,
  checkParameters,
  type DecoderSpec,
  type DeviceInfo,
  DisposedError,
  expected,
  type NamedTensors,
  OptionError,
  type Precision,
  ShowtellError,
} from "@showtell/core/captioning";
import type { NativeAddon, NativeDevice } from "./binding.js";
import { loadBinding } from "./load-binding.js";
import { NativeBackendDecoder, nativeParameters } from "./native-decoder.js";
import { callSite, fromNative } from "./native-errors.js";

const PRECISIONS: Record<NativeDevice, readonly Precision[]> = {
  cpu: ["float32"],
  cuda: ["float32", "exact", "float16", "tf32"],
};

export interface NativeBackendOptions {
  /** Threads of all native decoders of the process; absent: SHOWTELL_THREADS, else the physical cores the process may use. */
  readonly threads?: number;
}

/**
 * @throws BackendUnavailableError with the reason of every place the addon was looked for, or the device's own.
 */
export async function openNativeBackend(device: NativeDevice, options: NativeBackendOptions = {}): Promise<Backend> {
  const { addon, attempts } = await loadBinding();
  if (addon === undefined) {
    const reason = attempts.map((attempt) => `${attempt.path}: ${attempt.reason}`).join("; ");
    throw new BackendUnavailableError([{ name: `native-${device}`, reason }]);
  }
  return nativeBackend(addon, device, options);
}

/** For core's `openBackend`, fastest first. Nothing is loaded before one is opened. */
export function nativeCandidates(options: NativeBackendOptions = {}): BackendCandidate[] {
  return (["cuda", "cpu"] as const).map((device) => ({
    name: `native-${device}` as const,
    open: () => openNativeBackend(device, options).catch(rethrowReason),
  }));
}

/** The registry puts the name before the reason itself. */
function rethrowReason(error: unknown): never {
  if (!(error instanceof BackendUnavailableError)) throw error;
  throw new ShowtellError(error.attempts.map((attempt) => attempt.reason).join("; "), { cause: error });
}

export function nativeBackend(addon: NativeAddon, device: NativeDevice, options: NativeBackendOptions = {}): Backend {
  const { threads } = options;
  if (threads !== undefined) {
    if (!Number.isSafeInteger(threads) || threads < 1)
      throw new OptionError(expected("an integer ≥ 1", "threads", threads));
    addon.setThreadCount(threads);
  }
  try {
    return new NativeBackend(addon, addon.deviceInfo(device));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackendUnavailableError([{ name: `native-${device}`, reason }]);
  }
}

class NativeBackend implements Backend {
  readonly name: "native-cuda" | "native-cpu";
  readonly device: DeviceInfo;
  readonly #addon: NativeAddon;
  readonly #decoders = new Set<WeakRef<BackendDecoder>>();
  #disposed = false;

  constructor(addon: NativeAddon, device: DeviceInfo) {
    this.#addon = addon;
    this.device = device;
    this.name = `native-${device.kind}`;
  }

  supports(): true {
    return true;
  }

  async createDecoder(
    spec: DecoderSpec,
    parameters: NamedTensors,
    options: { readonly precision?: Precision } = {},
  ): Promise<BackendDecoder> {
    const site = callSite(this.createDecoder);
    if (this.#disposed) throw new DisposedError("Expected a live backend but received one that was disposed.");
    const { precision = "float32" } = options;
    const device = this.device.kind;
    if (!PRECISIONS[device].includes(precision)) {
      throw new OptionError(expected(PRECISIONS[device].join(" or "), `precision on ${this.name}`, precision));
    }
    checkParameters(spec, parameters);
    try {
      const native = new this.#addon.Decoder(spec, nativeParameters(parameters), { device, precision });
      // Held weakly: a decoder nobody holds any more may be collected, and its native memory with it.
      const decoder: BackendDecoder = new NativeBackendDecoder(this, spec, native, () =>
        this.#decoders.delete(reference),
      );
      const reference = new WeakRef(decoder);
      this.#decoders.add(reference);
      return decoder;
    } catch (error) {
      throw fromNative(error, site);
    }
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const reference of this.#decoders) reference.deref()?.dispose();
    this.#decoders.clear();
  }
}
