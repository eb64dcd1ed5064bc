// People: bones and joints in 3D, how certain each joint is, where they went.
import {
  BufferAttribute, BufferGeometry, Color, CylinderGeometry, DynamicDrawUsage, InstancedMesh, Matrix4, Mesh, MeshBasicMaterial,
  MeshLambertMaterial, SphereGeometry, Vector3, DoubleSide,
} from "three";
import { colourOf, mix, theme } from "./palette.js";

const LOST = 0;
const CARRIED = 1;
const MEASURED = 2;
const CERTAIN = Math.sqrt(7.815); // 95 % of a normal distribution in 3D lie within so many standard deviations (chi-squared, 3)
const LARGEST_CLOUD = 0.5; // m
const TRAIL_POINTS = 100;
const TRAIL_STEP = 0.06; // s
const HEIGHT_FRAMES = 100; // that a stature is the mean of, about
const FACE = /^(Nose|[LR](Eye|Ear|EyeInner|EyeOuter|Mouth))$/;
const SMALL = /^(Nose|[LR](Eye|Ear|EyeInner|EyeOuter|Mouth|Pinky|Index|Thumb|BigToe|SmallToe|Heel))$/;

// Mean of those that there are; null where there is none.
function mean(points) {
  const known = points.filter(Boolean);
  if (!known.length) return null;
  return known.reduce((sum, p) => sum.add(p), new Vector3()).divideScalar(known.length);
}

// Which joint is which part of the body.
class Body {
  constructor(hello) {
    this.of = new Map(hello.joints.map((joint, j) => [joint.part, j]));
    this.of.delete("");
    this.face = hello.joints.flatMap((joint, j) => (FACE.test(joint.part) ? [j] : []));
  }

  // Null where it is not known, or less than `least` is known of it.
  at(person, part, least = CARRIED) {
    const joint = person.joints[this.of.get(part)];
    return joint && joint.state >= least ? new Vector3(...joint.position) : null;
  }

  both(person, part, least = CARRIED) {
    return mean([this.at(person, `L${part}`, least), this.at(person, `R${part}`, least)]);
  }

  head(person) {
    return mean(this.face.map((j) => (person.joints[j].state === LOST ? null : new Vector3(...person.joints[j].position))));
  }

  // Where the person stands.
  ground(person) {
    const hips = this.at(person, "MidHip") ?? this.both(person, "Hip");
    return hips ?? mean(person.joints.map((joint) => (joint.state === LOST ? null : new Vector3(...joint.position))));
  }

  // Stature, whatever the pose: the lengths from the head down to the ankles, and what is beyond joints; m, null where too
  // little is seen. Eyes are 0.11 m below the top of an adult's head, ankles 0.08 m above the sole.
  height(person) {
    const top = this.at(person, "Head", MEASURED);
    const face = top ?? this.both(person, "Eye", MEASURED) ?? this.both(person, "Ear", MEASURED);
    const shoulders = this.both(person, "Shoulder", MEASURED) ?? this.at(person, "Neck", MEASURED);
    const hips = this.both(person, "Hip", MEASURED) ?? this.at(person, "MidHip", MEASURED);
    const legs = ["L", "R"].map((side) => {
      const [hip, knee, ankle] = ["Hip", "Knee", "Ankle"].map((part) => this.at(person, side + part, MEASURED));
      return hip && knee && ankle ? hip.distanceTo(knee) + knee.distanceTo(ankle) : null;
    }).filter(Boolean);
    if (!face || !shoulders || !hips || !legs.length) return null;
    const leg = legs.reduce((a, b) => a + b) / legs.length;
    return (top ? 0 : 0.11) + face.distanceTo(shoulders) + shoulders.distanceTo(hips) + leg + 0.08;
  }
}

// Many copies of one shape.
class Copies {
  constructor(scene, geometry, material, count) {
    this.mesh = new InstancedMesh(geometry, material, count);
    this.mesh.instanceMatrix.setUsage(DynamicDrawUsage);
    this.mesh.frustumCulled = false;
    this.mesh.count = 0;
    scene.add(this.mesh);
  }

  clear() {
    this.mesh.count = 0;
  }

  add(matrix, colour) {
    this.mesh.setMatrixAt(this.mesh.count, matrix);
    this.mesh.setColorAt(this.mesh.count++, colour);
  }

  done() {
    this.mesh.instanceMatrix.needsUpdate = true;
    if (this.mesh.instanceColor) this.mesh.instanceColor.needsUpdate = true;
  }

  remove() {
    this.mesh.removeFromParent();
    this.mesh.dispose();
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
  }
}

