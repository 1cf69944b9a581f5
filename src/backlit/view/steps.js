"use strict";
const byId = (id) => document.getElementById(id);
const svgMark = (mark) => byId("a_" + mark);
const marks = [...new Set(steps.flatMap((step) => step.show))];
let timer = null;

// What is known so far is shown, and the box where something happens is outlined.
function show() {
  const known = new Set(steps.slice(0, at + 1).flatMap((step) => step.show));
  for (const mark of marks) svgMark(mark)?.classList.toggle("hidden", !known.has(mark));
  document.querySelectorAll(".now").forEach((box) => box.classList.remove("now"));
  const step = steps[at];
  byId(step.box)?.classList.add("now");
  byId("phase").textContent = step.phase;
  byId("count").textContent = `step ${at + 1} of ${steps.length}`;
  byId("text").textContent = step.text;
  byId("back").disabled = byId("first").disabled = at === 0;
  byId("next").disabled = byId("last").disabled = at === steps.length - 1;
}

function go(to) {
  at = Math.max(0, Math.min(steps.length - 1, to));
  if (at === steps.length - 1) pause();
  show();
}

function pause() {
  clearInterval(timer);
  timer = null;
  byId("play").textContent = "▶ Play";
}

function play() {
  if (timer !== null) return pause();
  if (at === steps.length - 1) go(0);
  timer = setInterval(() => go(at + 1), 1500);
  byId("play").textContent = "❚❚ Pause";
}

const actions = {
  first: () => go(0),
  back: () => go(at - 1),
  play,
  next: () => go(at + 1),
  last: () => go(steps.length - 1),
};
const keys = { Home: "first", ArrowLeft: "back", " ": "play", ArrowRight: "next", End: "last" };
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  const action = keys[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  actions[action]();
});
show();
