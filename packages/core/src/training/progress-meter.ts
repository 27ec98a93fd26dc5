import type { TrainingProgress } from "./train-options.js";

/** Speed and time left, from what this process has done so far. */
export class ProgressMeter {
  private readonly started = performance.now();
  private steps = 0;
  private trainSeconds = 0;
  private evaluations = 0;
  private evaluationSeconds = 0;
  private epochCaptions = 0;
  private epochStarted = performance.now();

  beginEpoch(): void {
    this.epochCaptions = 0;
    this.epochStarted = performance.now();
  }

  countStep(captions: number): void {
    this.epochCaptions += captions;
    this.steps += 1;
  }

  /** @returns the epoch's training seconds and captions per second */
  endTraining(): { train: number; captionsPerSecond: number } {
    const train = secondsSince(this.epochStarted);
    this.trainSeconds += train;
    return { train, captionsPerSecond: train > 0 ? this.epochCaptions / train : 0 };
  }

  endEvaluation(seconds: number): void {
    this.evaluations += 1;
    this.evaluationSeconds += seconds;
  }

  get captionsPerSecond(): number {
    const seconds = secondsSince(this.epochStarted);
    return seconds > 0 ? this.epochCaptions / seconds : 0;
  }

  get elapsedSeconds(): number {
    return secondsSince(this.started);
  }

  secondsLeft(stage: TrainingProgress["stage"], stepsLeft: number, epochsLeft: number): number | undefined {
    if (this.steps === 0) return undefined;
    const running = stage === "training" ? secondsSince(this.epochStarted) : 0;
    const perStep = (this.trainSeconds + running) / this.steps;
    const perEvaluation = this.evaluations > 0 ? this.evaluationSeconds / this.evaluations : 0;
    return stepsLeft * perStep + epochsLeft * perEvaluation;
  }
}

export function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
