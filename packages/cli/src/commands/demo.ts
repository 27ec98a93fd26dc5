import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { demoPhotos } from "@showtell/pretrained";
import type { Command } from "commander";
import { reportCudaFailure } from "../compose/report-cuda-failure.js";
import { loadCaptioner } from "../load-captioner.js";
import { addBackendOption, addQuietOption, type BackendChoice } from "../options/model-options.js";
import { PAGE_FOOT, pageEntry, pageHead } from "../render/caption-page.js";
import { openResultOutput, withResultOutput } from "../render/result-output.js";
import { Terminal } from "../render/terminal.js";

interface DemoFlags {
  readonly output: string;
  readonly backend: BackendChoice;
  readonly quiet?: boolean;
}

export function registerDemo(program: Command): void {
  const command = program
    .command("demo")
    .description("caption the photos that ship with Showtell and write a page that shows them")
    .option("--output <file>", "the page", "showtell-demo.html")
    .addHelpText("after", "\nExample:\n  $ showtell demo --output demo.html");
  addBackendOption(command);
  addQuietOption(command).action(async (flags: DemoFlags) => {
    const terminal = new Terminal(flags);
    const output = await openResultOutput(flags.output, { resumable: false });
    await withResultOutput(output, async () => output.write(await captionDemo(flags, terminal)));
    terminal.info(`The photos beside their captions: ${resolve(flags.output)}`);
  });
}

/** Prints a line for each photo; returns the page. */
async function captionDemo({ backend }: DemoFlags, terminal: Terminal): Promise<string> {
  await using captioner = await loadCaptioner({ backend });
  reportCudaFailure(captioner.encoder, terminal);
  const page = [
    pageHead({ title: "Showtell demo", subtitle: "Photos that ship with Showtell, captioned on this machine." }),
  ];
  const results = await captioner.caption(
    demoPhotos.map(({ path }) => path),
    { nBest: 3 },
  );
  for (const [index, { captions }] of results.entries()) {
    const { name, path, credit } = demoPhotos[index]!;
    process.stdout.write(`${name}\t${captions?.[0]?.text ?? ""}\n`);
    const source = `data:image/jpeg;base64,${(await readFile(path)).toString("base64")}`;
    page.push(pageEntry({ image: name, source, captions: captions ?? [], credit }));
  }
  page.push(PAGE_FOOT);
  return page.join("");
}
