import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  EncoderError,
  type EncoderSpec,
  encoderFingerprint,
  expected,
  readEncoderSpec,
} from "@showtell/core/captioning";
import { defaultEncoderName, pretrainedEncoders } from "@showtell/pretrained";

const SPEC_FILE = "encoder.json";

export interface InstalledEncoder {
  /** Absolute path of the JSON spec; the ONNX file lies beside it. */
  readonly specPath: string;
  readonly spec: EncoderSpec;
  readonly fingerprint: string;
  readonly origin: "ships with Showtell" | "imported";
}

/** Where `showtell encoder import` puts encoders: SHOWTELL_HOME, else the platform's folder for user data. */
export function importedEncodersFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { SHOWTELL_HOME, XDG_DATA_HOME, LOCALAPPDATA } = environment;
  if (SHOWTELL_HOME) return join(SHOWTELL_HOME, "encoders");
  if (process.platform === "win32" && LOCALAPPDATA) return join(LOCALAPPDATA, "showtell", "encoders");
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "showtell", "encoders");
  return join(XDG_DATA_HOME ?? join(homedir(), ".local", "share"), "showtell", "encoders");
}

/** The encoders of this machine: those that ship, then the imported ones by name. */
export async function installedEncoders(): Promise<InstalledEncoder[]> {
  const folder = importedEncodersFolder();
  const names = (await readdir(folder).catch(() => [])).sort();
  const shipped = Object.values(pretrainedEncoders).map((path) => describe(path, "ships with Showtell"));
  const imported = names.map((name) => describe(join(folder, name, SPEC_FILE), "imported"));
  return Promise.all([...shipped, ...imported]);
}

/**
 * Path of the spec that `--encoder` names: an installed encoder, or a file.
 * @throws EncoderError listing what is there.
 */
export async function findEncoder(nameOrPath: string = defaultEncoderName): Promise<string> {
  const shipped = pretrainedEncoders[nameOrPath];
  if (shipped !== undefined) return shipped;
  if (nameOrPath.endsWith(".json")) return nameOrPath;
  const encoders = await installedEncoders();
  const found = encoders.find(({ spec }) => spec.name === nameOrPath);
  if (found) return found.specPath;
  throw new EncoderError(expected("an installed encoder or the path of its .json spec", "--encoder", nameOrPath), {
    hint: `Installed: ${encoders.map(({ spec }) => spec.name).join(", ")}.`,
  });
}

/**
 * The encoder whose features a checkpoint was trained on.
 * @param named what `--encoder` says, if anything
 * @throws EncoderError when it is not installed, or when the named one makes other features.
 */
export async function encoderOfCheckpoint(
  wanted: { readonly fingerprint: string; readonly spec: { readonly [key: string]: unknown } },
  named?: string,
): Promise<string> {
  if (named === undefined) {
    // The encoder that ships is tried first: reading one small file is all a caption has to wait for.
    const shipped = await describe(pretrainedEncoders[defaultEncoderName]!, "ships with Showtell");
    if (shipped.fingerprint === wanted.fingerprint) return shipped.specPath;
    const found = (await installedEncoders()).find(({ fingerprint }) => fingerprint === wanted.fingerprint);
    if (found) return found.specPath;
    throw new EncoderError(
      expected(`encoder ${String(wanted.spec["name"])}`, "this model", "an installation without it"),
      {
        hint: "Import it with `showtell encoder import`, or name its spec with --encoder.",
      },
    );
  }
  const specPath = await findEncoder(named);
  const { fingerprint, spec } = await describe(specPath, "imported");
  if (fingerprint === wanted.fingerprint) return specPath;
  throw new EncoderError(
    expected(`the encoder this model was trained with (${String(wanted.spec["name"])})`, "--encoder", spec.name),
    { hint: "Features of another encoder mean nothing to the model. Leave --encoder out, or train a model with it." },
  );
}

async function describe(specPath: string, origin: InstalledEncoder["origin"]): Promise<InstalledEncoder> {
  const spec = await readEncoderSpec(specPath);
  return { specPath, spec, fingerprint: encoderFingerprint(spec), origin };
}
