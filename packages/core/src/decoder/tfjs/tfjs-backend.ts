import { DisposedError, expected, OptionError } from "../../errors.js";
import type { NamedTensors } from "../../tensor.js";
import type { Backend, BackendDecoder, DeviceInfo, Precision } from "../backend.js";
import { checkParameters } from "../check-arguments.js";
import type { DecoderSpec } from "../decoder-spec.js";
import { TfjsDecoder } from "./tfjs-decoder.js";
import { openTfjsDevice, type TfjsDevice, type TfjsDeviceName } from "./tfjs-devices.js";

/**
 * The decoder on TensorFlow.js: the fallback that runs wherever Node runs, and the reference the other backends are read against.
 * TensorFlow.js computes on the calling thread: calls settle later, but each one holds the event loop while it computes.
 */
class TfjsBackend implements Backend {
  readonly name = "tfjs";
  readonly device: DeviceInfo;
  private readonly tfjsDevice: TfjsDevice;
  private readonly decoders = new Set<TfjsDecoder>();
  private disposed = false;

  constructor(device: TfjsDevice) {
    this.tfjsDevice = device;
    this.device = device.info;
  }

  supports(): true {
    return true;
  }

  async createDecoder(
    spec: DecoderSpec,
    parameters: NamedTensors,
    options: { readonly precision?: Precision } = {},
  ): Promise<BackendDecoder> {
    if (this.disposed) throw new DisposedError(expected("a backend in use", "backend", "one that was disposed"));
    const { precision = "float32" } = options;
    if (precision !== "float32") throw new OptionError(expected("float32", "precision of the tfjs backend", precision));
    checkParameters(spec, parameters);
    const decoder = new TfjsDecoder(this, this.tfjsDevice, spec, parameters);
    this.decoders.add(decoder);
    return decoder;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    for (const decoder of this.decoders) decoder.dispose();
    this.decoders.clear();
  }
}

/** @throws ShowtellError saying why the device cannot be used here. */
export async function openTfjsBackend(device: TfjsDeviceName): Promise<Backend> {
  return new TfjsBackend(await openTfjsDevice(device));
}
