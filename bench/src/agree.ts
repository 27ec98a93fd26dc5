/** `pnpm bench agree`: whether the addon's own search, core's search over its steps, and TensorFlow.js give a dataset's photos the same captions. */
import {
  type Backend,
  type BackendDecoder,
  type Checkpoint,
  CheckpointError,
  captionSplit,
  expected,
  OptionError,
  openBackend,
  readCheckpoint,
  type SplitCaption,
  tfjsCandidates,
} from "@showtell/core";
import { openNativeBackend } from "@showtell/native-lstm";
import { defaultCaptionerName, pretrainedCaptioners } from "@showtell/pretrained";
import { parseCommandLine, publishFigures, type ReportHead } from "./command-line.js";
import { type Agreement, compareCaptions, NEAR_TIE } from "./compare-captions.js";
import { parseCount, parseCounts } from "./parse-count.js";
import { openRealDataset, type RealDataset } from "./real-dataset.js";

const USAGE = `Usage: pnpm bench agree --data DIR --store DIR [options]
Captions dev photos by the native backend's own search, by core's search over the native backend's steps, and by core's search over TensorFlow.js.
The first two must agree in every word; TensorFlow.js must, except where two captions score within ${NEAR_TIE}. Exit code 1 where they do not.
  --data DIR       dataset, as for showtell train
  --store DIR      its features, as written by showtell encode
  --model DIR      checkpoint (default: the captioner that ships)
  --beam LIST      beam widths (default 1,3,5,20)
  --images N       dev photos (default 1000, or all there are)
  --tfjs-images N  of them, captioned by TensorFlow.js too, which is slow (default 100; 0: leave TensorFlow.js out)
  --json FILE      also write the result as JSON, with every caption that differs
`;

/** Same arithmetic on both sides: not even ties may be broken another way. */
const OVER_NATIVE_STEPS = "core's search over native steps";

interface Row extends Agreement {
  readonly beamWidth: number;
  readonly comparison: string;
  /** Of the second side. */
  readonly seconds: number;
}

export async function run(argv: readonly string[]): Promise<void> {
  const values = parseCommandLine(argv, USAGE, {
    data: { type: "string" },
    store: { type: "string" },
    model: { type: "string", default: pretrainedCaptioners[defaultCaptionerName]! },
    beam: { type: "string", default: "1,3,5,20" },
    images: { type: "string", default: "1000" },
    "tfjs-images": { type: "string", default: "100" },
  });
  if (values === undefined) return;
  const beamWidths = parseCounts("--beam", values.beam);
  const images = parseCount("--images", values.images);
  const tfjsImages = parseCount("--tfjs-images", values["tfjs-images"], 0);
  const checkpoint = await readCheckpoint(values.model);
  const real = await openRealDataset(values.data, values.store);
  const backends = [await openNativeBackend("cpu")];
  if (tfjsImages > 0) backends.push((await openBackend("tfjs", tfjsCandidates())).backend);
  try {
    const rows = await compareBackends({ checkpoint, real, backends, beamWidths, images, tfjsImages });
    const figures = { backends: backends.map(({ name, device }) => `${name}: ${device.description}`), rows };
    await publishFigures({ benchmark: "agree", argv, json: values.json }, figures, render);
    if (!rows.every(agrees)) process.exitCode = 1;
  } finally {
    for (const backend of backends) await backend.dispose();
    await real.store.close();
  }
}

interface Comparison {
  readonly checkpoint: Checkpoint;
  readonly real: RealDataset;
  /** Native, then TensorFlow.js unless it is left out. */
  readonly backends: readonly Backend[];
  readonly beamWidths: readonly number[];
  readonly images: number;
  readonly tfjsImages: number;
}

async function compareBackends({ checkpoint, real, backends, beamWidths, ...counts }: Comparison): Promise<Row[]> {
  const { dataset, store } = real;
  if (store.fingerprint !== checkpoint.encoder.fingerprint) {
    throw new CheckpointError(expected("a model of the store's encoder", "--model", "one of another encoder"));
  }
  const source = store.source(dataset);
  const photos = dataset.images.filter(({ id, split }) => split === "dev" && source.has(id)).slice(0, counts.images);
  if (photos.length === 0) throw new OptionError(expected("dev photos with features", "--store", "none"));
  const decoders: BackendDecoder[] = [];
  for (const backend of backends) {
    decoders.push(await backend.createDecoder(checkpoint.decoder, checkpoint.parameters));
  }
  const [native, tfjs] = decoders as [BackendDecoder, BackendDecoder?];
  const rows: Row[] = [];
  for (const beamWidth of beamWidths) {
    const caption = async (decoder: BackendDecoder, title: string, count: number) => {
      const started = performance.now();
      const captions = await captionSplit(photos.slice(0, count), {
        models: [{ decoder, standardization: checkpoint.standardization }],
        features: source,
        vocabulary: checkpoint.vocabulary,
        generation: { ...checkpoint.generation, beamWidth, nBest: 1 },
        onProgress: (done, total) => process.stderr.write(`\rbeam ${beamWidth}, ${title}: ${done}/${total} photos `),
      });
      process.stderr.write("\n");
      return { captions, seconds: (performance.now() - started) / 1000 };
    };
    const own = await caption(native, "native search", photos.length);
    const add = (comparison: string, other: { captions: SplitCaption[]; seconds: number }) => {
      const agreement = compareCaptions(own.captions.slice(0, other.captions.length), other.captions);
      rows.push({ beamWidth, comparison, seconds: other.seconds, ...agreement });
    };
    add(OVER_NATIVE_STEPS, await caption(withoutSearch(native), "core's search", photos.length));
    if (tfjs) add("core's search over tfjs", await caption(tfjs, "tfjs", counts.tfjsImages));
  }
  return rows;
}

function agrees({ comparison, nearTies, different }: Row): boolean {
  return different.length === 0 && (nearTies === 0 || comparison !== OVER_NATIVE_STEPS);
}

/** The decoder as one that leaves searching to core. */
function withoutSearch(decoder: BackendDecoder): BackendDecoder {
  return new Proxy(decoder, {
    get(target, name) {
      if (name === "generate") return undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

interface Report extends ReportHead {
  readonly backends: readonly string[];
  readonly rows: readonly Row[];
}

function render({ command, date, machine, backends, rows }: Report): string {
  const lines = [`# ${command}`, "", `${date}, ${machine}`, "", ...backends.map((line) => `* ${line}`), ""];
  lines.push(
    `| beam | native search against | photos | same words | scores within ${NEAR_TIE} | different | seconds |`,
  );
  lines.push("|---|---|---|---|---|---|---|");
  for (const { beamWidth, comparison, photos, identical, nearTies, different, seconds } of rows) {
    const counts = [photos, identical, nearTies, different.length, seconds.toFixed(1)];
    lines.push(`| ${beamWidth} | ${comparison} | ${counts.join(" | ")} |`);
  }
  const differences = rows.flatMap((row) => row.different.map((one) => ({ ...one, row })));
  for (const { image, own, other, scoreDifference, row } of differences.slice(0, 10)) {
    const scores = `scores differ by ${scoreDifference.toExponential(1)}`;
    lines.push("", `* beam ${row.beamWidth}, ${row.comparison}, ${image}: "${own}" against "${other}", ${scores}`);
  }
  return `${lines.join("\n")}\n`;
}
