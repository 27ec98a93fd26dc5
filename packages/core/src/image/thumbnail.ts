import { readImageBytes } from "./image-input.js";
import { damaged, openImage } from "./preprocess-image.js";

/** A small picture of a photo, in its own proportions. */
export interface Thumbnail {
  readonly webp: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Shrinks a photo as it is shown, EXIF orientation applied. Metadata, which may say where it was taken, is left behind. A smaller photo keeps its size.
 * @param path of the file; also how error messages call it
 * @param longestSide in pixels
 * @param quality of WebP, 1 … 100
 * @throws ImageError when the file cannot be read, is no image, or breaks a limit
 */
export async function makeThumbnail(path: string, longestSide: number, quality: number): Promise<Thumbnail> {
  const { source } = await openImage(await readImageBytes(path), path);
  try {
    const { data, info } = await source
      .resize(longestSide, longestSide, { fit: "inside", withoutEnlargement: true })
      .flatten({ background: "#ffffff" })
      .webp({ quality })
      .toBuffer({ resolveWithObject: true });
    return { webp: data, width: info.width, height: info.height };
  } catch (error) {
    throw damaged(path, error);
  }
}
