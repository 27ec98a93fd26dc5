import { sizeOf } from "../tensor.js";

/** [rows, columns, inputs, outputs] of the 94 convolutions, in the order in which keras.applications creates them. */
function inceptionKernels(): [number, number, number, number][] {
  const kernels: [number, number, number, number][] = [];
  const add = (inputs: number, ...rest: [rows: number, columns: number, outputs: number][]) => {
    let channels = inputs;
    for (const [rows, columns, outputs] of rest) {
      kernels.push([rows, columns, channels, outputs]);
      channels = outputs;
    }
  };
  add(3, [3, 3, 32], [3, 3, 32], [3, 3, 64], [1, 1, 80], [3, 3, 192]);
  for (const [inputs, poolChannels] of [
    [192, 32],
    [256, 64],
    [288, 64],
  ] as const) {
    add(inputs, [1, 1, 64]);
    add(inputs, [1, 1, 48], [5, 5, 64]);
    add(inputs, [1, 1, 64], [3, 3, 96], [3, 3, 96]);
    add(inputs, [1, 1, poolChannels]);
  }
  add(288, [3, 3, 384]);
  add(288, [1, 1, 64], [3, 3, 96], [3, 3, 96]);
  for (const inner of [128, 160, 160, 192]) {
    add(768, [1, 1, 192]);
    add(768, [1, 1, inner], [1, 7, inner], [7, 1, 192]);
    add(768, [1, 1, inner], [7, 1, inner], [1, 7, inner], [7, 1, inner], [1, 7, 192]);
    add(768, [1, 1, 192]);
  }
  add(768, [1, 1, 192], [3, 3, 320]);
  add(768, [1, 1, 192], [1, 7, 192], [7, 1, 192], [3, 3, 192]);
  for (const inputs of [1280, 2048]) {
    add(inputs, [1, 1, 320]);
    add(inputs, [1, 1, 384]);
    add(384, [1, 3, 384]);
    add(384, [3, 1, 384]);
    add(inputs, [1, 1, 448], [3, 3, 384]);
    add(384, [1, 3, 384]);
    add(384, [3, 1, 384]);
    add(inputs, [1, 1, 192]);
  }
  return kernels;
}

/**
 * Writes made-up weights of Inception v3 in the layout of the file that keras.applications downloads; the values are those of
 * scripts/golden/keras_inception.py. Layers are listed backwards: an importer must go by their numbers, since Keras lists them by depth.
 */
export async function writeInceptionWeights(path: string, { layers = 94 }: { layers?: number } = {}): Promise<void> {
  const { File, ready } = await import("h5wasm/node");
  await ready;
  const file = new File(path, "w");
  const names: string[] = [];
  const addLayer = (layer: string, weights: Record<string, { shape: number[]; data: Float32Array }>) => {
    names.unshift(layer);
    const group = file.create_group(layer);
    group.create_attribute(
      "weight_names",
      Object.keys(weights).map((name) => `${layer}/${name}:0`),
    );
    if (Object.keys(weights).length === 0) return;
    const scope = group.create_group(layer);
    for (const [name, { shape, data }] of Object.entries(weights))
      scope.create_dataset({ name: `${name}:0`, data, shape });
  };
  inceptionKernels()
    .slice(0, layers)
    .forEach((shape, index) => {
      const [rows, columns, inputs, outputs] = shape;
      const vector = (part: number, scale: number, shift: number) => ({
        shape: [outputs],
        data: noise(4 * index + part, outputs, scale, shift),
      });
      const kernel = noise(4 * index, sizeOf(shape), Math.sqrt(24 / (rows * columns * inputs)), 0);
      addLayer(`conv2d_${index + 1}`, { kernel: { shape: [...shape], data: kernel } });
      addLayer(`batch_normalization_${index + 1}`, {
        beta: vector(1, 0.2, 0),
        moving_mean: vector(2, 0.2, 0),
        moving_variance: vector(3, 1, 1),
      });
    });
  file.create_attribute("layer_names", names);
  file.create_attribute("backend", "tensorflow");
  file.flush();
  file.close();
}

/** scale · u + shift, u uniform in [−1/2, 1/2): a multiplicative hash of (stream, index), finished as MurmurHash3 does. */
function noise(stream: number, count: number, scale: number, shift: number): Float32Array {
  const values = new Float32Array(count);
  const offset = Math.imul(stream, 0x9e3779b9);
  for (let index = 0; index < count; index++) {
    let hash = (Math.imul(index, 2_654_435_761) + offset) | 0;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    values[index] = ((hash >>> 0) / 2 ** 32 - 0.5) * scale + shift;
  }
  return values;
}
