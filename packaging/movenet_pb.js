// packaging/movenet_pb.js MODEL.json OUT.pb: MoveNet multipose from TensorFlow.js's graph model to a TensorFlow GraphDef that
// OpenCV's DNN reads. Only the network itself is kept, from the normalised picture to its four heads (decoding them is
// perception/movenet.c's); fused operations are taken apart, 16-bit weights widened, and sizes made constant.
'use strict';
const fs = require('fs');
const path = require('path');

const SIZE = 256; // px of the square input
const HEADS = {center: 'Sigmoid', heatmap: 'Sigmoid_1', regress: 'kpt_regress_0/conv2d_8/BiasAdd', offset: 'kpt_offset_0/conv2d_9/BiasAdd'};
const PREFIX = 'StatefulPartitionedCall/';

// ---- protocol buffers, written by hand
const varint = (n) => {
    const out = [];
    for (let v = BigInt.asUintN(64, BigInt(n)); ; v >>= 7n) {
        if (v < 128n) { out.push(Number(v)); return Buffer.from(out); }
        out.push(Number(v & 127n) | 128);
    }
};
const key = (field, type) => varint(field << 3 | type);
const bytes = (field, data) => { const b = Buffer.from(data); return Buffer.concat([key(field, 2), varint(b.length), b]); };
const number = (field, n) => Buffer.concat([key(field, 0), varint(n)]);
const FLOAT = 1, INT32 = 3;
const shapeOf = (dims) => Buffer.concat(dims.map((d) => bytes(2, number(1, d))));
const attr = {
    type: (t) => number(6, t),
    text: (s) => bytes(2, s),
    flag: (b) => number(5, b ? 1 : 0),
    list: (l) => bytes(1, Buffer.concat(l.map((i) => number(3, i)))),
    shape: (dims) => bytes(7, shapeOf(dims)),
    tensor: (t, dims, data) => bytes(8, Buffer.concat([number(1, t), bytes(2, shapeOf(dims)), bytes(4, data)])),
};
const graph = [];
const node = (name, op, inputs, attrs) => {
    const parts = [bytes(1, name), bytes(2, op), ...inputs.map((i) => bytes(3, i))];
    for (const [k, v] of Object.entries(attrs)) parts.push(bytes(5, Buffer.concat([bytes(1, k), bytes(2, v)])));
    graph.push(bytes(1, Buffer.concat(parts)));
    return name;
};

// ---- the model
const half = (h) => { // IEEE 754 binary16
    const sign = h & 0x8000 ? -1 : 1, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) throw new Error('a weight is not finite');
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};
const [file, out] = process.argv.slice(2);
const model = JSON.parse(fs.readFileSync(file));
const weights = {};
for (const group of model.weightsManifest) {
    const data = Buffer.concat(group.paths.map((p) => fs.readFileSync(path.join(path.dirname(file), p))));
    let at = 0;
    for (const w of group.weights) {
        const count = w.shape.reduce((a, b) => a * b, 1);
        const narrow = w.quantization && w.quantization.dtype === 'float16';
        if (w.quantization && !narrow) throw new Error('unknown quantisation');
        const size = count * (narrow ? 2 : 4);
        let values = data.subarray(at, at + size);
        if (narrow) {
            values = Buffer.alloc(count * 4);
            for (let i = 0; i < count; i++) values.writeFloatLE(half(data.readUInt16LE(at + 2 * i)), 4 * i);
        }
        weights[w.name] = {shape: w.shape, type: w.dtype === 'int32' ? INT32 : FLOAT, values};
        at += size;
    }
}
const nodes = Object.fromEntries(model.modelTopology.node.map((n) => [n.name, n]));
const text = (a) => Buffer.from(a.s, 'base64').toString();
const done = {}, side = {}; // what a node is called now, and the side of its picture
const constant = (name) => {
    const w = weights[name];
    return done[name] ||= node(name, 'Const', [], {dtype: attr.type(w.type), value: attr.tensor(w.type, w.shape, w.values)});
};
const convolution = (n) => {
    const [x, kernel, bias] = n.input, a = n.attr, depthwise = n.op.includes('Depthwise');
    const from = convert(x), strides = a.strides.list.i.map(Number), fused = (a.fused_ops?.list?.s || []).map((s) => Buffer.from(s, 'base64').toString());
    side[n.name] = Math.ceil(side[x] / strides[1]);
    const head = Object.keys(HEADS).find((h) => PREFIX + HEADS[h] === n.name); // OpenCV calls it by the convolution's name
    let last = node(head || n.name + '/convolution', depthwise ? 'DepthwiseConv2dNative' : 'Conv2D', [from, constant(kernel)],
                    {T: attr.type(FLOAT), strides: attr.list(strides), padding: attr.text(text(a.padding)), data_format: attr.text('NHWC')});
    for (const step of fused) {
        if (step === 'BiasAdd') last = node(n.name + '/bias', 'BiasAdd', [last, constant(bias)], {T: attr.type(FLOAT), data_format: attr.text('NHWC')});
        else if (step === 'Relu6' || step === 'Relu') last = node(n.name + '/' + step, step, [last], {T: attr.type(FLOAT)});
        else throw new Error(`${n.name}: unknown fused operation ${step}`);
    }
    return last;
};
function convert(name) {
    if (done[name]) return done[name];
    const n = nodes[name];
    if (name === PREFIX + 'sub_1') { // the normalised picture
        side[name] = SIZE;
        return done[name] = node('picture', 'Placeholder', [], {dtype: attr.type(FLOAT), shape: attr.shape([1, SIZE, SIZE, 3])});
    }
    if (/Conv2[dD]/.test(n.op)) return done[name] = convolution(n);
    if (n.op === 'Sigmoid') return done[name] = node(Object.keys(HEADS).find((h) => PREFIX + HEADS[h] === name), 'Sigmoid', [convert(n.input[0])], {T: attr.type(FLOAT)});
    if (n.op === 'AddV2') {
        const inputs = n.input.map(convert);
        side[name] = side[n.input[0]];
        return done[name] = node(name, 'Add', inputs, {T: attr.type(FLOAT)});
    }
    if (n.op === 'ResizeBilinear') { // by two, always
        const from = convert(n.input[0]), size = Buffer.alloc(8);
        side[name] = 2 * side[n.input[0]];
        size.writeInt32LE(side[name], 0), size.writeInt32LE(side[name], 4);
        const to = node(name + '/size', 'Const', [], {dtype: attr.type(INT32), value: attr.tensor(INT32, [2], size)});
        return done[name] = node(name, 'ResizeBilinear', [from, to], {T: attr.type(FLOAT), align_corners: attr.flag(n.attr.align_corners?.b), half_pixel_centers: attr.flag(n.attr.half_pixel_centers?.b)});
    }
    throw new Error(`${name}: operation ${n.op} is not expected`);
}
for (const name of Object.values(HEADS)) convert(PREFIX + name);
fs.writeFileSync(out, Buffer.concat(graph));
