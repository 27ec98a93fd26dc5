import { fileURLToPath } from "node:url";

/** What ships: data only. The paths are absolute and lead into this package. */
function packagePath(relative: string): string {
  // src/ and dist/ lie side by side, so the package's root is one level up from either.
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}

/** Name → path of the encoder's spec, for `openEncoder`. The ONNX file, its licence and its provenance lie beside it. */
export const pretrainedEncoders: Readonly<Record<string, string>> = {
  "efficientnet-lite2": packagePath("encoders/efficientnet-lite2/encoder.json"),
};

/** The encoder that is used where none is named. */
export const defaultEncoderName = "efficientnet-lite2";
