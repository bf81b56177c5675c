"use strict";
// Shows one function at a time, as three lists of rows. Rows that came from the same operator carry
// the same `data-operator`, its offset in the module; lighting is a matter of that alone.
const data = JSON.parse(document.getElementById("data").textContent);
const panes = ["wasm", "clif", "asm"];
const pane = (name) => document.getElementById(name);
let shown = null;
let pinned = null;

function element(kind, className, text) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
}

/// Hues by the order in which operators come: neighbours differ clearly.
function hues(functionData) {
    const order = new Map();
    for (const name of panes)
        for (const row of functionData[name])
            if (row[0] !== null && !order.has(row[0])) order.set(row[0], order.size);
    return (operator) => (order.get(operator) * 137.5) % 360;
}

function show(position) {
    const functionData = data.functions[position];
    if (!functionData) return;
    shown = position;
    pinned = null;
    const hue = hues(functionData);
    for (const name of panes) {
        const rows = functionData[name].map(([operator, at, text, place]) => {
            const row = element("div", "row");
            row.append(element("span", "at", at), element("span", "text", text));
            if (place) row.append(element("span", "place", place));
            if (operator !== null) {
                row.dataset.operator = operator;
                row.style.setProperty("--hue", hue(operator));
            }
            return row;
        });
        pane(name).replaceChildren(...rows);
        pane(name).scrollTop = 0;
    }
    document.querySelectorAll("#functions button").forEach((button) => {
        if (Number(button.dataset.position) === position) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
    });
}

const rowsOf = (name, operator) => pane(name).querySelectorAll(`[data-operator="${operator}"]`);

/// Lights what came from `operator`, and brings it into view in the panes other than `from`.
function light(operator, from) {
    document.querySelectorAll(".lit").forEach((row) => row.classList.remove("lit"));
    if (operator === null) return;
    for (const name of panes) {
        const rows = rowsOf(name, operator);
        rows.forEach((row) => row.classList.add("lit"));
        if (name !== from && rows.length > 0) bring(pane(name), rows[0]);
    }
}

function bring(scroller, row) {
    const top = row.offsetTop - scroller.offsetTop;
    const visible = top >= scroller.scrollTop && top + row.offsetHeight <= scroller.scrollTop + scroller.clientHeight;
    if (!visible) scroller.scrollTop = Math.max(0, top - scroller.clientHeight / 3);
}

function pin(operator, from) {
    pinned = operator;
    light(operator, from);
    const place = operator === null ? "" : `&o=${Number(operator).toString(16)}`;
    history.replaceState(null, "", `#f=${data.functions[shown].index}${place}`);
}

/// What the address says: `#f=FUNCTION&o=OPERATOR`.
function follow() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const index = Number(asked.get("f"));
    const position = asked.has("f") ? data.functions.findIndex((it) => it.index === index) : 0;
    show(Math.max(0, position));
    if (asked.has("o")) pin(String(parseInt(asked.get("o"), 16)), null);
}

for (const name of panes) {
    const operatorOf = (event) => event.target.closest("[data-operator]")?.dataset.operator ?? null;
    pane(name).addEventListener("mouseover", (event) => {
        if (pinned === null) light(operatorOf(event), name);
    });
    pane(name).addEventListener("mouseleave", () => light(pinned, name));
    pane(name).addEventListener("click", (event) => {
        const operator = operatorOf(event);
        pin(operator === pinned ? null : operator, name);
    });
}

document.addEventListener("keydown", (event) => {
    if (event.target.id === "filter") return;
    if (event.key === "Escape") pin(null, null);
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const operators = [...new Set(data.functions[shown].wasm.map((row) => row[0]))]
        .filter((operator) => operator !== null)
        .map(String);
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = pinned === null ? 0 : operators.indexOf(pinned) + step;
    if (operators[next] !== undefined) pin(operators[next], null);
    event.preventDefault();
});

document.title = `${data.title} · brolga explore`;
document.getElementById("title").textContent = data.title;
document.getElementById("about").textContent = data.about;
document.getElementById("functions").append(
    ...data.functions.map(({ index, name }, position) => {
        const button = element("button");
        button.dataset.position = position;
        button.title = name;
        button.append(element("span", "index", index), element("span", "name", name));
        button.addEventListener("click", () => {
            show(position);
            pin(null, null);
        });
        const item = element("li");
        item.append(button);
        return item;
    }),
);
document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    document.querySelectorAll("#functions li").forEach((item) => {
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
    });
});
window.addEventListener("hashchange", follow);
follow();
