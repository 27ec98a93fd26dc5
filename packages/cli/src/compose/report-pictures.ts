import { type DatasetImage, ImageError, makeThumbnail } from "@showtell/core";
import sharp from "sharp";
import type { Progress } from "../render/terminal.js";
import type { Picture, ReportData, ReportedCaption, ReportPictures } from "../report/report-data.js";
import { SHOWN_LISTS } from "../report/report-data.js";

/** A thousand photos make about 3 MB of page. */
const SMALL = { longestSide: 96, quality: 50 };
const LARGE = { longestSide: 400, quality: 65 };
/** Photos shrunk at the same time: libvips has threads of its own. */
const AT_ONCE = 4;
/** Darkness over a cell without attention. */
const SHADE = 0.8;

export interface PicturesOptions {
  readonly attendedRegion: ReportPictures["attendedRegion"];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Shrinks the photos of the captions, and shades those that are shown by their attention.
 * @returns the pictures, and the ids of photos that are not there or cannot be read
 */
export async function makePictures(
  { captions, shown }: Pick<ReportData, "captions" | "shown">,
  images: ReadonlyMap<string, DatasetImage>,
  { attendedRegion, progress, signal }: PicturesOptions,
): Promise<{ pictures: ReportPictures; missing: string[] }> {
  const isShown = new Set(SHOWN_LISTS.flatMap((list) => shown[list]));
  const small = new Map<string, Picture>();
  const large = new Map<string, Picture>();
  const shades = new Map<string, readonly string[]>();
  const missing: string[] = [];
  let done = 0;
  const work = captions.values();
  const shrink = async () => {
    for (const caption of work) {
      signal.throwIfAborted();
      const { id } = caption;
      const { path } = images.get(id)!;
      try {
        small.set(id, await picture(path, SMALL));
        if (isShown.has(id)) large.set(id, await picture(path, LARGE));
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        missing.push(id);
      }
      if (isShown.has(id)) shades.set(id, await shadesOf(caption));
      progress.update(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, shrink));
  // They arrive in any order; the page must not depend on it.
  const inOrder = <T>(map: ReadonlyMap<string, T>) =>
    new Map(captions.flatMap(({ id }) => (map.has(id) ? [[id, map.get(id)!] as const] : [])));
  return {
    pictures: { small: inOrder(small), large: inOrder(large), shades: inOrder(shades), attendedRegion },
    missing: captions.flatMap(({ id }) => (missing.includes(id) ? [id] : [])),
  };
}

async function picture(path: string, size: { longestSide: number; quality: number }): Promise<Picture> {
  const { webp, width, height } = await makeThumbnail(path, size.longestSide, size.quality);
  return { url: dataUrl("image/webp", webp), width, height };
}

/** For each word a tiny picture, a pixel a cell: black, the less transparent the less the cell was attended to. Its highest weight is quite clear. */
async function shadesOf({ words }: ReportedCaption): Promise<string[]> {
  const attended = words.flatMap(({ attention }) => (attention ? [attention] : []));
  const side = Math.sqrt(attended[0]?.length ?? 0);
  if (side === 0 || !Number.isInteger(side)) return [];
  return Promise.all(
    attended.map(async (weights) => {
      const most = Math.max(...weights);
      const pixels = Buffer.alloc(weights.length * 4);
      weights.forEach((weight, cell) => {
        pixels[cell * 4 + 3] = Math.round(255 * SHADE * (1 - weight / most));
      });
      const image = sharp(pixels, { raw: { width: side, height: side, channels: 4 } });
      return dataUrl("image/png", await image.png({ compressionLevel: 9 }).toBuffer());
    }),
  );
}

function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}
