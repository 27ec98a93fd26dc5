import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EncoderError, expected, OptionError } from "../errors.js";

/** Where the network runs. `auto`: on an NVIDIA GPU where ONNX Runtime's CUDA provider works, else on the CPU. */
export type EncoderDevice = "cpu" | "cuda";
export type EncoderDeviceChoice = EncoderDevice | "auto";

const CHOICES: readonly EncoderDeviceChoice[] = ["auto", "cpu", "cuda"];
/** What the package's install script fetches for the provider; all it brings by itself is the CPU's. */
const PROVIDER_LIBRARIES = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];
const VARIABLE = "SHOWTELL_ENCODER_DEVICE";

/**
 * What an inference thread is to try: `requested`, else the variable SHOWTELL_ENCODER_DEVICE, else `auto`; and `auto` only where the provider is installed.
 * @throws OptionError for another word; EncoderError where `cuda` is asked for and not installed.
 */
export function resolveEncoderDevice(
  requested: EncoderDeviceChoice | undefined,
  absence: () => string | undefined = cudaProviderAbsence,
): EncoderDeviceChoice {
  const variable = process.env[VARIABLE];
  const [choice, name] =
    requested === undefined && variable ? [variable, `the variable ${VARIABLE}`] : [requested ?? "auto", "device"];
  if (!isChoice(choice)) throw new OptionError(expected("auto, cpu or cuda", name, choice));
  if (choice === "cpu") return choice;
  const reason = absence();
  if (reason === undefined) return choice;
  if (choice === "auto") return "cpu";
  throw new EncoderError(`Expected a CUDA provider for ${name} but ${reason}.`, {
    hint: "docs/formats/encoders.md says how to install it; leave the device out to take the CPU.",
  });
}

/**
 * Why ONNX Runtime's CUDA provider cannot even be tried here; undefined where it is installed. Its libraries are looked for because the package lists the
 * provider on every Linux, and complains on standard error where they are missing.
 * @param folder of the package's libraries
 */
export function cudaProviderAbsence(folder = libraryFolder()): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `onnxruntime-node has one for Linux on x64 alone, and this is ${process.platform} on ${process.arch}`;
  }
  const missing = PROVIDER_LIBRARIES.find((file) => !existsSync(join(folder, file)));
  return missing && `${missing} is missing: onnxruntime-node was installed without its CUDA libraries`;
}

function libraryFolder(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  return join(dirname(entry), "..", "bin", "napi-v6", process.platform, process.arch);
}

function isChoice(choice: string): choice is EncoderDeviceChoice {
  return (CHOICES as readonly string[]).includes(choice);
}