// From a unit cylinder along z, centred, to a bone.
function boneMatrix(out, a, b, radius) {
  const along = new Vector3().subVectors(b, a);
  const length = along.length() || 1e-6;
  along.divideScalar(length);
  const side = new Vector3(Math.abs(along.z) < 0.9 ? 0 : 1, 0, Math.abs(along.z) < 0.9 ? 1 : 0).cross(along).normalize();
  const third = new Vector3().crossVectors(along, side);
  out.makeBasis(side.multiplyScalar(radius), third.multiplyScalar(radius), along.multiplyScalar(length));
  return out.setPosition((a.x + b.x) / 2, (a.y + b.y) / 2, (a.z + b.z) / 2);
}

// From a unit ball to { x : x' C^-1 x <= CERTAIN^2 }: the columns of C's Cholesky factor. Drawn no larger than LARGEST_CLOUD.
function ellipsoidMatrix(out, [xx, xy, xz, yy, yz, zz], [x, y, z]) {
  const a = Math.sqrt(Math.max(xx, 1e-12));
  const b = xy / a;
  const c = xz / a;
  const d = Math.sqrt(Math.max(yy - b * b, 1e-12));
  const e = (yz - b * c) / d;
  const f = Math.sqrt(Math.max(zz - c * c - e * e, 1e-12));
  const k = Math.min(CERTAIN, LARGEST_CLOUD / Math.hypot(a, b, c, d, e, f));
  return out.set(k * a, 0, 0, x, k * b, k * d, 0, y, k * c, k * e, k * f, z, 0, 0, 0, 1);
}

// Where somebody went in the last seconds: a ribbon on the floor.
class Trail {
  constructor(scene, slot) {
    this.points = [];
    this.slot = slot;
    const geometry = new BufferGeometry();
    const count = 2 * (TRAIL_POINTS + 1);
    const index = [];
    for (let i = 0; i < TRAIL_POINTS; i++) index.push(2 * i, 2 * i + 1, 2 * i + 2, 2 * i + 1, 2 * i + 3, 2 * i + 2);
    geometry.setAttribute("position", new BufferAttribute(new Float32Array(3 * count), 3).setUsage(DynamicDrawUsage));
    geometry.setAttribute("color", new BufferAttribute(new Float32Array(4 * count), 4).setUsage(DynamicDrawUsage));
    geometry.setIndex(index);
    const material = new MeshBasicMaterial({ vertexColors: true, transparent: true, side: DoubleSide, depthWrite: false });
    this.mesh = new Mesh(geometry, material);
    this.mesh.frustumCulled = false;
    scene.add(this.mesh);
  }

  // `at` null: nobody is there, and the trail fades.
  step(time, at) {
    const last = this.points[0];
    if (last && time < last.time) this.points = []; // a replay began anew
    if (at && (!last || time - last.time >= TRAIL_STEP)) this.points.unshift({ time, x: at.x, y: at.y });
    while (this.points.length > TRAIL_POINTS || (this.points.length && time - this.points.at(-1).time > TRAIL_POINTS * TRAIL_STEP)) this.points.pop();
    this.draw(time);
  }

  draw(time) {
    const position = this.mesh.geometry.getAttribute("position");
    const colour = this.mesh.geometry.getAttribute("color");
    const base = new Color(colourOf(this.slot));
    const n = this.points.length;
    this.points.forEach((p, i) => {
      const before = this.points[Math.max(0, i - 1)];
      const after = this.points[Math.min(n - 1, i + 1)];
      const length = Math.hypot(after.x - before.x, after.y - before.y) || 1;
      const [nx, ny] = [(0.02 * (after.y - before.y)) / length, (-0.02 * (after.x - before.x)) / length];
      const alpha = 0.75 * (1 - (time - p.time) / (TRAIL_POINTS * TRAIL_STEP));
      position.setXYZ(2 * i, p.x + nx, p.y + ny, 0.004);
      position.setXYZ(2 * i + 1, p.x - nx, p.y - ny, 0.004);
      for (const v of [2 * i, 2 * i + 1]) colour.setXYZW(v, base.r, base.g, base.b, alpha);
    });
    this.mesh.geometry.setDrawRange(0, Math.max(0, 6 * (n - 1)));
    position.needsUpdate = colour.needsUpdate = true;
  }

  remove() {
    this.mesh.removeFromParent();
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
  }
}

export class People {
  constructor(stage, hello) {
    this.stage = stage;
    this.hello = hello;
    this.body = new Body(hello);
    this.trails = new Map();
    this.showTrails = true;
    const most = hello.people * hello.joints.length;
    const solid = () => new MeshLambertMaterial();
    this.balls = new Copies(stage.scene, new SphereGeometry(1, 16, 12), solid(), most + hello.people);
    this.sticks = new Copies(stage.scene, new CylinderGeometry(1, 1, 1, 12, 1, true).rotateX(Math.PI / 2), solid(), hello.people * (hello.bones.length + 1));
    const glass = new MeshLambertMaterial({ transparent: true, opacity: 0.32, depthWrite: false });
    this.clouds = new Copies(stage.scene, new SphereGeometry(1, 20, 14), glass, most);
    this.clouds.mesh.visible = false;
    this.heights = new Map();
  }

