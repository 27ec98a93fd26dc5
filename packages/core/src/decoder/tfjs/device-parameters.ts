import * as tf from "@tensorflow/tfjs-core";
import type { NamedTensors, Tensor } from "../../tensor.js";

/** A decoder's parameters as device tensors, looked up by their contract names. */
export class DeviceParameters {
  readonly tensors: ReadonlyMap<string, tf.Tensor>;

  constructor(tensors: ReadonlyMap<string, tf.Tensor>) {
    this.tensors = tensors;
  }

  matrix(name: string): tf.Tensor2D {
    return this.tensors.get(name)! as tf.Tensor2D;
  }

  vector(name: string): tf.Tensor1D {
    return this.tensors.get(name)! as tf.Tensor1D;
  }
}

/** Copies a host tensor to the device. The copy matters: the JavaScript device would go on using the caller's array. */
export function upload(host: Tensor): tf.Tensor {
  return tf.keep(tf.tensor(host.data.slice(), [...host.shape], "float32"));
}

/** Copies device tensors to the host, for the same reason. */
export async function download(tensors: ReadonlyMap<string, tf.Tensor>): Promise<NamedTensors> {
  const host = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const data = (await tensor.data()) as Float32Array;
    host.set(name, { shape: [...tensor.shape], data: data.slice() });
  }
  return host;
}

export function disposeAll(tensors: ReadonlyMap<string, tf.Tensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
}
