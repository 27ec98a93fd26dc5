import type { Sharp } from "sharp";
import { expected, ImageError } from "../errors.js";
import type { ResizeFilter } from "./enlarge-pixels.js";
import { imageFormat } from "./image-format.js";
import type { RawImage } from "./image-input.js";
import { stretchPixels } from "./stretch-pixels.js";

/** How a photo becomes the square an encoder takes. Part of the encoder's spec and of its fingerprint. */
export interface Resize {
  /** `squash` gives up the aspect ratio, `cover` keeps the central square. */
  readonly fit: "squash" | "cover";
  /** `cubic` is Catmull & Rom's (a = −1/2); `nearest` takes the pixel under each centre, also when shrinking. */
  readonly filter: ResizeFilter | "nearest";
}

/** Changes whenever the same file would give other pixels: it goes into every encoder's fingerprint. */
export const PREPROCESSING_VERSION = "pixels-1";

/** Width × height beyond which an image is refused by its header, before anything is decoded. */
export const MAX_IMAGE_PIXELS = 2 ** 27;
/** An image with a shorter side shows nothing that could be described. */
export const MIN_IMAGE_SIDE = 8;

/**
 * Decodes an image into the square of RGB bytes that an encoder takes.
 *
 * EXIF orientation is applied; of an animation or a document the first frame is taken; transparency is laid over white; grey, CMYK,
 * 16-bit and colour-managed images are converted to 8-bit sRGB.
 * @param name how error messages call the image
 * @returns `[size, size, 3]`, RGB, rows top to bottom
 * @throws ImageError when the bytes are no image, are damaged, or break a limit.
 */
export async function preprocessImage(
  image: Uint8Array | RawImage,
  name: string,
  size: number,
  resize: Resize,
): Promise<Uint8Array> {
  const { fit, filter } = resize;
  const { source, width, height } = await openImage(image, name);
  const square = Math.min(width, height);
  const region = fit === "squash" ? { width, height } : { width: square, height: square };
  const shrunk =
    filter === "nearest" ? region : { width: Math.min(region.width, size), height: Math.min(region.height, size) };
  try {
    if (fit === "cover") {
      source.extract({ ...region, left: (width - square) >> 1, top: (height - square) >> 1 });
    }
    if (shrunk.width < region.width || shrunk.height < region.height) {
      // Shrinking inside the JPEG decoder would make the filter depend on the file format.
      source.resize(shrunk.width, shrunk.height, { fit: "fill", kernel: filter, fastShrinkOnLoad: false });
    }
    const { data, info } = await source
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const rgb = info.channels === 1 ? greyToRgb(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const sides = [shrunk.height, shrunk.width] as const;
    return stretchPixels(rgb, sides, size, filter);
  } catch (error) {
    throw damaged(name, error);
  }
}

interface OpenedImage {
  readonly source: Sharp;
  /** As shown, after EXIF orientation. */
  readonly width: number;
  readonly height: number;
}

/** Reads an image's header and checks its size; pixels are decoded by whoever uses `source`. @throws ImageError */
export async function openImage(image: Uint8Array | RawImage, name: string): Promise<OpenedImage> {
  const sharp = await loadSharp();
  if (!(image instanceof Uint8Array)) {
    checkRawImage(image, name);
    const { data, width, height, channels } = image;
    return { source: sharp(data, { raw: { width, height, channels } }), width, height };
  }
  imageFormat(image, name);
  // "error" refuses truncated files and broken data, but not the harmless warnings of many cameras.
  const source = sharp(image, { failOn: "error", autoOrient: true, limitInputPixels: MAX_IMAGE_PIXELS });
  try {
    const { autoOrient } = await source.metadata();
    checkSize(autoOrient.width, autoOrient.height, name);
    return { source, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    if (error instanceof ImageError) throw error;
    if (/pixel limit/i.test(messageOf(error))) throw tooLarge(name, "more");
    throw damaged(name, error);
  }
}

function checkSize(width: number, height: number, name: string): void {
  if (width * height > MAX_IMAGE_PIXELS) throw tooLarge(name, `${width} x ${height}`);
  if (Math.min(width, height) < MIN_IMAGE_SIDE) {
    throw new ImageError(
      expected(`an image of at least ${MIN_IMAGE_SIDE} x ${MIN_IMAGE_SIDE}`, name, `${width} x ${height}`),
      {
        hint: "Give a larger version of the image.",
      },
    );
  }
}

function checkRawImage({ data, width, height, channels }: RawImage, name: string): void {
  const counts =
    [width, height].every((side) => Number.isSafeInteger(side) && side > 0) && [1, 3, 4].includes(channels);
  if (!counts || !(data instanceof Uint8Array) || data.length !== width * height * channels) {
    const given = { width, height, channels, bytes: data?.length };
    throw new ImageError(expected("width x height x channels (1, 3 or 4) bytes of pixels", name, given));
  }
  checkSize(width, height, name);
}

function tooLarge(name: string, size: string): ImageError {
  return new ImageError(expected(`an image of at most ${MAX_IMAGE_PIXELS} pixels`, name, size), {
    hint: "Scale the image down first.",
  });
}

export function damaged(name: string, error: unknown): ImageError {
  const reason = messageOf(error).split("\n")[0]!.trim();
  return new ImageError(expected("an undamaged image", name, reason), {
    hint: "Copy or download the file again.",
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function greyToRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let pixel = 0; pixel < grey.length; pixel++) rgb.fill(grey[pixel]!, pixel * 3, pixel * 3 + 3);
  return rgb;
}

let sharpModule: Promise<typeof import("sharp").default> | undefined;

/** Loaded when an encoder is opened, or on the first image: commands that touch none start faster. */
export function loadSharp(): Promise<typeof import("sharp").default> {
  sharpModule ??= import("sharp").then(({ default: sharp }) => {
    // No photo comes twice: a cache of decoded operations would only let memory grow.
    sharp.cache(false);
    return sharp;
  });
  return sharpModule;
}
