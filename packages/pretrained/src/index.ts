import { fileURLToPath } from "node:url";

/** What ships: data only. The paths are absolute and lead into this package. */
function packagePath(relative: string): string {
  // src/ and dist/ lie side by side, so the package's root is one level up from either.
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}

/** Name → path of the encoder's spec, for `openEncoder`. The ONNX file, its licence and its provenance lie beside it. */
export const pretrainedEncoders: Readonly<Record<string, string>> = {
  "efficientnet-lite2": packagePath("encoders/efficientnet-lite2/encoder.json"),
};

/** The encoder that is used where none is named. */
export const defaultEncoderName = "efficientnet-lite2";

/** Name → folder of a checkpoint, for `readCheckpoint`. Its model card lies beside it. The first is the better one, the second the faster. */
export const pretrainedCaptioners: Readonly<Record<string, string>> = {
  "flickr8k-attention": packagePath("captioners/flickr8k-attention"),
  "flickr8k-pooled": packagePath("captioners/flickr8k-pooled"),
};

/** The captioner that is used where none is named. */
export const defaultCaptionerName = "flickr8k-attention";

export interface DemoPhoto {
  readonly name: string;
  readonly path: string;
  /** Author and licence, to be shown with the photo; sources are in photos/README.md. */
  readonly credit: string;
}

/** Photos with a free licence, for demonstrations. */
export const demoPhotos: readonly DemoPhoto[] = [
  photo("astronaut.jpg", "NASA, public domain"),
  photo("cat.jpg", "Stefan van der Walt, CC0 1.0"),
  photo("coffee.jpg", "Rachel Michetti, CC0 1.0"),
  photo("dahlia.jpg", "vultilion, CC BY 2.0"),
  photo("photographer.jpg", "Lav Varshney, CC0 1.0"),
  photo("rocket.jpg", "SpaceX, public domain"),
  photo("tower.jpg", "danielbuechele, CC BY 2.0"),
];

function photo(name: string, credit: string): DemoPhoto {
  return { name, path: packagePath(`photos/${name}`), credit };
}
