import type {
  Backend,
  BackendDecoder,
  DecoderState,
  Features,
  LossSum,
  OptimizerState,
  StepResult,
} from "../decoder/backend.js";
import { checkFeatures, checkRowIndices, checkTokenIds } from "../decoder/check-arguments.js";
import { type DecoderSpec, NO_DROPOUT, START_TOKEN_ID } from "../decoder/decoder-spec.js";
import { DisposedError, expected, OptionError, ShapeError, ShowtellError } from "../errors.js";
import type { NamedTensors, Tensor } from "../tensor.js";

export interface TableDecoderOptions {
  readonly vocabSize: number;
  /**
   * Logits of the next token, `[vocabSize]`.
   * @param prefix tokens after `<start>`
   * @param image the number `tableFeatures` was given
   */
  readonly logits: (prefix: readonly number[], image: number) => ArrayLike<number>;
  /** Attention of the step that follows `prefix`, `[cells]`. The decoder then has attention, and its features a grid. */
  readonly attention?: (prefix: readonly number[], image: number) => ArrayLike<number>;
}

/** Features of a table decoder: the image's number is its only feature. */
export function tableFeatures(images: readonly number[], cells?: number): Features {
  const pooled = { shape: [images.length, 1], data: Float32Array.from(images) };
  if (cells === undefined) return { pooled };
  return { pooled, grid: { shape: [images.length, cells, 1], data: new Float32Array(images.length * cells) } };
}

interface TableRow {
  readonly image: number;
  readonly prefix: readonly number[];
}

class TableState implements DecoderState {
  rows = 0;
  isDisposed = false;
  isStarted = false;
  entries: readonly TableRow[];
  private readonly onDispose: () => void;

  constructor(entries: readonly TableRow[], onDispose: () => void) {
    this.entries = entries;
    this.rows = entries.length;
    this.onDispose = onDispose;
  }

  replace(entries: readonly TableRow[]): void {
    this.entries = entries;
    this.rows = entries.length;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.onDispose();
  }
}

/**
 * A decoder that looks its logits up instead of computing them, so that the right result of a search can be worked out by hand or by brute force. It keeps the
 * contract of generation to the letter and counts its open states and the rows it was fed; it cannot be trained.
 */
export class TableDecoder implements BackendDecoder {
  readonly spec: DecoderSpec;
  readonly backend: Backend;
  /** States not disposed yet. */
  openStates = 0;
  /** Rows of each step so far. */
  readonly rowsOfSteps: number[] = [];
  private readonly options: TableDecoderOptions;
  private isDisposed = false;

  constructor(options: TableDecoderOptions) {
    this.options = options;
    this.spec = tableSpec(options);
    this.backend = {
      name: "tfjs",
      device: { kind: "cpu", description: "a table of logits", libraries: {} },
      supports: () => true,
      createDecoder: async () => new TableDecoder(options),
      dispose: async () => {},
    };
  }

  async start(features: Features): Promise<DecoderState> {
    this.checkOpen();
    checkFeatures(this.spec, features);
    this.openStates += 1;
    const entries = Array.from(features.pooled.data, (image) => ({ image, prefix: [] }));
    return new TableState(entries, () => {
      this.openStates -= 1;
    });
  }

  async step(state: DecoderState, tokenIds: Int32Array): Promise<Tensor> {
    const table = this.own(state);
    checkTokenIds(this.spec, tokenIds, table.rows);
    if (!table.isStarted && tokenIds.some((tokenId) => tokenId !== START_TOKEN_ID)) {
      throw new OptionError(expected("<start> on every row", "the first step", Array.from(tokenIds)));
    }
    if (table.isStarted) {
      table.replace(table.entries.map(({ image, prefix }, row) => ({ image, prefix: [...prefix, tokenIds[row]!] })));
    }
    table.isStarted = true;
    this.rowsOfSteps.push(table.rows);
    return this.lookUp(table, this.options.logits, this.spec.vocabSize);
  }

  async gatherRows(state: DecoderState, rows: Int32Array): Promise<void> {
    const table = this.own(state);
    checkRowIndices(rows, table.rows);
    table.replace(Array.from(rows, (row) => table.entries[row]!));
  }

  async readAttention(state: DecoderState): Promise<Tensor> {
    const table = this.own(state);
    const { attention } = this.options;
    if (attention === undefined || !table.isStarted) {
      throw new OptionError(expected("a decoder with attention, after a step", "readAttention", "another"));
    }
    const first = table.entries[0]!;
    return this.lookUp(table, attention, attention(first.prefix, first.image).length);
  }

  dispose(): void {
    this.isDisposed = true;
  }

  trainStep(): Promise<StepResult> {
    return notTrainable();
  }
  evaluateLoss(): Promise<LossSum> {
    return notTrainable();
  }
  readParameters(): Promise<NamedTensors> {
    return notTrainable();
  }
  writeParameters(): Promise<void> {
    return notTrainable();
  }
  readGradients(): Promise<NamedTensors> {
    return notTrainable();
  }
  readOptimizerState(): Promise<OptimizerState> {
    return notTrainable();
  }
  writeOptimizerState(): Promise<void> {
    return notTrainable();
  }
  readAverages(): Promise<NamedTensors> {
    return notTrainable();
  }

  private lookUp(state: TableState, table: TableDecoderOptions["logits"], size: number): Tensor {
    const data = new Float32Array(state.rows * size);
    for (const [row, { prefix, image }] of state.entries.entries()) {
      const values = table(prefix, image);
      if (values.length !== size) throw new ShapeError(expected(`${size} values`, "a row of the table", values.length));
      data.set(values, row * size);
    }
    return { shape: [state.rows, size], data };
  }

  private own(state: DecoderState): TableState {
    this.checkOpen();
    if (!(state instanceof TableState)) throw new ShapeError(expected("a state of this decoder", "state", state));
    if (state.isDisposed) throw new DisposedError(expected("an open state", "state", "a disposed one"));
    return state;
  }

  private checkOpen(): void {
    if (this.isDisposed) throw new DisposedError(expected("an open decoder", "a call", "a disposed one"));
  }
}

function tableSpec({ vocabSize, attention }: TableDecoderOptions): DecoderSpec {
  return {
    vocabSize,
    featureSize: 1,
    embeddingSize: 1,
    hiddenSize: 1,
    layerCount: 1,
    imageInjection: "first-input",
    normalization: "none",
    tiedWeights: false,
    gateActivation: "sigmoid",
    ...(attention && { attention: { heads: 1, size: 1, gridFeatureSize: 1 } }),
    dropout: NO_DROPOUT,
  };
}

async function notTrainable(): Promise<never> {
  throw new ShowtellError(expected("a decoder with parameters", "training", "a table decoder"));
}
