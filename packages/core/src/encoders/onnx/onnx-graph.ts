import { sizeOf } from "../../tensor.js";
import { ProtobufWriter } from "./protobuf-writer.js";

/** Field numbers and element types of onnx.proto (IR version 8, operator set 17). */
const IR_VERSION = 8;
const OPERATOR_SET = 17;
export const ELEMENT = { float32: 1, uint8: 2, int64: 7 } as const;
const ATTRIBUTE_TYPE = { integer: 2, integers: 7 } as const;

export type AttributeValue = number | readonly number[];

interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

interface Value {
  readonly name: string;
  readonly element: number;
  /** A string is a free dimension. */
  readonly shape: readonly (number | string)[];
}

interface Constant {
  readonly name: string;
  readonly element: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A graph under construction, written as an ONNX file. A tensor is called by the name of the node that makes it. */
export class OnnxGraph {
  private readonly nodes: Node[] = [];
  private readonly constants: Constant[] = [];
  private readonly inputs: Value[] = [];
  private readonly outputs: Value[] = [];

  constructor(private readonly name: string) {}

  input(name: string, element: number, shape: readonly (number | string)[]): string {
    this.inputs.push({ name, element, shape });
    return name;
  }

  output(name: string, shape: readonly (number | string)[]): void {
    this.outputs.push({ name, element: ELEMENT.float32, shape });
  }

  floats(name: string, shape: readonly number[], values: Float32Array): string {
    if (values.length !== sizeOf(shape)) throw new RangeError(`${name}: ${values.length} values for shape [${shape}]`);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.constants.push({ name, element: ELEMENT.float32, shape, bytes });
    return name;
  }

  integers(name: string, values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, (value) => BigInt(value)).buffer);
    this.constants.push({ name, element: ELEMENT.int64, shape: [values.length], bytes });
    return name;
  }

  /** @returns the name of the result, for the next node */
  node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    this.nodes.push({ operator, inputs, output, attributes });
    return output;
  }

  /** The ONNX file. */
  serialize(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const model = new ProtobufWriter().integer(1, IR_VERSION).text(2, "showtell");
    model.message(7, (graph) => {
      for (const node of this.nodes) graph.message(1, (message) => writeNode(message, node));
      graph.text(2, this.name);
      for (const constant of this.constants) graph.message(5, (message) => writeConstant(message, constant));
      for (const value of this.inputs) graph.message(11, (message) => writeValue(message, value));
      for (const value of this.outputs) graph.message(12, (message) => writeValue(message, value));
    });
    model.message(8, (operators) => operators.text(1, "").integer(2, OPERATOR_SET));
    for (const [key, value] of Object.entries(metadata)) {
      model.message(14, (entry) => entry.text(1, key).text(2, value));
    }
    return model.finish();
  }
}

function writeNode(message: ProtobufWriter, { operator, inputs, output, attributes }: Node): void {
  for (const input of inputs) message.text(1, input);
  message.text(2, output).text(3, output).text(4, operator);
  for (const [name, value] of Object.entries(attributes)) {
    message.message(5, (attribute) => {
      attribute.text(1, name);
      if (typeof value === "number") attribute.integer(3, value).integer(20, ATTRIBUTE_TYPE.integer);
      else attribute.integers(8, value).integer(20, ATTRIBUTE_TYPE.integers);
    });
  }
}

function writeConstant(message: ProtobufWriter, { name, element, shape, bytes }: Constant): void {
  message.integers(1, shape).integer(2, element).text(8, name).bytes(9, bytes);
}

function writeValue(message: ProtobufWriter, { name, element, shape }: Value): void {
  message.text(1, name).message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.integer(1, element).message(2, (dimensions) => {
        for (const size of shape) {
          dimensions.message(1, (dimension) => {
            if (typeof size === "number") dimension.integer(1, size);
            else dimension.text(2, size);
          });
        }
      });
    }),
  );
}
