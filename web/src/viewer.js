// The page: what the daemon pushes goes to the scene, the panel and the banners.
import { Cameras } from "./cameras.js";
import { connect } from "./link.js";
import { onThemeChange, theme } from "./palette.js";
import * as panel from "./panel.js";
import { People } from "./people.js";
import { Stage } from "./stage.js";

const OLD = 1500; // ms after which a picture that came last is old
const NOBODY = 1000; // ms after which it is worth saying that nobody is seen
const PANEL_MS = 250; // between two changes of the panel
const ASTRAY_PX = 3; // a camera whose error is above this and ASTRAY_TIMES the median of the others'
const ASTRAY_TIMES = 2.5;
const ASTRAY_SECONDS = 3; // for so long was moved, or is not calibrated well

const stage = new Stage(document.getElementById("view"), document.getElementById("labels"));
const on = { ellipsoids: false, trails: true, labels: true, panel: true };
let hello = null;
let people = null;
let cameras = null;
let status = null;
let link = "connecting"; // connected, lost, ended
let frameAt = 0; // performance.now() of the last frame
let seenAt = 0; // of the last with somebody in it
let panelAt = 0;
let lastFrame = null;
let astray = []; // for how many seconds each camera has seen people elsewhere than the others
let framed = false; // whether the view was fitted to what there is

// ---- what comes in ----

function begin(message) {
  people?.remove();
  cameras?.remove();
  hello = message;
  people = new People(stage, hello);
  cameras = new Cameras(stage, hello);
  stage.setObstacles(hello.obstacles);
  status = lastFrame = null;
  astray = [];
  framed = false;
  frameAt = seenAt = performance.now();
  panel.showSession(hello);
  panel.showPeople([], hello.people);
  panel.showCameras(hello.cameras, undefined, []);
  const shades = people.shades(0);
  const css = (colour) => `#${colour.getHexString()}`;
  panel.showLegend({ left: css(shades.sides.left), right: css(shades.sides.right), carried: css(shades.dim.left) });
  applyToggles();
}

// What is to be in view: cameras, people, and where people are expected where that is not the whole world.
function frameView(frame) {
  if (framed) {
    for (const camera of frame.cameras) stage.include(...camera.position);
    for (const person of frame.people) for (const joint of person.joints) stage.include(...joint.position);
    return;
  }
  framed = true;
  stage.bounds.makeEmpty();
  for (const camera of frame.cameras) if (camera.rotation.some((r) => r !== 0)) stage.include(...camera.position);
  for (const person of frame.people) for (const joint of person.joints) stage.include(...joint.position);
  stage.include(0, 0, 0);
  stage.include(0, 0, 2);
  stage.fit();
}

function show(frame) {
  const now = performance.now();
  lastFrame = frame;
  frameAt = now;
  const told = people.show(frame);
  cameras.show(frame);
  frameView(frame);
  stage.ask();
  document.body.dataset.people = String(told.length);
  if (told.length) seenAt = now;
  if (now - panelAt < PANEL_MS) return;
  panelAt = now;
  panel.showPeople(told, hello.people);
}

function isAstray(errors, c) {
  const others = errors.filter((px, i) => i !== c && px !== null).sort((a, b) => a - b);
  return errors[c] !== null && others.length >= 2 && errors[c] > Math.max(ASTRAY_PX, ASTRAY_TIMES * others[others.length >> 1]);
}

function tell(message) {
  status = message.status;
  const sources = status.mocap?.cameras;
  const errors = message.reprojection_px;
  astray = errors.map((_, c) => (isAstray(errors, c) ? (astray[c] ?? 0) + 1 : 0));
  panel.showStatus(status);
  panel.showCameras(hello.cameras, sources, errors, astray.map((seconds) => seconds >= ASTRAY_SECONDS));
  cameras.setStates(sources ? sources.map((source) => source.state) : hello.cameras.map(() => "neutral"));
  if (lastFrame && performance.now() - frameAt > PANEL_MS) cameras.show(lastFrame), stage.ask();
}

