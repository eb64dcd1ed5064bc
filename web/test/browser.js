// node browser.js BIN FOLDER: the page in a real browser. Starts a simulated rig and a session with the programs in BIN, opens the
// viewer in Chromium, and looks at what is drawn and said in good times and bad. Files go to FOLDER. Exit 0: all as it should
// be; 1: not; 77: no browser here.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [bin, folder] = process.argv.slice(2);
const CAMERAS = 4;
const PEOPLE = 3;
const PATIENCE = 60000; // ms: other tests run beside this one
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

function skip(why) {
  console.log(`skipping: ${why}`);
  process.exit(77);
}

const { chromium } = await import("playwright-core").catch(() => skip("playwright-core is not there; `cd web && npm ci` fetches it"));
if (!CHROMIUM) skip("chromium is not there");

function check(holds, what) {
  if (!holds) throw new Error(what);
}

// ---- the programs ----

const children = new Set();

function start(program, args) {
  const child = spawn(`${bin}/${program}`, args, { env: { ...process.env, VERGENCE_STATE: `${folder}/state` }, stdio: ["ignore", "ignore", "pipe"] });
  child.ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
  child.lines = createInterface(child.stderr);
  children.add(child);
  return child;
}

async function stop(child, signal) {
  children.delete(child);
  child.kill(signal);
  return child.ended;
}

async function until(what, holds) {
  const began = Date.now();
  while (!(await holds())) {
    check(Date.now() - began < PATIENCE, `waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startRig() {
  rmSync(`${folder}/rig.toml`, { force: true });
  const rig = start("vergence", ["sim", "--keypoints", `ipc://${folder}/kp`, "--calibration", `${folder}/rig.toml`, "--cameras", `${CAMERAS}`, "--people", `${PEOPLE}`, "--rate", "30", "--seed", "2"]);
  await until("the rig's calibration", () => existsSync(`${folder}/rig.toml`));
  return rig;
}

// Cam2 was pushed half a metre aside since the rig was calibrated.
function pushCamera() {
  const rig = readFileSync(`${folder}/rig.toml`, "utf8").split("[cam2]");
  check(rig.length === 2, "the calibration has a cam2");
  rig[1] = rig[1].replace(/translation = \[ *([-\d.e]+)/, (_, x) => `translation = [ ${Number(x) + 0.5}`);
  writeFileSync(`${folder}/rig.toml`, rig.join("[cam2]"));
}

// Returns the daemon and where its viewer is.
async function startSession(port) {
  writeFileSync(`${folder}/page.yaml`, `session: {name: page, kind: mocap, folder: ${folder}/page}
world: {kind: live, endpoint: "ipc://${folder}/kp", calibration: ${folder}/rig.toml, people: 6, rate_hz: 30}
record: {enabled: false}
web: {listen: "127.0.0.1:${port}"}
`);
  const daemon = start("vergenced", ["--config", `${folder}/page.yaml`, "--foreground"]);
  const url = await new Promise((resolve, reject) => {
    const log = [];
    daemon.lines.on("line", (line) => {
      log.push(line);
      const found = line.match(/viewer at (\S+)/);
      if (found) resolve(found[1]);
    });
    daemon.ended.then((code) => reject(new Error(`vergenced ended (${code}): ${log.join("\n")}`)));
  });
  return [daemon, url];
}

// ---- what is to be seen ----

const banner = (page) => page.locator("#banners").innerText();

async function seesEverybody(page) {
  await page.waitForFunction((n) => document.body.dataset.people === String(n), PEOPLE, { timeout: PATIENCE });
  check((await page.locator(".label.person:visible").count()) === PEOPLE, "every person has a label");
  check((await page.locator("#people li").count()) <= 6, "the panel lists people");
}

// Pixels of the canvas by colour: how many differ from the most frequent one, and how many have each of the people's hues.
async function pixels(browser, page) {
  const picture = (await page.locator("#view").screenshot()).toString("base64");
  const blank = await browser.newPage();
  const counts = await blank.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data: bytes } = context.getImageData(0, 0, image.width, image.height);
    const colours = new Map();
    const hues = { blue: 0, orange: 0, green: 0 };
    for (let i = 0; i < bytes.length; i += 4) {
      const [r, g, b] = bytes.subarray(i, i + 3);
      colours.set((r << 16) | (g << 8) | b, (colours.get((r << 16) | (g << 8) | b) ?? 0) + 1);
      if (b > r + 60 && b > g + 40) hues.blue++;
      if (r > g + 30 && g > b + 30) hues.orange++;
      if (g > r + 40 && g > b + 30) hues.green++;
    }
    return { ...hues, all: bytes.length / 4, ground: Math.max(...colours.values()) };
  }, picture);
  await blank.close();
  return { ...counts, picture };
}

