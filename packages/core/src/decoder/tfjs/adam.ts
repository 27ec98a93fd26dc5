import * as tf from "@tensorflow/tfjs-core";
import type { AdamUpdate, OptimizerState } from "../backend.js";
import { disposeAll, download, upload } from "./device-parameters.js";

type TensorMap = Map<string, tf.Tensor>;

/** √(Σ g²) over all gradients, a scalar. Rows are summed before they are added up, which keeps float32 rounding small. */
export function globalNorm(gradients: readonly tf.Tensor[]): tf.Scalar {
  const sums = gradients.map((gradient) => tf.sum(tf.sum(tf.square(gradient), -1)));
  return tf.sqrt(tf.addN(sums)) as tf.Scalar;
}

/** Adam's moments and the weight average, on the device. */
export class Adam {
  private step = 0;
  private firstMoments: TensorMap = new Map();
  private secondMoments: TensorMap = new Map();
  private averages: TensorMap | undefined;

  /**
   * One update of the parameters named in `gradients`; replaces their tensors in `parameters` and disposes the old ones.
   * @param norm global norm of the gradients, a scalar
   */
  update(parameters: TensorMap, gradients: ReadonlyMap<string, tf.Tensor>, norm: tf.Scalar, options: AdamUpdate): void {
    const { beta1, beta2, epsilon, clipNorm, averageDecay } = options;
    this.step++;
    const firstCorrection = 1 - beta1 ** this.step;
    const secondCorrection = 1 - beta2 ** this.step;
    const startAverages = averageDecay !== undefined && !this.averages;
    if (startAverages) this.averages = new Map();
    const clip = tf.tidy(() => (clipNorm === undefined ? undefined : tf.div(clipNorm, tf.maximum(norm, clipNorm))));

    for (const [name, rawGradient] of gradients) {
      const parameter = parameters.get(name)!;
      const [first, second, updated, average] = tf.tidy(() => {
        const gradient = clip ? tf.mul(rawGradient, clip) : rawGradient;
        const first = blend(this.firstMoments.get(name), gradient, beta1);
        const second = blend(this.secondMoments.get(name), tf.square(gradient), beta2);
        const denominator = tf.add(tf.mul(tf.sqrt(second), 1 / Math.sqrt(secondCorrection)), epsilon);
        const updated = tf.sub(parameter, tf.mul(tf.div(first, denominator), options.learningRate / firstCorrection));
        const kept = [first, second, updated];
        if (averageDecay !== undefined) {
          kept.push(blend(startAverages ? parameter : this.averages!.get(name), updated, averageDecay));
        }
        return kept.map((tensor) => tf.keep(tensor));
      });
      replace(this.firstMoments, name, first!);
      replace(this.secondMoments, name, second!);
      replace(parameters, name, updated!);
      if (average) replace(this.averages!, name, average);
    }
    clip?.dispose();
  }

  /** Undefined while no step has kept an average. */
  get weightAverages(): ReadonlyMap<string, tf.Tensor> | undefined {
    return this.averages;
  }

  async read(): Promise<OptimizerState> {
    return {
      step: this.step,
      firstMoments: await download(this.firstMoments),
      secondMoments: await download(this.secondMoments),
      ...(this.averages ? { averages: await download(this.averages) } : {}),
    };
  }

  write(state: OptimizerState): void {
    this.dispose();
    const uploadAll = (tensors: OptimizerState["firstMoments"]): TensorMap =>
      new Map([...tensors].map(([name, tensor]) => [name, upload(tensor)]));
    this.step = state.step;
    this.firstMoments = uploadAll(state.firstMoments);
    this.secondMoments = uploadAll(state.secondMoments);
    this.averages = state.averages && uploadAll(state.averages);
  }

  dispose(): void {
    for (const tensors of [this.firstMoments, this.secondMoments, this.averages ?? new Map()]) disposeAll(tensors);
  }
}

/** decay · old + (1 − decay) · value; an absent old value is 0. */
function blend(old: tf.Tensor | undefined, value: tf.Tensor, decay: number): tf.Tensor {
  const fresh = tf.mul(value, 1 - decay);
  return old ? tf.add(tf.mul(old, decay), fresh) : fresh;
}

function replace(tensors: TensorMap, name: string, tensor: tf.Tensor): void {
  tensors.get(name)?.dispose();
  tensors.set(name, tensor);
}
