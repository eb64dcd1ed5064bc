// The side panel and the banners: what the session says about itself. Names come from files and peers: they are text, never HTML.

const element = (id) => document.getElementById(id);

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const number = (value, digits, unit = "") => (Number.isFinite(value) ? `${value.toFixed(digits)}${unit}` : "–");

function milliseconds(seconds) {
  return Number.isFinite(seconds) ? `${(1e3 * seconds).toPrecision(2)} ms` : "–";
}

function span(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

function recordingText(recording) {
  if (!recording) return ["off", false];
  if (recording.error) return [recording.error, true];
  const dropped = recording.dropped ? `, ${recording.dropped} dropped` : "";
  return [`${(recording.bytes / 1e6).toFixed(1)} MB, ${recording.recorded} instants${dropped}`, recording.dropped > 0];
}

// [name, text, whether it is bad] of a session.
function figures(status) {
  const rows = [["state", status.error || status.state, status.state === "failed"], ["up", span(status.elapsed_seconds)]];
  const { mocap, live, train } = status;
  if (mocap) {
    rows.push(["rate", number(mocap.fps, 1, " /s")]);
    rows.push(["latency p50", milliseconds(mocap.latency_p50_seconds)], ["latency p99", milliseconds(mocap.latency_p99_seconds)]);
    rows.push(["smoothing delay", milliseconds(mocap.filter_delay_seconds)]);
    if (mocap.refused) rows.push(["refused", `${mocap.refused}: ${mocap.trouble}`, true]);
    if (Number.isFinite(mocap.position)) rows.push(["played", number(100 * mocap.position, 0, " %")]);
  }
  if (live) {
    rows.push(["rate", number(status.steps_per_second, 1, " /s")], ["late ticks", String(live.late_ticks), live.late_ticks > 0.01 * live.ticks]);
    rows.push(["deciding", milliseconds(live.decide_seconds)], ["team's reward", number(live.team_reward, 3)]);
    if (Number.isFinite(live.mpjpe_mm)) rows.push(["error of the target", number(live.mpjpe_mm, 0, " mm")]);
  }
  if (train) {
    rows.push(["steps", `${train.env_steps} of ${status.steps_total}`], ["rate", number(status.steps_per_second, 0, " /s")]);
    rows.push(["team's reward", number(train.team_reward, 3)], ["error of the target", number(train.mpjpe_mm, 0, " mm")]);
  }
  if (!train) rows.push(["recording", ...recordingText(status.recording)]);
  return rows;
}

export function showSession(hello) {
  const what = { mocap: hello.replay ? "replay" : "motion capture", live: "camera team", train: "training" }[hello.kind] ?? hello.kind;
  document.title = `${hello.session} · Vergence`;
  element("session").textContent = hello.session;
  element("kind").textContent = `${what}, ${hello.cameras.length} cameras${hello.joint_set ? `, ${hello.joint_set}` : ""}`;
}

export function showStatus(status) {
  element("figures").replaceChildren(...figures(status).flatMap(([name, text, bad]) => [make("dt", "", name), make("dd", bad ? "bad" : "", text)]));
}

function jointsText({ lost, carried, joints }) {
  const list = (names) => (names.length > 5 ? `${names.length} joints` : names.join(", "));
  if (lost.length === joints) return "all joints lost";
  return [lost.length ? `lost: ${list(lost)}` : "", carried.length ? `carried: ${list(carried)}` : ""].filter(Boolean).join("; ") || "all joints measured";
}

export function showPeople(people, most) {
  element("people-count").textContent = `${people.length} of at most ${most}`;
  element("people").replaceChildren(...people.map((person) => {
    const row = make("li");
    const dot = make("span", "dot");
    dot.style.background = person.colour;
    row.append(dot, make("strong", "", `P${person.slot + 1}`), make("span", "", person.height ? `≈ ${person.height.toFixed(2)} m tall` : ""));
    row.append(make("span", `joints${person.lost.length ? " some" : ""}`, jointsText(person)));
    return row;
  }));
}

// `sources` is undefined where cameras are simulated; `astray` says which cameras see people elsewhere than the others do.
export function showCameras(names, sources, reprojection, astray = []) {
  const columns = sources ? ["", "state", "/s", "lost", "late", "error"] : ["", "error"];
  const active = sources?.filter((source) => source.state === "active").length;
  element("camera-count").textContent = sources ? `${active} of ${names.length} active` : String(names.length);
  const head = make("tr");
  head.append(...columns.map((text) => make("th", "", text)));
  head.lastChild.title = "How far detections lie from the skeletons projected into the camera: median, px";
  element("cameras").tHead.replaceChildren(head);
  element("cameras").tBodies[0].replaceChildren(...names.map((name, c) => {
    const row = make("tr");
    const source = sources?.[c];
    row.append(make("td", "", name));
    row.firstChild.title = name;
    if (source) row.append(make("td", `state ${source.state}`, source.state), make("td", "", source.rate_hz || source.state !== "active" ? number(source.rate_hz, 0) : "–"), make("td", "", String(source.lost)), make("td", "", String(source.late)));
    row.append(make("td", astray[c] ? "bad" : "", number(reprojection[c] ?? NaN, 1, " px")));
    return row;
  }));
}

// banners: [[kind, text], ...]
export function showBanners(banners) {
  const text = JSON.stringify(banners);
  if (showBanners.last === text) return; // a screen reader would say it again
  showBanners.last = text;
  element("banners").replaceChildren(...banners.map(([kind, words]) => make("div", `banner ${kind}`, words)));
}

// Whether the lengths of the skeleton's swatches show the first person's colours.
export function showLegend({ left, right, carried }) {
  for (const [name, colour] of Object.entries({ left, right, carried })) document.querySelector(`.swatch.${name}`).style.background = colour;
}
