import {
  type CaptionedImage,
  type CaptionImagesOptions,
  expected,
  OptionError,
  type UncaptionedImage,
} from "@showtell/core/captioning";
import { loadCaptioner } from "../load-captioner.js";
import { expandImageInputs, type NamedImage, refuseInputAsOutput } from "../options/image-inputs.js";
import type { BackendChoice } from "../options/model-options.js";
import { pageWriter } from "../render/caption-page.js";
import {
  type CaptionFormat,
  type CaptionWriter,
  captionRow,
  captionWriter,
  RESUMABLE_FORMATS,
} from "../render/caption-writers.js";
import { openResultOutput, type ResultOutput, withResultOutput } from "../render/result-output.js";
import type { Terminal } from "../render/terminal.js";
import { type EarlierRows, earlierRows } from "./earlier-rows.js";
import { reportCudaFailure } from "./report-cuda-failure.js";

export interface CaptionImagesJob {
  readonly inputs: readonly string[];
  readonly model: readonly string[] | undefined;
  readonly encoder: string | undefined;
  readonly backend: BackendChoice;
  readonly captioning: CaptionImagesOptions;
  readonly format: CaptionFormat;
  readonly confidence: boolean;
  readonly output: string | undefined;
  readonly resume: boolean;
  readonly terminal: Terminal;
}

/** From inputs to output: everything `showtell caption` does after its flags are read. Returns how many photos could not be captioned. */
export async function captionImages(job: CaptionImagesJob): Promise<{ failed: number }> {
  const { output: path, format } = job;
  checkResume(job);
  checkConfidence(job);
  const images = await expandImageInputs(job.inputs);
  if (path !== undefined) await refuseInputAsOutput(path, images);
  const output = await openResultOutput(path, { resumable: RESUMABLE_FORMATS.includes(format) });
  return withResultOutput(output, () => captionInto(output, images, job));
}

async function captionInto(
  output: ResultOutput,
  all: readonly NamedImage[],
  job: CaptionImagesJob,
): Promise<{ failed: number }> {
  const { output: path, format, terminal } = job;
  const earlier = job.resume ? await goOnWithEarlierRows(output, job) : undefined;
  const images = all.filter(({ id }) => !earlier?.captioned.has(id));
  if (earlier && earlier.captioned.size > 0) {
    terminal.info(`${all.length - images.length} of ${all.length} photos are captioned already.`);
    // Only the name is missing: the run before was stopped after its last photo, or had finished.
    if (images.length === 0) return { failed: 0 };
  }
  if (earlier && earlier.failed > 0) terminal.info("Those that could not be captioned are tried again.");

  await using captioner = await loadCaptioner({ model: job.model, encoder: job.encoder, backend: job.backend });
  reportCudaFailure(captioner.encoder, terminal);
  const writer =
    format === "html"
      ? pageWriter("Captions", `${all.length} photos, captioned by Showtell`, path)
      : captionWriter(format, { confidence: job.confidence, showImage: all.length > 1 });
  if (!earlier?.text) await output.write(writer.begin());
  const results = captioner.captionStream(
    images.map(({ image }) => image),
    job.captioning,
  );
  // Awaited here: the captioner is disposed of when this function returns.
  const failed = await writeRows(images, results, writer, output, terminal);
  await output.write(writer.end());
  return { failed };
}

async function goOnWithEarlierRows(output: ResultOutput, { output: path, format }: CaptionImagesJob) {
  let rows: EarlierRows | undefined;
  await output.goOn((text) => {
    rows = earlierRows(text, format, path!);
    return rows.text;
  });
  return rows;
}

async function writeRows(
  images: readonly NamedImage[],
  results: AsyncIterable<CaptionedImage | UncaptionedImage>,
  writer: CaptionWriter,
  output: ResultOutput,
  terminal: Terminal,
): Promise<number> {
  const progress = terminal.progress("captioning", images.length, "photos");
  let [done, failed] = [0, 0];
  try {
    for await (const result of results) {
      const row = captionRow(images[done]!.id, result);
      if (row.error !== undefined) {
        failed += 1;
        terminal.warn(row.error, result.error?.hint);
      }
      await output.write(writer.row(row));
      done += 1;
      progress.update(done);
    }
  } finally {
    progress.stop();
  }
  return failed;
}

function checkResume({ resume, output, format }: CaptionImagesJob): void {
  if (!resume) return;
  if (output === undefined) {
    throw new OptionError(expected("--output beside it", "--resume", "none"), {
      hint: "What was captioned already is read from the output file.",
    });
  }
  if (!RESUMABLE_FORMATS.includes(format)) {
    throw new OptionError(expected(`--format ${RESUMABLE_FORMATS.join(" or ")}`, "--resume", format), {
      hint: "Only formats with one photo a line can be gone on with.",
    });
  }
}

function checkConfidence({ confidence, format }: CaptionImagesJob): void {
  if (!confidence || format === "text") return;
  throw new OptionError(expected("--format text", "--confidence", format), {
    hint: "The other formats always tell the confidence.",
  });
}
