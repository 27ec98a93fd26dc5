/** Finds the native addon, tries it, loads it once a process, and remembers why each place it looked at was no use. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "./binding.js";
import { probeBinding } from "./probe-binding.js";

/** One place that was looked at and did not give an addon. */
export interface LoadAttempt {
  readonly path: string;
  readonly reason: string;
}

export interface LoadedBinding {
  readonly addon?: NativeAddon;
  /** Where the addon was loaded from. */
  readonly path?: string;
  /** Why the places before it were no use, in the order tried. */
  readonly attempts: readonly LoadAttempt[];
}

export const NATIVE_PATH_VARIABLE = "SHOWTELL_NATIVE_PATH";
const CHECKOUT_ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BUILD_COMMAND = "pnpm turbo build";

const require = createRequire(import.meta.url);
const ownVersion = (require("../package.json") as { version: string }).version;

let loading: Promise<LoadedBinding> | undefined;

/** The addon of this process, or the reasons why there is none; never rejects. */
export function loadBinding(): Promise<LoadedBinding> {
  loading ??= findBinding(candidatePaths());
  return loading;
}

interface CandidatePath {
  readonly path: string;
  /** Set when there is nothing to try at this place. */
  readonly absent?: string;
}

/** A path the user gave is the only one tried: another binary than the one asked for would be a surprise. */
export function candidatePaths(environment: NodeJS.ProcessEnv = process.env): CandidatePath[] {
  const chosen = environment[NATIVE_PATH_VARIABLE];
  if (chosen) {
    const path = isAbsolute(chosen) ? chosen : resolve(chosen);
    return [existsSync(path) ? { path } : { path, absent: `no file there (${NATIVE_PATH_VARIABLE} names it)` }];
  }
  return [...checkoutCandidate(), prebuiltCandidate()];
}

function checkoutCandidate(): CandidatePath[] {
  if (packageName(`${CHECKOUT_ROOT}native/package.json`) !== "@showtell/native") return [];
  const path = `${CHECKOUT_ROOT}native/build/Release/showtell_native.node`;
  return [existsSync(path) ? { path } : { path, absent: `not built (${BUILD_COMMAND} builds it)` }];
}

function prebuiltCandidate(): CandidatePath {
  const name = `@showtell/native-${process.platform}-${process.arch}`;
  try {
    return { path: require.resolve(`${name}/showtell_native.node`) };
  } catch {
    return { path: name, absent: "package not installed" };
  }
}

function packageName(path: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { name?: string }).name;
  } catch {
    return undefined;
  }
}

/** Loads the first of the paths that passes its probe. */
export async function findBinding(
  paths: readonly CandidatePath[],
  probe: (path: string) => Promise<string | undefined> = probeBinding,
): Promise<LoadedBinding> {
  const attempts: LoadAttempt[] = [];
  for (const { path, absent } of paths) {
    const reason = absent ?? (await probe(path));
    if (reason === undefined) {
      const loaded = requireAddon(path);
      if (typeof loaded !== "string") return { addon: loaded, path, attempts };
      attempts.push({ path, reason: loaded });
    } else {
      attempts.push({ path, reason });
    }
  }
  return { attempts };
}

/** The addon, or the reason why the file is not one of this version. */
function requireAddon(path: string): NativeAddon | string {
  let addon: NativeAddon;
  try {
    addon = require(path) as NativeAddon;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (typeof addon.Decoder !== "function" || typeof addon.deviceInfo !== "function") {
    return "is a Node addon, but not Showtell's";
  }
  if (addon.version !== ownVersion) {
    return `is of version ${addon.version}, ${ownVersion} is needed (${BUILD_COMMAND} rebuilds it)`;
  }
  return addon;
}
