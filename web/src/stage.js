// The place: renderer, camera and its controls, floor, axes, obstacles, and labels that follow points in 3D.
import {
  Box3, BoxGeometry, BufferAttribute, BufferGeometry, CylinderGeometry, DirectionalLight, Group, HemisphereLight, LineBasicMaterial,
  LineSegments, Mesh, MeshBasicMaterial, MeshLambertMaterial, PerspectiveCamera, Scene, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { theme } from "./palette.js";

const SMALLEST_FLOOR = 3; // m from the origin
const LARGEST_FLOOR = 60;
const TOOLS = 56; // px at the lower edge that buttons cover
const REFIT_MS = 2000;

export class Stage {
  constructor(canvas, labels) {
    this.canvas = canvas;
    this.labelBox = labels;
    this.labels = new Map();
    this.showLabels = true;
    this.renderer = new WebGLRenderer({ canvas, antialias: true });
    this.scene = new Scene();
    this.scene.add(new HemisphereLight(0xffffff, 0x8899aa, 2.2));
    const sun = new DirectionalLight(0xffffff, 1.6);
    sun.position.set(3, -4, 8);
    this.scene.add(sun);
    this.camera = new PerspectiveCamera(45, 1, 0.05, 500);
    this.camera.up.set(0, 0, 1);
    this.camera.position.set(6, -8, 5);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.target.set(0, 0, 1);
    this.controls.addEventListener("change", () => this.ask());
    this.controls.addEventListener("start", () => (this.touched = true));
    this.floor = new Group();
    this.floorSize = SMALLEST_FLOOR;
    this.things = new Group();
    this.scene.add(this.floor, this.things);
    this.bounds = new Box3(); // what there is to see
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    this.covered = 0;
    this.resize();
  }

  // The right side of the picture, px, is covered: what there is to see goes to the left of it.
  cover(px) {
    if (this.covered === px) return;
    this.covered = px;
    this.resize();
  }

  // Draws at the next opportunity.
  ask() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.renderer.render(this.scene, this.camera);
      this.placeLabels();
    });
  }

  resize() {
    const { clientWidth: w, clientHeight: h } = this.canvas.parentElement;
    if (!w || !h) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.free = Math.max(w - this.covered, w / 2); // px, beside what covers the right side
    this.camera.setViewOffset(w, h, (w - this.free) / 2, TOOLS / 2, w, h);
    if (!this.touched && !this.bounds.isEmpty()) this.fit();
    this.ask();
  }

  retheme() {
    this.scene.background = null;
    this.renderer.setClearColor(theme().ground);
    this.drawFloor();
    for (const thing of this.things.children) thing.material.color.set(theme().obstacle);
    this.ask();
  }

  // ---- floor, axes, obstacles ----

  drawFloor() {
    const n = this.floorSize;
    const lines = { grid: [], gridMajor: [] };
    for (let i = -n; i <= n; i++) lines[i % 5 ? "grid" : "gridMajor"].push(i, -n, 0, i, n, 0, -n, i, 0, n, i, 0);
    for (const child of this.floor.children) child.geometry.dispose();
    this.floor.clear();
    for (const [name, points] of Object.entries(lines)) {
      const geometry = new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(points), 3));
      this.floor.add(new LineSegments(geometry, new LineBasicMaterial({ color: theme()[name] })));
    }
    [["x", 1, 0, 0], ["y", 0, 1, 0], ["z", 0, 0, 1]].forEach(([name, ...direction]) => {
      const axis = new Mesh(new CylinderGeometry(0.012, 0.012, 1, 8), new MeshBasicMaterial({ color: theme()[name] }));
      const along = new Vector3(...direction);
      axis.quaternion.setFromUnitVectors(new Vector3(0, 1, 0), along);
      axis.position.copy(along).multiplyScalar(0.5);
      this.floor.add(axis);
      this.label(`axis ${name}`, name === "x" ? "x 1 m" : name, along.multiplyScalar(1.06), "axis");
    });
  }

  // Boxes and upright cylinders of the scene.
  setObstacles(obstacles) {
    for (const thing of this.things.children) thing.geometry.dispose();
    this.things.clear();
    for (const o of obstacles) {
      const [x, y, z] = o.half;
      const geometry = o.kind === "box" ? new BoxGeometry(2 * x, 2 * y, 2 * z) : new CylinderGeometry(x, x, 2 * z, 24).rotateX(Math.PI / 2);
      const mesh = new Mesh(geometry, new MeshLambertMaterial({ color: theme().obstacle, transparent: true, opacity: 0.3, depthWrite: false }));
      mesh.position.set(...o.centre);
      mesh.rotation.z = o.yaw;
      this.things.add(mesh);
    }
  }

  // Takes a point into what is in view; the floor grows to hold it. Until somebody turns the view, it follows.
  include(x, y, z) {
    if (!Number.isFinite(x + y + z)) return;
    const point = new Vector3(x, y, z);
    this.bounds.expandByPoint(point);
    const at = point.project(this.camera);
    if (!this.touched && Math.max(Math.abs(at.x), Math.abs(at.y)) > 1 && performance.now() - (this.fittedAt ?? 0) > REFIT_MS) this.fit();
    const reach = Math.min(LARGEST_FLOOR, Math.ceil(Math.max(Math.abs(x), Math.abs(y)) + 0.5));
    if (reach <= this.floorSize) return;
    this.floorSize = reach;
    this.drawFloor();
  }

  // ---- views ----

  look(direction) {
    const box = this.bounds.isEmpty() ? new Box3(new Vector3(-3, -3, 0), new Vector3(3, 3, 2)) : this.bounds;
    const centre = box.getCenter(new Vector3());
    const along = new Vector3(...direction).normalize();
    const right = new Vector3().crossVectors(along, Math.abs(along.z) > 0.99 ? new Vector3(0, 1, 0) : new Vector3(0, 0, 1)).normalize();
    const up = new Vector3().crossVectors(right, along);
    const tall = Math.tan((this.camera.fov * Math.PI) / 360);
    const { clientWidth: w, clientHeight: h } = this.canvas.parentElement;
    const [across, upright] = [(tall * this.camera.aspect * this.free) / w, (tall * (h - TOOLS)) / h];
    let distance = 1.5;
    for (let corner = 0; corner < 8; corner++) {
      const v = new Vector3(corner & 1 ? box.max.x : box.min.x, corner & 2 ? box.max.y : box.min.y, corner & 4 ? box.max.z : box.min.z).sub(centre);
      const spread = Math.max(Math.abs(v.dot(up)) / upright, Math.abs(v.dot(right)) / across);
      distance = Math.max(distance, 1.12 * spread - v.dot(along));
    }
    this.controls.target.copy(centre);
    this.camera.position.copy(centre).addScaledVector(along, -distance);
    this.controls.update();
    this.ask();
  }

  fit() {
    this.fittedAt = performance.now();
    this.look([-0.45, 0.75, -0.48]);
    this.touched = false;
  }

  view(name) {
    this.touched = true;
    this.look({ top: [0, 0.0005, -1], front: [0, 1, 0], side: [-1, 0, 0] }[name]);
  }

  // ---- labels ----

  // Puts text at a point, or moves it there.
  label(key, text, point, kind, colour) {
    let label = this.labels.get(key);
    if (!label) {
      label = { element: document.createElement("span"), point: new Vector3() };
      this.labelBox.append(label.element);
      this.labels.set(key, label);
    }
    label.point.copy(point);
    label.element.textContent = text;
    label.element.className = `label ${kind}`;
    if (colour) label.element.style.borderColor = colour;
  }

  unlabel(key) {
    this.labels.get(key)?.element.remove();
    this.labels.delete(key);
  }

  placeLabels() {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const at = new Vector3();
    for (const { element, point } of this.labels.values()) {
      at.copy(point).project(this.camera);
      const shown = this.showLabels && at.z > -1 && at.z < 1 && Math.abs(at.x) < 1.05 && Math.abs(at.y) < 1.05;
      element.hidden = !shown;
      if (shown) element.style.transform = `translate(${((at.x + 1) / 2) * w}px, ${((1 - at.y) / 2) * h}px) translate(-50%, -120%)`;
    }
  }
}
