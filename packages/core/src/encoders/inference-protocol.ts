/** What crosses between an encoder and its inference thread. */
import type { EncoderDevice, EncoderDeviceChoice } from "./encoder-device.js";

/** What the thread is to open. */
export interface InferenceOpening {
  readonly onnxPath: string;
  readonly sha256: string;
  readonly inputName: string;
  readonly threads: number;
  readonly device: EncoderDeviceChoice;
}

export type InferenceRequest =
  /** First, and once; unless the thread is closed without ever having been needed. */
  | { readonly kind: "open"; readonly opening: InferenceOpening }
  | {
      readonly kind: "run";
      readonly id: number;
      readonly data: Uint8Array | Float32Array;
      readonly shape: number[];
      /** Names of the graph outputs wanted. */
      readonly outputs: string[];
    }
  | { readonly kind: "close" };

export interface InferenceOutput {
  readonly name: string;
  readonly data: Float32Array;
  readonly shape: number[];
}

export type InferenceReply =
  | {
      readonly kind: "ready";
      readonly inputs: string[];
      readonly outputs: string[];
      readonly device: EncoderDevice;
      /** Why it is not the GPU, where that was tried. */
      readonly cudaFailure?: string;
    }
  | { readonly kind: "mismatch"; readonly sha256: string }
  | { readonly kind: "unusable"; readonly message: string }
  | { readonly kind: "done"; readonly id: number; readonly outputs: InferenceOutput[] }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };
