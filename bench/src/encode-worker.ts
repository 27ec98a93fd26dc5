/** Photos to features with Showtell's pipeline: a contender that answers JSON lines. Arguments: the encoder's spec, the folder of photos. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { encodeImages, type ImageEncoder, openEncoder } from "@showtell/core";

interface EncodeRequest {
  readonly images: number;
  readonly threads: number;
}

const [specPath = "", folder = ""] = process.argv.slice(2);
const photos = readdirSync(folder)
  .filter((name) => /\.(jpe?g|png)$/i.test(name))
  .sort();
const say = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`);

let encoder: ImageEncoder | undefined;
let encoderThreads = 0;

async function encode({ images, threads }: EncodeRequest) {
  if (encoder === undefined || encoderThreads !== threads) {
    await encoder?.dispose();
    encoder = await openEncoder(specPath, { outputs: ["pooled", "grid"], threads, sessions: 2 });
    encoderThreads = threads;
  }
  const items = (function* () {
    for (let index = 0; index < images; index++) {
      const name = photos[index % photos.length]!;
      yield { id: name, image: join(folder, name) };
    }
  })();
  let sum = 0;
  const started = performance.now();
  for await (const result of encodeImages(encoder, items)) {
    if ("error" in result) throw result.error;
    for (const value of result.views.get("plain")!.pooled!) sum += value;
  }
  return { seconds: (performance.now() - started) / 1000, sum, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

const versionOf = (name: string): string => {
  const require = createRequire(import.meta.resolve("@showtell/core"));
  let directory = join(require.resolve(name), "..");
  for (;;) {
    try {
      const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
        name?: string;
        version: string;
      };
      if (manifest.name === name) return manifest.version;
    } catch {
      // Not this folder: the manifest is further up.
    }
    directory = join(directory, "..");
  }
};

say({
  description: `encodeImages, ${photos.length} photos`,
  versions: { "onnxruntime-node": versionOf("onnxruntime-node"), sharp: versionOf("sharp"), node: process.version },
});
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say(await encode(JSON.parse(line) as EncodeRequest));
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
await encoder?.dispose();
