/**
 * Three repairs of TensorFlow.js' wasm backend, made once a process through its own kernel registry:
 * - `UnsortedSegmentSum`, the gradient of gather, is missing.
 * - `BatchMatMul` is fast for one product of untransposed matrices alone (there it calls XNNPACK); for everything else it falls back to plain loops,
 *   some ten times slower. Transposing first and multiplying one matrix of a batch after another stays on the fast path.
 * - `SplitV` copies the whole tensor out of the heap for every piece.
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

let installed = false;

export function installWasmKernels(): void {
  if (installed) return;
  installed = true;
  tf.registerKernel({
    kernelName: tf.UnsortedSegmentSum,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs, backend }) =>
      unsortedSegmentSum(
        backend as BackendWasm,
        inputs["x"]!,
        inputs["segmentIds"]!,
        (attrs as unknown as { numSegments: number }).numSegments,
      ),
  });

  const plain = tf.getKernel(tf.BatchMatMul, "wasm");
  tf.unregisterKernel(tf.BatchMatMul, "wasm");
  tf.registerKernel({
    ...plain,
    kernelFunc: ({ inputs, attrs, backend }) =>
      matMul(backend as BackendWasm, plain, inputs["a"]!, inputs["b"]!, attrs as unknown as MatMulAttributes),
  });

  tf.unregisterKernel(tf.SplitV, "wasm");
  tf.registerKernel({
    kernelName: tf.SplitV,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs, backend }) =>
      split(backend as BackendWasm, inputs["x"]!, attrs as unknown as tf.SplitVAttrs),
  });
}

/** Cuts x along one axis. */
function split(backend: BackendWasm, x: tf.TensorInfo, { numOrSizeSplits, axis }: tf.SplitVAttrs): tf.TensorInfo[] {
  const [cutAxis] = tf.util.parseAxisParam(axis, x.shape) as [number];
  const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, cutAxis);
  const inner = tf.util.sizeFromShape(x.shape.slice(cutAxis + 1));
  const outer = tf.util.sizeFromShape(x.shape.slice(0, cutAxis));
  const stride = x.shape[cutAxis]! * inner;
  let start = 0;
  return sizes.map((size) => {
    const piece = backend.makeOutput(x.shape.with(cutAxis, size), x.dtype);
    // Views are taken after the allocation, which may have moved the heap.
    const source = backend.typedArrayFromHeap(x);
    const target = backend.typedArrayFromHeap(piece);
    for (let i = 0; i < outer; i++) {
      const from = i * stride + start;
      target.set(source.subarray(from, from + size * inner), i * size * inner);
    }
    start += size * inner;
    return piece;
  });
}

interface MatMulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Rows of x `[n, …]` added up by their segment; ids outside [0, numSegments) are dropped. */
function unsortedSegmentSum(
  backend: BackendWasm,
  x: tf.TensorInfo,
  segmentIds: tf.TensorInfo,
  numSegments: number,
): tf.TensorInfo {
  const out = backend.makeOutput([numSegments, ...x.shape.slice(1)], x.dtype);
  const rowSize = x.shape.slice(1).reduce((size, dimension) => size * dimension, 1);
  const source = backend.typedArrayFromHeap(x);
  const ids = backend.typedArrayFromHeap(segmentIds);
  const target = backend.typedArrayFromHeap(out).fill(0);
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row]!;
    if (id < 0 || id >= numSegments) continue;
    const from = row * rowSize;
    const to = id * rowSize;
    for (let column = 0; column < rowSize; column++) target[to + column]! += source[from + column]!;
  }
  return out;
}

function matMul(
  backend: BackendWasm,
  plain: tf.KernelConfig,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: MatMulAttributes,
): tf.TensorInfo {
  const left = transposeA ? transposeLast(backend, a) : a;
  const right = transposeB ? transposeLast(backend, b) : b;
  const out =
    isBatched(left) && sameBatch(left, right)
      ? multiplyEach(backend, plain, left, right)
      : multiply(backend, plain, left, right);
  if (left !== a) backend.disposeData(left.dataId);
  if (right !== b) backend.disposeData(right.dataId);
  return out;
}

function multiply(backend: BackendWasm, plain: tf.KernelConfig, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const attrs = { transposeA: false, transposeB: false };
  return plain.kernelFunc({ inputs: { a, b }, backend, attrs }) as tf.TensorInfo;
}

function multiplyEach(backend: BackendWasm, plain: tf.KernelConfig, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const shapeA = a.shape.slice(-2);
  const shapeB = b.shape.slice(-2);
  const out = backend.makeOutput([...a.shape.slice(0, -2), shapeA[0]!, shapeB[1]!], "float32");
  const size = shapeA[0]! * shapeB[1]!;
  const count = a.shape.slice(0, -2).reduce((product, dimension) => product * dimension, 1);
  for (let index = 0; index < count; index++) {
    const left = copyMatrix(backend, a, shapeA, index);
    const right = copyMatrix(backend, b, shapeB, index);
    const product = multiply(backend, plain, left, right);
    backend.typedArrayFromHeap(out).set(backend.typedArrayFromHeap(product), index * size);
    for (const { dataId } of [left, right, product]) backend.disposeData(dataId);
  }
  return out;
}

function copyMatrix(backend: BackendWasm, x: tf.TensorInfo, shape: number[], index: number): tf.TensorInfo {
  const matrix = backend.makeOutput(shape, "float32");
  const size = shape[0]! * shape[1]!;
  const from = backend.typedArrayFromHeap(x).subarray(index * size, (index + 1) * size);
  backend.typedArrayFromHeap(matrix).set(from);
  return matrix;
}

function transposeLast(backend: BackendWasm, x: tf.TensorInfo): tf.TensorInfo {
  const rank = x.shape.length;
  const perm = [...x.shape.keys()];
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return tf.getKernel(tf.Transpose, "wasm").kernelFunc({ inputs: { x }, backend, attrs: { perm } }) as tf.TensorInfo;
}

function isBatched(x: tf.TensorInfo): boolean {
  return x.shape.length > 2 && x.shape.slice(0, -2).some((dimension) => dimension !== 1);
}

function sameBatch(a: tf.TensorInfo, b: tf.TensorInfo): boolean {
  return (
    a.shape.length === b.shape.length && a.shape.slice(0, -2).every((dimension, axis) => dimension === b.shape[axis])
  );
}