  get showEllipsoids() {
    return this.clouds.mesh.visible;
  }

  set showEllipsoids(on) {
    this.clouds.mesh.visible = on;
  }

  // Colours of a person: [side] by state.
  shades(slot) {
    const base = colourOf(slot);
    const right = mix(base, theme().pale, 0.62);
    const sides = { left: new Color(base), middle: mix(base, theme().pale, 0.25), right };
    const dim = (colour) => mix(colour, theme().ground, 0.72);
    return { sides, dim: { left: dim(sides.left), middle: dim(sides.middle), right: dim(right) } };
  }

  drawPerson(person) {
    const { hello, body } = this;
    const shades = this.shades(person.slot);
    const shade = (side, carried) => (carried ? shades.dim : shades.sides)[side];
    const at = person.joints.map((joint) => (joint.state === LOST ? null : new Vector3(...joint.position)));
    const matrix = new Matrix4();
    hello.joints.forEach((joint, j) => {
      if (!at[j]) return;
      const { state, covariance, position } = person.joints[j];
      const size = SMALL.test(joint.part) ? 0.015 : 0.032;
      this.balls.add(matrix.makeScale(size, size, size).setPosition(at[j]), shade(joint.side, state === CARRIED));
      if (this.showEllipsoids && Number.isFinite(covariance[0])) this.clouds.add(ellipsoidMatrix(matrix, covariance, position), shade(joint.side, state === CARRIED));
    });
    for (const [a, b] of hello.bones) {
      if (!at[a] || !at[b]) continue;
      const carried = person.joints[a].state === CARRIED || person.joints[b].state === CARRIED;
      const side = hello.joints[a].side === hello.joints[b].side ? hello.joints[a].side : "middle";
      const thin = SMALL.test(hello.joints[b].part) || SMALL.test(hello.joints[a].part);
      this.sticks.add(boneMatrix(matrix, at[a], at[b], thin ? 0.01 : 0.022), shade(side, carried));
    }
    const head = body.head(person);
    const shoulders = body.both(person, "Shoulder");
    if (head) this.balls.add(matrix.makeScale(0.085, 0.085, 0.11).setPosition(head), shade("middle", false));
    if (head && shoulders) this.sticks.add(boneMatrix(matrix, shoulders, head, 0.016), shade("middle", false));
  }

  // Draws everybody and returns what is to be said of each.
  show(frame) {
    const there = new Set();
    this.balls.clear(), this.sticks.clear(), this.clouds.clear();
    const told = frame.people.map((person) => {
      there.add(person.slot);
      this.drawPerson(person);
      this.nameOf(person);
      return this.tell(person);
    });
    for (const copies of [this.balls, this.sticks, this.clouds]) copies.done();
    for (let slot = 0; slot < this.hello.people; slot++) {
      if (!there.has(slot)) this.stage.unlabel(`person ${slot}`), this.heights.delete(slot);
    }
    this.step(frame, there);
    return told;
  }

  nameOf(person) {
    const known = person.joints.filter((joint) => joint.state !== LOST);
    if (!known.length) return this.stage.unlabel(`person ${person.slot}`);
    const top = known.reduce((a, b) => (a.position[2] > b.position[2] ? a : b));
    const ground = this.body.ground(person);
    this.stage.label(`person ${person.slot}`, `P${person.slot + 1}`, new Vector3(ground.x, ground.y, top.position[2] + 0.16), "person", colourOf(person.slot));
  }

  step(frame, there) {
    for (const person of frame.people) {
      if (!this.trails.has(person.slot)) this.trails.set(person.slot, new Trail(this.stage.scene, person.slot));
      this.trails.get(person.slot).step(frame.time, this.body.ground(person));
    }
    for (const [slot, trail] of this.trails) {
      trail.mesh.visible = this.showTrails;
      if (there.has(slot)) continue;
      trail.step(frame.time, null);
      if (!trail.points.length) trail.remove(), this.trails.delete(slot);
    }
  }

  tell(person) {
    const names = (state) => person.joints.flatMap((joint, j) => (joint.state === state ? [this.hello.joints[j].name] : []));
    const now = this.body.height(person);
    if (!this.heights.has(person.slot)) this.heights.set(person.slot, { count: 0, mean: 0 });
    const height = this.heights.get(person.slot);
    if (now) height.mean += (now - height.mean) / Math.min(++height.count, HEIGHT_FRAMES);
    const known = height.count > HEIGHT_FRAMES / 4;
    return { slot: person.slot, colour: colourOf(person.slot), height: known ? height.mean : null, lost: names(LOST), carried: names(CARRIED), joints: person.joints.length };
  }

  remove() {
    for (const copies of [this.balls, this.sticks, this.clouds]) copies.remove();
    for (const trail of this.trails.values()) trail.remove();
    for (let slot = 0; slot < this.hello.people; slot++) this.stage.unlabel(`person ${slot}`);
  }
}