// Contrast of text and ground (WCAG 2), of the page's colours by name.
async function contrasts(page) {
  return page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const luminance = (name) => {
      const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const pairs = ["text", "soft", "good", "wait", "bad"].map((name) => [`--${name}`, "--card"]);
    pairs.push(["--warn-text", "--warn-ground"], ["--bad-text", "--bad-ground"], ["--info-text", "--info-ground"]);
    return pairs.map(([a, b]) => {
      const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
      return [`${a} on ${b}`, (x + 0.05) / (y + 0.05)];
    });
  });
}

async function look(browser) {
  let rig = await startRig();
  let [daemon, url] = await startSession(0);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && !/WebSocket connection/.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => request.url().startsWith(url) || complaints.push(`a request to ${request.url()}`));
  await page.goto(url);

  await seesEverybody(page);
  await until("all cameras active", async () => (await page.locator("td.state.active").count()) === CAMERAS);
  check((await page.locator(".label.camera:visible").count()) === CAMERAS, "every camera has a name");
  await until("no banner", async () => (await banner(page)) === "");
  await until("figures", async () => /latency p99\s+[\d.]+ ms/.test(await page.locator("#figures").innerText()));
  const drawn = await pixels(browser, page);
  check(drawn.ground < 0.995 * drawn.all, "something is drawn");
  check(Math.min(drawn.blue, drawn.orange, drawn.green) > 30, `three people in three colours: ${drawn.blue}, ${drawn.orange}, ${drawn.green} pixels`);
  console.log("ok: people, cameras, figures");

  await until("people move", async () => (await pixels(browser, page)).picture !== drawn.picture);
  await page.keyboard.press("e");
  check((await page.locator("[data-toggle=ellipsoids]").getAttribute("aria-pressed")) === "true", "E shows the uncertainty");
  await page.keyboard.press("l");
  await until("names hidden", async () => (await page.locator(".label:visible").count()) === 0);
  await page.keyboard.press("l");
  for (const key of ["1", "2", "3", "0"]) await page.keyboard.press(key);
  await until("names again", async () => (await page.locator(".label.camera:visible").count()) === CAMERAS);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [pair, ratio] of await contrasts(page)) check(ratio >= 4.5, `${colorScheme}: contrast of ${pair} is ${ratio.toFixed(2)}`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const box = await page.locator("#view").boundingBox();
  check(box.width === 390 && box.height > 300, "the scene has room on a phone");
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out on a phone");
  await page.setViewportSize({ width: 1280, height: 800 });
  console.log("ok: keys, themes, sizes");

  await stop(rig, "SIGKILL");
  await until("a banner about cameras", async () => /not heard|silent/.test(await banner(page)));
  await until("a banner about frames", async () => /No frames/.test(await banner(page)));
  await stop(daemon, "SIGKILL");
  await until("a banner about the connection", async () => /Connection lost/.test(await banner(page)));
  rig = await startRig();
  [daemon] = await startSession(new URL(url).port);
  await seesEverybody(page);
  await until("no banner again", async () => (await banner(page)) === "");
  await stop(daemon, "SIGKILL");
  pushCamera();
  [daemon] = await startSession(new URL(url).port);
  await until("a banner about the camera that was moved", async () => /cam2 sees people elsewhere/.test(await banner(page)));
  check((await page.locator("#cameras td.bad").count()) === 1, "one camera's error is marked");
  check((await stop(daemon, "SIGTERM")) === 0, "SIGTERM ends a session with a viewer gracefully");
  await until("a banner about the end", async () => /session has ended/.test(await banner(page)));
  await stop(rig, "SIGTERM");
  check(complaints.length === 0, `the browser complains: ${complaints.join("; ")}`);
  console.log("ok: lost, found, ended");
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"] });
let code = 0;
try {
  await look(browser);
} catch (error) {
  console.log(`failed: ${error.stack}`);
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    console.log(`the page says: ${(await page.locator("body").innerText().catch(() => "nothing")).replace(/\n/g, " | ")}`);
  }
  code = 1;
}
for (const child of children) child.kill("SIGKILL");
await browser.close();
process.exit(code);
