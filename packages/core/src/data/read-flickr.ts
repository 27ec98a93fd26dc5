import { dirname, join } from "node:path";
import type { Split } from "./dataset.js";
import type { DatasetBuilder } from "./dataset-builder.js";
import { fault } from "./dataset-fault.js";
import type { DatasetLayout } from "./dataset-layout.js";
import { listDirectory } from "./file-access.js";
import { readLines } from "./read-lines.js";
import { parseSplit } from "./split-words.js";

/** `1000268201_693b08cb0e.jpg#0<TAB>A child in a pink dress …` */
const TOKEN_LINE = /^([^\t]+)#(\d+)\t(.*)$/s;
/** Flickr_8k.trainImages.txt, flickr30k_val.txt, train.txt */
const SPLIT_LIST = /^(?:flickr_?(?:8|30)k[._-]?)?(train|dev|val|test)(?:[._-]?images)?\.txt$/i;

/**
 * Flickr8k/30k as published: a token file, and one list of image names for each split. Images that no list names are in no split; without any list
 * all are for training.
 */
export async function readFlickr({ files, bases }: DatasetLayout, builder: DatasetBuilder): Promise<void> {
  const tokenFiles = new Set(files.map((file) => file.path));
  const directories = [...new Set([...files.map((file) => dirname(file.path)), ...bases])];
  const lists = (await findSplitLists(directories)).filter(({ file }) => !tokenFiles.has(file));
  for (const { path, nameSplit } of files) {
    await readTokenFile(path, lists.length > 0 ? undefined : (nameSplit ?? "train"), builder);
  }
  for (const { file, split } of lists) await readSplitList(file, split, builder);
}

async function readTokenFile(file: string, split: Split | undefined, builder: DatasetBuilder): Promise<void> {
  const numbers = new Set<string>();
  await readLines(file, builder.report, ({ text, number: line }) => {
    const place = { file, line };
    const match = TOKEN_LINE.exec(text);
    if (match === null) {
      const hint = "Each line is an image name, #, a number, a tab and the caption.";
      builder.report(fault("error", "bad-line", place, "<image>#<number><TAB><caption>", text, hint));
      return;
    }
    const [, id, number, caption] = match;
    const image = builder.image(id!) ?? builder.addImage(id!, id!, split, place);
    if (image === undefined) return;
    const key = `${id}#${number}`;
    if (numbers.has(key)) {
      const hint = "Both captions are kept: number the captions of an image from 0.";
      builder.report(fault("warning", "duplicate-id", place, "a caption number that occurs once", key, hint));
    }
    numbers.add(key);
    builder.addCaption(image, caption, place);
  });
}

async function findSplitLists(directories: readonly string[]): Promise<{ file: string; split: Split }[]> {
  for (const directory of directories) {
    const { files } = await listDirectory(directory);
    const lists = files.flatMap((name) => {
      const split = parseSplit(SPLIT_LIST.exec(name)?.[1] ?? "");
      return split === undefined ? [] : [{ file: join(directory, name), split }];
    });
    if (lists.length > 0) return lists;
  }
  return [];
}

async function readSplitList(file: string, split: Split, builder: DatasetBuilder): Promise<void> {
  const listed = new Set<string>();
  await readLines(file, builder.report, ({ text, number: line }) => {
    const place = { file, line };
    const name = text.trim();
    // Flickr30k's lists leave the extension out.
    const known = builder.image(name) ?? builder.image(`${name}.jpg`);
    const image = known ?? builder.addImage(name, name, split, place);
    if (image === undefined) return;
    if (listed.has(image.id)) {
      builder.report(
        fault("warning", "duplicate-id", place, "a name that occurs once", name, "Remove the repeated line."),
      );
    } else if (image.split !== undefined && known !== undefined) {
      const hint = "An image belongs to one split, or the scores measure memory: remove it from one of the lists.";
      const actual = `${name}, which is in ${image.split} as well as ${split}`;
      builder.report(fault("error", "overlapping-splits", place, "an image of one split", actual, hint));
    } else image.split = split;
    listed.add(image.id);
  });
}
