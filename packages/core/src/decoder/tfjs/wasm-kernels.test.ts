import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../random.js";
import { expectClose } from "../../testing/expect-close.js";
import { openTfjsDevice, type TfjsDevice } from "./tfjs-devices.js";

const devices = {} as Record<"wasm" | "cpu", TfjsDevice>;
beforeAll(async () => {
  devices.cpu = await openTfjsDevice("cpu");
  devices.wasm = await openTfjsDevice("wasm");
});

/** Computes on both devices from the same random numbers and compares. */
function expectSame(compute: (random: Random) => tf.Tensor): void {
  const [wasm, cpu] = [devices.wasm, devices.cpu].map((device) =>
    device.run(() => tf.tidy(() => compute(new Random(1)).clone())),
  );
  expect(wasm!.shape).toEqual(cpu!.shape);
  expectClose(wasm!.dataSync(), cpu!.dataSync(), { absolute: 1e-5, relative: 1e-5 });
  wasm!.dispose();
  cpu!.dispose();
}

function randomTensor(random: Random, shape: number[]): tf.Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

describe("the wasm kernels of our own", () => {
  it.each([
    [[7, 5], [5, 9], false, false],
    [[5, 7], [5, 9], true, false],
    [[7, 5], [9, 5], false, true],
    [[5, 7], [9, 5], true, true],
    [[2, 3, 4, 5], [2, 3, 5, 6], false, false],
    [[2, 3, 5, 4], [2, 3, 6, 5], true, true],
    [[1, 4, 5], [1, 5, 6], false, false],
    [[3, 4, 5], [1, 5, 6], false, false],
  ])("multiply %j by %j (transposed: %s, %s) as the cpu device does", (a, b, transposeA, transposeB) => {
    expectSame((random) => tf.matMul(randomTensor(random, a), randomTensor(random, b), transposeA, transposeB));
  });

  it("add segments up as the cpu device does", () => {
    expectSame((random) => {
      const ids = tf.tensor1d([2, 0, 2, 4, 0, 2], "int32");
      return tf.unsortedSegmentSum(randomTensor(random, [6, 3]), ids, 5);
    });
  });

  it.each([0, 1, 2])("split along axis %i as the cpu device does", (axis) => {
    for (const sizes of [[1, 3, 2], 2, [6]]) {
      for (const piece of [0, -1]) {
        expectSame((random) => tf.split(randomTensor(random, [6, 6, 6]), sizes, axis).at(piece)!);
      }
    }
  });

  it("leave nothing behind in memory", () => {
    const before = devices.wasm.run(() => tf.memory().numTensors);
    const buffers = devices.wasm.run(() => tf.engine().backend.numDataIds());
    devices.wasm.run(() =>
      tf.tidy(() => {
        tf.matMul(tf.ones([3, 5, 4]), tf.ones([3, 6, 5]), true, true);
        tf.unsortedSegmentSum(tf.ones([2, 3]), tf.tensor1d([0, 1], "int32"), 4);
      }),
    );
    expect(devices.wasm.run(() => tf.memory().numTensors)).toBe(before);
    expect(devices.wasm.run(() => tf.engine().backend.numDataIds())).toBe(buffers);
  });
});
