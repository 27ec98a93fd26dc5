/**
 * Captioning without training and datasets: the part of this package that a command which captions one photo has to wait for.
 * The main entry exports all of it too.
 */
export * from "./caption.js";
export * from "./caption-features.js";
export * from "./captioner.js";
export * from "./checkpoint/checkpoint.js";
export * from "./checkpoint/checkpoint-config.js";
export * from "./checkpoint/feature-standardization.js";
export * from "./checkpoint/generation-defaults.js";
export * from "./checkpoint/read-checkpoint.js";
export * from "./checkpoint/safetensors.js";
export * from "./closest-name.js";
export * from "./decoder/backend.js";
export * from "./decoder/backend-registry.js";
export * from "./decoder/check-arguments.js";
export * from "./decoder/decoder-spec.js";
export * from "./decoder/dropout-mask.js";
export * from "./decoder/parameter-shapes.js";
export * from "./decoder/tfjs/tfjs-candidates.js";
export * from "./encoders/encode-images.js";
export { cudaProviderAbsence, type EncoderDevice, type EncoderDeviceChoice } from "./encoders/encoder-device.js";
export * from "./encoders/encoder-spec.js";
export * from "./encoders/image-encoder.js";
export * from "./encoders/thread-count.js";
export * from "./errors.js";
export { VIEWS, type View } from "./features/feature-source.js";
export { toFloat32 } from "./float16.js";
export * from "./generation/generate.js";
export * from "./generation/generation-options.js";
export * from "./generation/search-options.js";
export { imageFormat } from "./image/image-format.js";
export * from "./image/image-input.js";
export * from "./image/preprocess-image.js";
export * from "./image/view-pixels.js";
export * from "./tensor.js";
export * from "./text/tokenizer.js";
export * from "./text/vocabulary.js";
export { RunLock } from "./training/run-lock.js";
