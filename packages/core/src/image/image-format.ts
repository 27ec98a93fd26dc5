import { expected, ImageError } from "../errors.js";

export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif";

const SUPPORTED = "a JPEG, PNG, WebP, GIF, TIFF or AVIF image";

/**
 * Tells the format by the file's first bytes, never by its name.
 * @throws ImageError naming what the bytes look like instead.
 */
export function imageFormat(bytes: Uint8Array, name: string): ImageFormat {
  const format = sniff(bytes);
  if (format !== undefined) return format;
  const content = describeContent(bytes);
  throw new ImageError(expected(SUPPORTED, name, content.what), { hint: content.hint });
}

function sniff(bytes: Uint8Array): ImageFormat | undefined {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (text(0, 4) === "\x89PNG") return "png";
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return "webp";
  if (text(0, 4) === "GIF8") return "gif";
  if (["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text(0, 4))) return "tiff";
  if (text(4, 8) === "ftyp" && ["avif", "avis"].includes(text(8, 12))) return "avif";
  return undefined;
}

const SAMPLE = 512;

function describeContent(bytes: Uint8Array): { what: string; hint: string } {
  const sample = Buffer.from(bytes.subarray(0, SAMPLE));
  const start = sample.toString("latin1");
  const convert = "Convert it to JPEG or PNG.";
  if (/^.{4}ftyp(heic|heix|hevc|mif1|msf1)/s.test(start)) return { what: "a HEIC photo", hint: convert };
  if (start.startsWith("BM")) return { what: "a BMP image", hint: convert };
  if (start.startsWith("%PDF")) return { what: "a PDF file", hint: convert };
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg/is.test(start)) return { what: "an SVG drawing", hint: convert };
  if (/^\s*<(!doctype|html)/i.test(start)) {
    return { what: "an HTML page", hint: "The download probably gave an error page: open it in a browser." };
  }
  // A printable sample without a zero byte is text in any encoding that matters here.
  if (!sample.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))) {
    return { what: "a text file", hint: "Give an image file; its name alone does not make it one." };
  }
  return { what: "a file of another kind", hint: "Check that the file is an image and was copied completely." };
}
