import { join, resolve } from "node:path";
import { DatasetError, expected } from "../errors.js";
import { listDirectory, pathKind } from "./file-access.js";

/** Flicker8k_Dataset (the authors' own spelling), Flickr8k_Dataset, flickr30k-images, Images, train2017, … */
const IMAGE_DIRECTORY =
  /^flicke?r_?(8|30)k([ _-]?(dataset|images?))?$|^(images?|imgs?|photos?|pictures)$|^(train|val|test)\d{4}$/i;
const COCO_DIRECTORIES = ["train2017", "val2017", "test2017", "train2014", "val2014", "test2014"];
/** How many images are looked for in a candidate directory. */
export const IMAGE_SAMPLE_SIZE = 20;

export interface ImageDirectorySearch {
  /** The directory the user named; then there is no search. */
  readonly images: string | undefined;
  readonly bases: readonly string[];
  /** Some image names as the dataset writes them, relative to the directory that is looked for. */
  readonly names: readonly string[];
}

/**
 * The directory that image names are relative to: a base itself or a directory in it with one of the known names that holds one of the images.
 * If none holds any, the first with a known name, else undefined.
 * @throws DatasetError when the directory the user named is none.
 */
export async function findImageDirectory(search: ImageDirectorySearch): Promise<string | undefined> {
  const { images, bases, names } = search;
  if (images !== undefined) {
    if ((await pathKind(images)) !== "directory") {
      throw new DatasetError(expected("a directory of photos", "images", images), { hint: "Check the path." });
    }
    return resolve(images);
  }
  let bySpelling: string | undefined;
  for (const base of bases) {
    const known = (await listDirectory(base)).directories.filter((name) => IMAGE_DIRECTORY.test(name));
    // Some archives unpack to Images/Images; COCO's directories often stand in images/.
    const nested = known.flatMap((name) => [name, ...COCO_DIRECTORIES].map((inner) => join(base, name, inner)));
    const candidates = [base, ...known.map((name) => join(base, name)), ...nested];
    for (const candidate of candidates) if (await holdsOneOf(candidate, names)) return resolve(candidate);
    if (bySpelling === undefined && known[0] !== undefined) bySpelling = resolve(base, known[0]);
  }
  return bySpelling;
}

async function holdsOneOf(directory: string, names: readonly string[]): Promise<boolean> {
  if ((await pathKind(directory)) !== "directory") return false;
  for (const name of names) {
    if (!name.includes("\0") && (await pathKind(resolve(directory, name))) === "file") return true;
  }
  return false;
}
