// The connection to the daemon: messages as docs/control.md has them, connected again whenever it is lost.

const FRAME_VERSION = 1;
const CAMERA_WORDS = 30;
const JOINT_WORDS = 11;
const LONGEST_WAIT = 2000;

// A frame's bytes as typed views into them: nothing is copied.
export function readFrame(buffer, hello) {
  const head = new DataView(buffer);
  const [version, cameras, people, joints] = [0, 4, 8, 12].map((at) => head.getUint32(at, true));
  if (version !== FRAME_VERSION || cameras !== hello.cameras.length || joints !== hello.joints.length) return null;
  const floats = new Float32Array(buffer);
  const words = new Uint32Array(buffer);
  let at = 8;
  const frame = { time: head.getFloat64(16, true), id: head.getFloat64(24, true), cameras: [], people: [] };
  for (let c = 0; c < cameras; c++, at += CAMERA_WORDS) {
    frame.cameras.push({
      position: floats.subarray(at, at + 3),
      rotation: floats.subarray(at + 3, at + 12), // world to camera, row-major
      corners: floats.subarray(at + 12, at + 24), // unit vectors from the camera to its picture's corners
    });
  }
  for (let p = 0; p < people; p++) {
    const person = { slot: words[at++], joints: [] };
    for (let j = 0; j < joints; j++, at += JOINT_WORDS) {
      person.joints.push({
        position: floats.subarray(at, at + 3),
        covariance: floats.subarray(at + 3, at + 9), // m²: xx xy xz yy yz zz
        reprojection: floats[at + 9],
        state: words[at + 10] & 0xffff, // 0 lost, 1 carried, 2 measured
        views: words[at + 10] >>> 16,
      });
    }
    frame.people.push(person);
  }
  return frame;
}

// Calls on.open(), on.hello(message), on.status(message), on.frame(frame), on.closed(ended).
export function connect(on) {
  let wait = 250;
  const open = () => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    let hello = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => on.open();
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        const frame = hello && readFrame(data, hello);
        if (frame) on.frame(frame);
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "hello") {
        wait = 250;
        hello = message;
        on.hello(hello);
      } else if (message.type === "status") {
        on.status(message);
      }
    };
    socket.onclose = ({ code }) => {
      on.closed(code === 1001);
      setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
  };
  open();
}
