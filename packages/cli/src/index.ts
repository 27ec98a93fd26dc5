/** The composed library: five lines from a photo to a caption. Parts and contracts are in @showtell/core, metrics in @showtell/eval. */
export type {
  Caption,
  CaptionedImage,
  Captioner,
  CaptionImagesOptions,
  CaptionToken,
  GenerationOptions,
  ImageInput,
  UncaptionedImage,
} from "@showtell/core/captioning";
export { ShowtellError } from "@showtell/core/errors";
export { type LoadCaptionerOptions, loadCaptioner } from "./load-captioner.js";
