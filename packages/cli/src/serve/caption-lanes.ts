import { type Caption, type Captioner, type CaptionImagesOptions, isSampling } from "@showtell/core/captioning";

interface Job {
  readonly photo: Uint8Array;
  resolve(captions: readonly Caption[]): void;
  reject(error: unknown): void;
}

/**
 * Photos that come one by one, captioned together: those that are there at the same time and want the same options go through one stream of the captioner,
 * which encodes and searches them in batches. A stream ends when nobody waits for it.
 */
export class CaptionLanes {
  private readonly lanes = new Map<string, Lane>();
  private unshared = 0;

  constructor(private readonly captioner: Captioner) {}

  /**
   * @param signal takes a photo back that is not being worked on yet: whoever sent it is gone
   * @throws ImageError for a photo that cannot be read, OptionError for options that the model does not take
   */
  caption(photo: Uint8Array, options: CaptionImagesOptions, signal: AbortSignal): Promise<readonly Caption[]> {
    // What is drawn at random depends on a photo's place in its stream: alone, a request with a seed always gets the same.
    const key = JSON.stringify(options) + (isSampling(options) ? ` ${this.unshared++}` : "");
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(this.captioner, options, () => this.lanes.delete(key));
      this.lanes.set(key, lane);
    }
    return lane.add(photo, signal);
  }
}

class Lane {
  private readonly waiting: Job[] = [];
  /** Taken by the stream, whose results come in the same order. */
  private readonly underWay: Job[] = [];
  private wake: () => void = () => {};

  /** @param onEnd called when no more photos are taken, before anything else can happen */
  constructor(captioner: Captioner, options: CaptionImagesOptions, onEnd: () => void) {
    // Begun once the first photo is there.
    queueMicrotask(() => void this.run(captioner, options, onEnd));
  }

  add(photo: Uint8Array, signal: AbortSignal): Promise<readonly Caption[]> {
    return new Promise((resolve, reject) => {
      const job = { photo, resolve, reject };
      this.waiting.push(job);
      this.wake();
      signal.addEventListener("abort", () => {
        const place = this.waiting.indexOf(job);
        if (place < 0) return;
        this.waiting.splice(place, 1);
        this.wake();
        reject(signal.reason);
      });
    });
  }

  private async run(captioner: Captioner, options: CaptionImagesOptions, onEnd: () => void): Promise<void> {
    try {
      for await (const result of captioner.captionStream(this.photos(onEnd), options)) {
        const job = this.underWay.shift()!;
        if (result.error) job.reject(result.error);
        else job.resolve(result.captions);
        this.wake();
      }
    } catch (error) {
      onEnd();
      for (const job of [...this.underWay.splice(0), ...this.waiting.splice(0)]) job.reject(error);
    }
  }

  private async *photos(onEnd: () => void): AsyncGenerator<Uint8Array> {
    for (;;) {
      const job = this.waiting.shift();
      if (job !== undefined) {
        this.underWay.push(job);
        yield job.photo;
      } else if (this.underWay.length > 0) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      } else {
        onEnd();
        return;
      }
    }
  }
}
