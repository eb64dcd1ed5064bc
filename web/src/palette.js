// Colours: of people, by their slot; of everything else, by the system's theme.
import { Color } from "three";

// Told apart by hue and lightness, on light and dark ground.
const PEOPLE = ["#2f80ed", "#f2994a", "#27ae60", "#d946ef", "#e0484d", "#12b3c7", "#a3a51a", "#8b6cf0"];

export function colourOf(slot) {
  return slot < PEOPLE.length ? PEOPLE[slot] : `hsl(${(slot * 137.5) % 360}, 62%, 52%)`;
}

const darkness = matchMedia("(prefers-color-scheme: dark)");

const THEMES = {
  light: { ground: "#f4f6f8", grid: "#d5dce2", gridMajor: "#aeb9c3", pale: "#dfe5ea", obstacle: "#9aa7b4",
    active: "#0f8f86", neutral: "#5b6673", waiting: "#8f99a3", silent: "#d92d20", x: "#d33a3a", y: "#26913f", z: "#2f6fd6" },
  dark: { ground: "#10151b", grid: "#222c36", gridMajor: "#3b4856", pale: "#f3f6f9", obstacle: "#55636f",
    active: "#3cc9bb", neutral: "#9fb0bf", waiting: "#5f6b77", silent: "#ff6b5c", x: "#ff6b6b", y: "#4cc46a", z: "#6aa5ff" },
};

export function theme() {
  return THEMES[darkness.matches ? "dark" : "light"];
}

export function onThemeChange(then) {
  darkness.addEventListener("change", then);
}

export function mix(a, b, share) {
  return new Color(a).lerp(new Color(b), share);
}