// Where no frames come, nobody is shown: a picture that stands still would pass for people who do.
function clearOld() {
  if (!lastFrame?.people.length || performance.now() - frameAt < OLD) return;
  lastFrame = { ...lastFrame, people: [] };
  people.show(lastFrame);
  panel.showPeople([], hello.people);
  document.body.dataset.people = "0";
  stage.ask();
}

// ---- banners ----

function cameraBanners() {
  return (status?.mocap?.cameras ?? []).flatMap((source) => {
    if (source.state === "silent") return [["warn", `${source.name} is silent, last heard ${Math.round(source.age_seconds)} s ago`]];
    if (source.state === "waiting") return [["warn", `${source.name} has not been heard yet`]];
    return [];
  });
}

function banners() {
  if (link === "connecting") return [["info", "Connecting …"]];
  if (link === "ended") return [["bad", "The session has ended; waiting for the next one …"]];
  if (link === "lost") return [["bad", "Connection lost; trying again …"]];
  const now = performance.now();
  const out = [];
  if (status?.error) out.push(["bad", status.error]);
  if (status?.recording?.error) out.push(["bad", `Nothing is recorded any more: ${status.recording.error}`]);
  if (hello?.kind === "train") return [...out, ["info", "A training session has no picture to show"]];
  const silent = cameraBanners();
  if (silent.length > 3) silent.splice(0, silent.length, ["warn", `${silent.length} of ${hello.cameras.length} cameras are not heard`]);
  out.push(...silent);
  hello?.cameras.forEach((name, c) => {
    if (astray[c] >= ASTRAY_SECONDS) out.push(["warn", `${name} sees people elsewhere than the others do: was it moved?`]);
  });
  if (now - frameAt > OLD) out.push(["warn", `No frames for ${Math.round((now - frameAt) / 1000)} s`]);
  else if (now - seenAt > NOBODY) out.push(["info", "Nobody is seen"]);
  return out;
}

function look() {
  clearOld();
  panel.showBanners(banners());
  document.body.classList.toggle("lost", link === "lost" || link === "ended");
  document.body.dataset.link = link;
}

// ---- controls ----

// Beside the scene on a wide screen, below it on a phone.
function coverPanel() {
  const box = document.getElementById("panel").getBoundingClientRect();
  stage.cover(on.panel && box.left > 0 ? innerWidth - box.left : 0);
}
addEventListener("resize", coverPanel);

function applyToggles() {
  if (people) {
    people.showEllipsoids = on.ellipsoids;
    people.showTrails = on.trails;
    if (lastFrame) people.show(lastFrame);
  }
  stage.showLabels = on.labels;
  document.body.classList.toggle("panel-hidden", !on.panel);
  coverPanel();
  for (const button of document.querySelectorAll("[data-toggle]")) button.setAttribute("aria-pressed", String(on[button.dataset.toggle]));
  stage.ask();
}

function act(name) {
  if (name in on) {
    on[name] = !on[name];
    applyToggles();
  } else if (name === "home") {
    framed = false;
    if (lastFrame) frameView(lastFrame);
    else stage.fit();
  } else {
    stage.view(name);
  }
}

const KEYS = { 0: "home", 1: "top", 2: "front", 3: "side", e: "ellipsoids", t: "trails", l: "labels", p: "panel" };
addEventListener("keydown", (event) => {
  const name = KEYS[event.key.toLowerCase()];
  if (name && !event.ctrlKey && !event.metaKey && !event.altKey) act(name);
});
document.getElementById("tools").addEventListener("click", ({ target }) => {
  const name = target.dataset.do ?? target.dataset.toggle;
  if (name) act(name);
});

onThemeChange(() => {
  stage.retheme();
  if (lastFrame) show(lastFrame);
});
stage.retheme();
stage.fit();
applyToggles();
connect({
  open: () => {},
  hello: (message) => {
    link = "connected";
    begin(message);
    look();
  },
  status: tell,
  frame: show,
  closed: (ended) => {
    link = ended ? "ended" : link === "ended" ? "ended" : "lost";
    document.body.dataset.people = "0";
    look();
  },
});
look();
setInterval(look, 250);
