/** TensorFlow's protocol buffers: the only user of the classes that write them. */
import { createRequire } from 'node:module';
import type { DType, Shape } from './tensor.ts';

const proto = createRequire(import.meta.url)(
  '@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js',
) as Classes;

/** `DataType` of TensorFlow's types.proto. */
const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  resource: 20,
};

/** An attribute of a node, tagged by its kind. */
export type Attribute =
  | { readonly type: DType }
  | { readonly types: readonly DType[] }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly shape: Shape }
  | { readonly tensor: ConstantValue };

export type ConstantValue =
  | {
      readonly dtype: 'float32' | 'int32';
      readonly shape: Shape;
      readonly values: readonly number[];
    }
  | { readonly dtype: 'string'; readonly shape: Shape; readonly values: readonly string[] };

export interface Node {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A named entry point: what is fed and what comes out, by argument name. */
export interface Signature {
  readonly inputs: Readonly<Record<string, SignatureTensor>>;
  readonly outputs: Readonly<Record<string, SignatureTensor>>;
}

interface SignatureTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** TensorFlow 2.21's graph version: which rules hold for the ops. */
const producer = 2_000;

export function encodeGraph(nodes: readonly Node[]): Message<'GraphDef'> {
  const graph = new proto.GraphDef();
  graph.setNodeList(nodes.map(encodeNode));
  const version = new proto.VersionDef();
  version.setProducer(producer);
  graph.setVersions(version);
  return graph;
}

/** A SavedModel with one graph under the tag `serve`. */
export function encodeSavedModel(
  nodes: readonly Node[],
  signatures: Readonly<Record<string, Signature>>,
): Uint8Array {
  const graph = new proto.MetaGraphDef();
  const info = new proto.MetaGraphDef.MetaInfoDef();
  info.setTagsList(['serve']);
  graph.setMetaInfoDef(info);
  graph.setGraphDef(encodeGraph(nodes));
  for (const [name, { inputs, outputs }] of Object.entries(signatures)) {
    const signature = new proto.SignatureDef();
    for (const [key, tensor] of Object.entries(inputs)) {
      signature.getInputsMap().set(key, encodeTensorInfo(tensor));
    }
    for (const [key, tensor] of Object.entries(outputs)) {
      signature.getOutputsMap().set(key, encodeTensorInfo(tensor));
    }
    signature.setMethodName('tensorflow/serving/predict');
    graph.getSignatureDefMap().set(name, signature);
  }
  const model = new proto.SavedModel();
  model.setSavedModelSchemaVersion(1);
  model.addMetaGraphs(graph);
  return model.serializeBinary();
}

function encodeNode({ name, op, inputs, attributes }: Node): Message<'NodeDef'> {
  const node = new proto.NodeDef();
  node.setName(name);
  node.setOp(op);
  node.setInputList([...inputs]);
  for (const [key, attribute] of Object.entries(attributes)) {
    node.getAttrMap().set(key, encodeAttribute(attribute));
  }
  return node;
}

function encodeAttribute(attribute: Attribute): Message<'AttrValue'> {
  const value = new proto.AttrValue();
  if ('type' in attribute) value.setType(dataTypes[attribute.type]);
  else if ('int' in attribute) value.setI(attribute.int);
  else if ('float' in attribute) value.setF(attribute.float);
  else if ('bool' in attribute) value.setB(attribute.bool);
  else if ('string' in attribute) value.setS(Buffer.from(attribute.string));
  else if ('shape' in attribute) value.setShape(encodeShape(attribute.shape));
  else if ('tensor' in attribute) value.setTensor(encodeConstant(attribute.tensor));
  else {
    const list = new proto.AttrValue.ListValue();
    if ('types' in attribute) list.setTypeList(attribute.types.map((type) => dataTypes[type]));
    else list.setIList([...attribute.ints]);
    value.setList(list);
  }
  return value;
}

function encodeShape(shape: Shape): Message<'TensorShape'> {
  const message = new proto.TensorShape();
  message.setDimList(
    shape.map((size) => {
      const dimension = new proto.TensorShape.Dim();
      dimension.setSize(size ?? -1);
      return dimension;
    }),
  );
  return message;
}

function encodeConstant({ dtype, shape, values }: ConstantValue): Message<'Tensor'> {
  const tensor = new proto.Tensor();
  tensor.setDtype(dataTypes[dtype]);
  tensor.setTensorShape(encodeShape(shape));
  if (dtype === 'string') tensor.setStringValList(values.map((value) => Buffer.from(value)));
  else {
    const array = dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values);
    tensor.setTensorContent(new Uint8Array(array.buffer));
  }
  return tensor;
}

function encodeTensorInfo({ name, dtype, shape }: SignatureTensor): Message<'TensorInfo'> {
  const info = new proto.TensorInfo();
  info.setName(name);
  info.setDtype(dataTypes[dtype]);
  info.setTensorShape(encodeShape(shape));
  return info;
}

/** As much of the generated classes as is used here; the package has no types for them. */
interface Classes {
  readonly GraphDef: new () => {
    setNodeList(nodes: Message<'NodeDef'>[]): void;
    setVersions(versions: Message<'VersionDef'>): void;
    serializeBinary(): Uint8Array;
  };
  readonly VersionDef: new () => { setProducer(producer: number): void };
  readonly NodeDef: new () => {
    setName(name: string): void;
    setOp(op: string): void;
    setInputList(inputs: string[]): void;
    getAttrMap(): MessageMap<Message<'AttrValue'>>;
  };
  readonly AttrValue: {
    new (): {
      setType(type: number): void;
      setI(value: number): void;
      setF(value: number): void;
      setB(value: boolean): void;
      setS(value: Uint8Array): void;
      setShape(shape: Message<'TensorShape'>): void;
      setTensor(tensor: Message<'Tensor'>): void;
      setList(list: { setIList(values: number[]): void }): void;
    };
    readonly ListValue: new () => {
      setTypeList(types: number[]): void;
      setIList(values: number[]): void;
    };
  };
  readonly TensorShape: {
    new (): { setDimList(dimensions: { setSize(size: number): void }[]): void };
    readonly Dim: new () => { setSize(size: number): void };
  };
  readonly Tensor: new () => {
    setDtype(type: number): void;
    setTensorShape(shape: Message<'TensorShape'>): void;
    setTensorContent(bytes: Uint8Array): void;
    setStringValList(values: Uint8Array[]): void;
  };
  readonly TensorInfo: new () => {
    setName(name: string): void;
    setDtype(type: number): void;
    setTensorShape(shape: Message<'TensorShape'>): void;
  };
  readonly SignatureDef: new () => {
    getInputsMap(): MessageMap<Message<'TensorInfo'>>;
    getOutputsMap(): MessageMap<Message<'TensorInfo'>>;
    setMethodName(name: string): void;
  };
  readonly MetaGraphDef: {
    new (): {
      setMetaInfoDef(info: { setTagsList(tags: string[]): void }): void;
      setGraphDef(graph: Message<'GraphDef'>): void;
      getSignatureDefMap(): MessageMap<Message<'SignatureDef'>>;
    };
    readonly MetaInfoDef: new () => { setTagsList(tags: string[]): void };
  };
  readonly SavedModel: new () => {
    setSavedModelSchemaVersion(version: number): void;
    addMetaGraphs(graph: Message<'MetaGraphDef'>): void;
    serializeBinary(): Uint8Array;
  };
}

type Message<Name extends keyof Classes> = InstanceType<Classes[Name]>;
type MessageMap<T> = { set(key: string, value: T): void };
