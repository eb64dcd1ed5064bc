// Cameras: what each looks at, as a frustum; its name; its state as a colour.
import { BufferAttribute, BufferGeometry, Color, DoubleSide, DynamicDrawUsage, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, Vector3 } from "three";
import { theme } from "./palette.js";

const EDGES = [0, 1, 0, 2, 0, 3, 0, 4, 1, 2, 2, 3, 3, 4, 4, 1]; // 0: the camera, 1 .. 4: its picture's corners, clockwise from the top left
const FACES = [0, 1, 2, 0, 2, 3, 0, 3, 4, 0, 4, 1, 1, 3, 2, 1, 4, 3];
const UP = [5, 6, 6, 7, 7, 5]; // a triangle over the upper edge
const POINTS = 8;

export class Cameras {
  constructor(stage, hello) {
    this.stage = stage;
    this.names = hello.cameras;
    this.states = hello.cameras.map(() => "neutral");
    this.depth = 0.4;
    const count = hello.cameras.length * POINTS;
    this.position = new BufferAttribute(new Float32Array(3 * count), 3).setUsage(DynamicDrawUsage);
    this.colour = new BufferAttribute(new Float32Array(3 * count), 3).setUsage(DynamicDrawUsage);
    const shape = (list) => {
      const geometry = new BufferGeometry().setAttribute("position", this.position).setAttribute("color", this.colour);
      geometry.setIndex(hello.cameras.flatMap((_, c) => list.map((i) => i + c * POINTS)));
      return geometry;
    };
    this.lines = new LineSegments(shape([...EDGES, ...UP]), new LineBasicMaterial({ vertexColors: true }));
    const glass = new MeshBasicMaterial({ vertexColors: true, transparent: true, opacity: 0.14, side: DoubleSide, depthWrite: false });
    this.faces = new Mesh(shape(FACES), glass);
    this.lines.frustumCulled = this.faces.frustumCulled = false;
    stage.scene.add(this.lines, this.faces);
  }

  // "active", "waiting", "silent" of each; "neutral" where nothing is known.
  setStates(states) {
    this.states = states;
  }

  // Corners at the depth along the axis, but no farther away than twice it: a wide lens has no end.
  place(camera, c) {
    const { position: at, rotation: R, corners } = camera;
    const points = [[at[0], at[1], at[2]]];
    for (let i = 0; i < 4; i++) {
      const ray = corners.subarray(3 * i, 3 * i + 3);
      const ahead = R[6] * ray[0] + R[7] * ray[1] + R[8] * ray[2];
      const reach = this.depth / Math.max(ahead, 0.5);
      points.push([0, 1, 2].map((k) => at[k] + reach * ray[k]));
    }
    const [, a, b, , d] = points;
    const along = (s, t) => [0, 1, 2].map((k) => a[k] + s * (b[k] - a[k]) + t * (a[k] - d[k]));
    points.push(along(0.35, 0.06), along(0.5, 0.24), along(0.65, 0.06));
    points.forEach((p, i) => this.position.setXYZ(c * POINTS + i, ...p));
  }

  show(frame) {
    frame.cameras.forEach((camera, c) => {
      const known = Number.isFinite(camera.position[0]) && camera.rotation.some((r) => r !== 0);
      if (known) this.place(camera, c);
      else for (let i = 0; i < POINTS; i++) this.position.setXYZ(c * POINTS + i, 0, 0, 0);
      const { r, g, b } = new Color(theme()[this.states[c]]);
      for (let i = 0; i < POINTS; i++) this.colour.setXYZ(c * POINTS + i, r, g, b);
      if (known) this.stage.label(`camera ${c}`, this.names[c], new Vector3(...camera.position), `camera ${this.states[c]}`);
      else this.stage.unlabel(`camera ${c}`);
    });
    this.position.needsUpdate = this.colour.needsUpdate = true;
  }

  remove() {
    for (const thing of [this.lines, this.faces]) thing.removeFromParent(), thing.geometry.dispose(), thing.material.dispose();
    this.names.forEach((_, c) => this.stage.unlabel(`camera ${c}`));
  }
}
